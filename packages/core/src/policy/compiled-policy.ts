/**
 * A policy made ready for many nodes: its rules between interned lists of sources and targets, and indexes
 * that tell for a node at once which lists it is in.
 *
 * Without `acls` and `grants` the one rule is "everybody to everybody". A grant of some capabilities goes with
 * one in the other direction, which clients need to see each other for the feature.
 */
import type { JsonValue } from '../base/json.js';
import { ALL_PORTS } from '../engines/filter-rule.js';
import { Identities } from './access-node.js';
import type { AccessRule, Allowance, Policy, SshRule } from './policy.js';
import type { Selector } from './selector.js';
import { SelectorIndex, type Slot } from './selector-index.js';

export interface CompiledRule {
  readonly sources: Slot;
  /** `self`: the source user's own machines. */
  readonly targets: Slot | 'self';
  readonly allows: readonly Allowance[];
  readonly capabilities: ReadonlyMap<string, readonly JsonValue[]>;
}

export interface CompiledSshRule {
  readonly sources: Slot;
  readonly targets: Slot | 'self';
  readonly rule: SshRule;
}

const EVERYBODY: readonly Selector[] = [{ kind: 'any' }];
const OPEN_RULE: AccessRule = {
  line: 0,
  sources: EVERYBODY,
  targets: EVERYBODY,
  allows: [{ protocols: undefined, ports: [ALL_PORTS] }],
  capabilities: new Map(),
};

/** A grant of the first means one of the second in the other direction. */
const COMPANIONS: ReadonlyMap<string, string> = new Map([
  ['tailscale.com/cap/drive', 'tailscale.com/cap/drive-sharer'],
  ['tailscale.com/cap/relay', 'tailscale.com/cap/relay-target'],
]);

export class CompiledPolicy {
  readonly policy: Policy;
  readonly identities: Identities;
  readonly sources = new SelectorIndex();
  readonly targets = new SelectorIndex();
  /** Target lists of `nodeAttrs`; the slot is that of the list, names are in {@link attributes}. */
  readonly attributeTargets = new SelectorIndex();
  readonly rules: readonly CompiledRule[];
  readonly sshRules: readonly CompiledSshRule[];
  readonly #attributes: Set<string>[] = [];
  /** Rules (numbers in {@link rules}) by their sources, by their targets. */
  readonly rulesBySource: readonly (readonly number[])[];
  readonly rulesByTarget: readonly (readonly number[])[];
  readonly sshRulesBySource: readonly (readonly number[])[];

  constructor(policy: Policy) {
    this.policy = policy;
    this.identities = new Identities(policy);
    const rules = policy.isOpen ? [OPEN_RULE] : policy.rules.flatMap(withCompanion);
    this.rules = rules.flatMap((rule) =>
      this.#compile(rule).map((slots) => ({
        ...slots,
        allows: rule.allows,
        capabilities: rule.capabilities,
      })),
    );
    this.sshRules = policy.ssh.flatMap((rule) =>
      this.#compile(rule).map((slots) => ({ ...slots, rule })),
    );
    for (const { targets, names } of policy.nodeAttributes) {
      const slot = this.attributeTargets.add(targets);
      const known = this.#attributes[slot] ?? new Set();
      for (const name of names) known.add(name);
      this.#attributes[slot] = known;
    }
    const [sources, targets] = [this.sources.lists.length, this.targets.lists.length];
    this.rulesBySource = numbersBy(sources, this.rules, (rule) => rule.sources);
    this.rulesByTarget = numbersBy(targets, this.rules, (rule) => rule.targets);
    this.sshRulesBySource = numbersBy(sources, this.sshRules, (rule) => rule.sources);
  }

  /** Attribute names of a target list of `nodeAttrs`. */
  attributes(slot: Slot): ReadonlySet<string> {
    return this.#attributes[slot] ?? new Set();
  }

  /** A rule's lists: `autogroup:self` is a rule of its own. */
  #compile(
    rule: Pick<AccessRule, 'sources' | 'targets'>,
  ): readonly { sources: Slot; targets: Slot | 'self' }[] {
    const sources = this.sources.add(rule.sources);
    const others = rule.targets.filter(({ kind }) => kind !== 'self');
    return [
      ...(others.length === 0 ? [] : [{ sources, targets: this.targets.add(others) }]),
      ...(others.length === rule.targets.length ? [] : [{ sources, targets: 'self' as const }]),
    ];
  }
}

function withCompanion(rule: AccessRule): readonly AccessRule[] {
  const companions = [...rule.capabilities.keys()].flatMap((name) => COMPANIONS.get(name) ?? []);
  if (companions.length === 0) return [rule];
  const capabilities = new Map(companions.map((name) => [name, []]));
  const own = rule.targets.filter(({ kind }) => kind === 'self');
  const others = rule.targets.filter(({ kind }) => kind !== 'self' && kind !== 'internet');
  // Nobody's own machines but the user's own: the other direction has the same ends.
  const back = { line: rule.line, allows: [], capabilities };
  return [
    rule,
    ...(own.length === 0 ? [] : [{ ...back, sources: rule.sources, targets: own }]),
    ...(others.length === 0 ? [] : [{ ...back, sources: others, targets: rule.sources }]),
  ];
}

function numbersBy<Rule>(
  slots: number,
  rules: readonly Rule[],
  slotOf: (rule: Rule) => Slot | 'self',
): readonly (readonly number[])[] {
  const numbers: number[][] = Array.from({ length: slots }, () => []);
  for (const [number, rule] of rules.entries()) {
    const slot = slotOf(rule);
    if (slot !== 'self') numbers[slot]?.push(number);
  }
  return numbers;
}
