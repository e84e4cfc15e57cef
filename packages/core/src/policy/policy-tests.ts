/**
 * The tests that a policy carries, run before it counts. They speak of users, tags and addresses, and hold
 * whether or not a machine is there: `accept` means that a machine of the source reaches each of the targets on
 * that port, `deny` that it reaches none. A group must be accepted, or denied, member by member.
 *
 * With nodes known, an address is the machine that has it, with its owner, tags and routes.
 */
import { PROTOCOL } from '../engines/filter-rule.js';
import type { AccessNode, Subject } from './access-node.js';
import {
  type AddressRange,
  INTERNET_RANGES,
  OVERLAY_RANGES,
  rangeContains,
} from './address-set.js';
import type { CompiledPolicy, CompiledRule } from './compiled-policy.js';
import type { PolicyTest, SshTest, TestTarget } from './policy.js';
import { formatSelector, type Selector } from './selector.js';
import type { Slot } from './selector-index.js';
import { sshRuleNames } from './ssh-rules.js';

export interface TestFailure {
  /** Where the test, or its target, stands in the file. */
  readonly line: number;
  readonly problem: string;
}

const NO_ROUTES: readonly AddressRange[] = [];
/** Protocols of a test that names none: one of them must pass to accept, none to deny. */
const EITHER: readonly number[] = [PROTOCOL.tcp, PROTOCOL.udp];

function subjectOf(identities: ReadonlySet<string>, login = ''): Subject {
  return { identities, addresses: [], routes: NO_ROUTES, isExitNode: false, login };
}

class Trial {
  readonly #compiled: CompiledPolicy;
  readonly #nodes: readonly Subject[];

  constructor(compiled: CompiledPolicy, nodes: readonly AccessNode[]) {
    this.#compiled = compiled;
    this.#nodes = nodes.map((node) => compiled.identities.subject(node));
  }

  /** All that a selector of a test stands for; every one of them must pass. */
  subjects(selector: Selector): readonly Subject[] {
    const { identities, policy } = this.#compiled;
    switch (selector.kind) {
      case 'user':
        return [subjectOf(identities.ofUser(selector.user), selector.user)];
      case 'group': {
        const users = policy.groups.get(selector.group) ?? [];
        return users.map((user) => subjectOf(identities.ofUser(user), user));
      }
      case 'tag':
        return [subjectOf(identities.ofTags([selector.tag]))];
      case 'addresses':
        return [this.#addressSubject(selector.range)];
      case 'member':
      case 'tagged':
        return [subjectOf(new Set(['*', selector.kind]))];
      case 'any':
        return [subjectOf(new Set(['*']))];
      case 'self':
      case 'internet':
      case 'danger-all':
        return [];
    }
  }

  #addressSubject(range: AddressRange): Subject {
    const holder = this.#nodes.find(({ addresses }) =>
      addresses.some((address) => rangeContains(address, range)),
    );
    if (holder !== undefined) return holder;
    const isOurs = OVERLAY_RANGES.some((overlay) => rangeContains(overlay, range));
    return {
      ...subjectOf(new Set(isOurs ? ['*'] : [])),
      addresses: [range],
      isExitNode: INTERNET_RANGES.some((internet) => rangeContains(internet, range)),
    };
  }

  /** Rules between the two, those of own machines too. */
  between<Rule extends Pick<CompiledRule, 'sources' | 'targets'>>(
    rules: readonly Rule[],
    source: Subject,
    target: Subject,
  ): readonly Rule[] {
    const { sources, targets } = this.#compiled;
    const named = sources.byIdentity(source.identities);
    const from = new Set<Slot>([...named, ...sources.byAddress(source)]);
    const to = new Set<Slot>([
      ...targets.byIdentity(target.identities),
      ...targets.byAddress(target),
    ]);
    // What a rule for any target means holds for addresses behind routers too.
    for (const list of targets.lists) if (list.identities.has('*')) to.add(list.slot);
    for (const list of sources.lists) {
      if (list.selectors.some(({ kind }) => kind === 'danger-all')) from.add(list.slot);
    }
    const isOwn = source.login !== '' && source.login === target.login;
    return rules.filter((rule) =>
      rule.targets === 'self'
        ? isOwn && named.includes(rule.sources)
        : from.has(rule.sources) && to.has(rule.targets),
    );
  }

  passes(source: Subject, target: Subject, protocol: number, port: number): boolean {
    return this.between(this.#compiled.rules, source, target).some(({ allows }) =>
      allows.some(
        ({ protocols, ports }) =>
          (protocols === undefined ? isDefault(protocol) : protocols.includes(protocol)) &&
          ports.some(({ first, last }) => first <= port && port <= last),
      ),
    );
  }
}

