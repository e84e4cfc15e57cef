/**
 * Which routes of others a node has to do with: those that a rule lets it reach, and those whose machines a rule
 * lets reach it, for their packets come in through the same door. The rest it is not told.
 *
 *     target *                            every route, exit routes too
 *     target with addresses               routes that overlap them; exit routes if they are all of a family
 *     target autogroup:internet           exit routes
 *     a machine or its own user's         none: what is meant is the machine itself
 *     source * or with addresses, to it   subnet routes, likewise
 *
 * All nodes of one class (access-table.ts) have one answer.
 *
 * Source: headscale's ReduceRoutes and CanAccessRoute, which leave exit routes to everybody.
 */
import { isDefaultRoute, type Prefix } from '../ip/prefix.js';
import type { AccessNodeId } from './access-node.js';
import type { AccessClass, AccessTable } from './access-table.js';
import { type AddressRange, rangeContains, rangeOfPrefix, rangesOverlap } from './address-set.js';
import type { CompiledPolicy, CompiledRule } from './compiled-policy.js';
import type { SelectorList } from './selector-index.js';

const WHOLE_FAMILIES: readonly AddressRange[] = (['0.0.0.0/0', '::/0'] as Prefix[]).map(
  rangeOfPrefix,
);

/** Answers kept at a time; routes of a network are some hundreds. */
const knownMax = 4096;

export class RouteReach {
  readonly #hasAllSubnets: boolean;
  readonly #hasExits: boolean;
  readonly #ranges: readonly AddressRange[];
  readonly #known = new Map<Prefix, boolean>();

  constructor(hasAllSubnets: boolean, hasExits: boolean, ranges: readonly AddressRange[]) {
    this.#hasAllSubnets = hasAllSubnets;
    this.#hasExits = hasExits;
    this.#ranges = ranges;
  }

  /** True: no route is kept from it. */
  get isEverything(): boolean {
    return this.#hasAllSubnets && this.#hasExits;
  }

  has(route: Prefix): boolean {
    if (isDefaultRoute(route)) return this.#hasExits;
    if (this.#hasAllSubnets) return true;
    let isIn = this.#known.get(route);
    if (isIn === undefined) {
      const range = rangeOfPrefix(route);
      isIn = this.#ranges.some((one) => rangesOverlap(one, range));
      if (this.#known.size >= knownMax) this.#known.clear();
      this.#known.set(route, isIn);
    }
    return isIn;
  }
}

/** Of who is not there. */
export const NO_REACH = new RouteReach(false, false, []);

const reaches = new WeakMap<AccessClass, RouteReach>();

/** What a node has to do with; the same object for all of its class. */
export function routeReachOf(table: AccessTable, id: AccessNodeId): RouteReach {
  const accessClass = table.entry(id)?.accessClass;
  if (accessClass === undefined) return NO_REACH;
  let reach = reaches.get(accessClass);
  if (reach === undefined) {
    reach = reachOfClass(table.compiled, accessClass);
    reaches.set(accessClass, reach);
  }
  return reach;
}

function reachOfClass(compiled: CompiledPolicy, { sources, targets }: AccessClass): RouteReach {
  const { rules, rulesBySource, rulesByTarget } = compiled;
  const reached = new Set<SelectorList>();
  const reaching = new Set<SelectorList>();
  const add = (rule: CompiledRule | undefined, lists: Set<SelectorList>, isBack: boolean): void => {
    // A rule of capabilities alone lets no packet through.
    if (rule === undefined || rule.targets === 'self' || rule.allows.length === 0) return;
    const list = isBack
      ? compiled.sources.lists[rule.sources]
      : compiled.targets.lists[rule.targets];
    if (list !== undefined) lists.add(list);
  };
  for (const slot of sources) {
    for (const number of rulesBySource[slot] ?? []) add(rules[number], reached, false);
  }
  for (const slot of targets) {
    for (const number of rulesByTarget[slot] ?? []) add(rules[number], reaching, true);
  }
  const hasAny = (list: SelectorList): boolean => list.identities.has('*');
  const rangesOf = (list: SelectorList): readonly AddressRange[] =>
    list.literals.map(({ range }) => range);
  const hasExits = [...reached].some(
    (list) => hasAny(list) || list.hasInternet || rangesOf(list).some(isWholeFamily),
  );
  const all = [...reached, ...reaching];
  return new RouteReach(all.some(hasAny), hasExits, all.flatMap(rangesOf));
}

function isWholeFamily(range: AddressRange): boolean {
  return WHOLE_FAMILIES.some((whole) => rangeContains(range, whole));
}