const isDefault = (protocol: number): boolean =>
  ([PROTOCOL.tcp, PROTOCOL.udp, PROTOCOL.icmp, PROTOCOL.icmpv6] as number[]).includes(protocol);

function judge(trial: Trial, test: PolicyTest): readonly TestFailure[] {
  const sources = trial.subjects(test.source);
  const name = formatSelector(test.source);
  if (sources.length === 0) {
    return [{ line: test.line, problem: `the test is about nobody: ${name} is empty` }];
  }
  const protocols = test.protocol === undefined ? EITHER : [test.protocol];
  const reaches = (target: TestTarget, every: boolean): boolean => {
    const pairs = trial
      .subjects(target.selector)
      .flatMap((to) => sources.map((from) => ({ from, to })));
    const passes = ({ from, to }: (typeof pairs)[number]): boolean =>
      protocols.some((protocol) => trial.passes(from, to, protocol, target.port));
    return every ? pairs.length > 0 && pairs.every(passes) : pairs.some(passes);
  };
  return [
    ...test.accept
      .filter((target) => !reaches(target, true))
      .map(({ line, text }) => ({
        line,
        problem: `${name} must reach ${text}, and no rule lets it`,
      })),
    ...test.deny
      .filter((target) => reaches(target, false))
      .map(({ line, text }) => ({
        line,
        problem: `${name} must not reach ${text}, and a rule lets it`,
      })),
  ];
}

type SshOutcome = 'accept' | 'check' | 'deny';

function judgeSsh(trial: Trial, compiled: CompiledPolicy, test: SshTest): readonly TestFailure[] {
  const name = formatSelector(test.source);
  const sources = trial.subjects(test.source);
  const outcomes = (user: string): ReadonlySet<SshOutcome> => {
    const found = new Set<SshOutcome>();
    for (const source of sources) {
      for (const target of test.targets.flatMap((selector) => targetsOf(trial, selector, source))) {
        const rules = trial.between(compiled.sshRules, source, target);
        const first = rules.find(({ rule }) => sshRuleNames(rule, source.login, user));
        found.add(first?.rule.action ?? 'deny');
      }
    }
    return found;
  };
  const wanted: readonly (readonly [SshOutcome, readonly string[]])[] = [
    ['accept', test.accept],
    ['check', test.check],
    ['deny', test.deny],
  ];
  return wanted.flatMap(([outcome, users]) =>
    users.flatMap((user) => {
      const found = outcomes(user);
      if (found.size === 1 && found.has(outcome)) return [];
      const words = found.size === 0 ? 'nobody is concerned' : [...found].join(' and ');
      return [
        {
          line: test.line,
          problem: `ssh of ${name} as ${user} must come to ${outcome}, and comes to ${words}`,
        },
      ];
    }),
  );
}

function targetsOf(trial: Trial, selector: Selector, source: Subject): readonly Subject[] {
  return selector.kind === 'self' ? [source] : trial.subjects(selector);
}

/** Runs all tests of the policy; no failures: it does what its author wants. */
export function runPolicyTests(
  compiled: CompiledPolicy,
  nodes: readonly AccessNode[] = [],
): readonly TestFailure[] {
  const trial = new Trial(compiled, nodes);
  return [
    ...compiled.policy.tests.flatMap((test) => judge(trial, test)),
    ...compiled.policy.sshTests.flatMap((test) => judgeSsh(trial, compiled, test)),
  ].sort((one, other) => one.line - other.line);
}
