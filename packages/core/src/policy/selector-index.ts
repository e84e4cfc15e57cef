/**
 * Which of many selector lists a subject matches, without going through all of them: identities and single
 * addresses are looked up, only wider ranges are compared one by one.
 *
 * Lists are interned: equal ones have one number, their slot.
 */
import type { IpFamily } from '../ip/address.js';
import { type Subject, selectorIdentity } from './access-node.js';
import { type AddressRange, rangeContains, rangesOverlap } from './address-set.js';
import { type Selector, selectorsKey } from './selector.js';

/** The number of a list. */
export type Slot = number;

interface RangeSlot {
  readonly range: AddressRange;
  readonly slot: Slot;
}

/** A list as it was added. */
export interface SelectorList {
  readonly slot: Slot;
  readonly selectors: readonly Selector[];
  /** Identities that the list asks for. */
  readonly identities: ReadonlySet<string>;
  readonly literals: readonly Extract<Selector, { kind: 'addresses' }>[];
  readonly hasInternet: boolean;
}

const hostKey = (family: IpFamily, first: bigint): string => `${family} ${first}`;

export class SelectorIndex {
  readonly lists: SelectorList[] = [];
  readonly #slots = new Map<string, Slot>();
  readonly #byIdentity = new Map<string, Slot[]>();
  readonly #byHost = new Map<string, Slot[]>();
  readonly #wide: RangeSlot[] = [];
  readonly #ranges: RangeSlot[] = [];
  readonly #internet: Slot[] = [];

  /** The slot of a list, a new one unless an equal list was added before. */
  add(selectors: readonly Selector[]): Slot {
    const key = selectorsKey(selectors);
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const slot = this.lists.length;
    this.#slots.set(key, slot);
    const identities = new Set(selectors.flatMap((selector) => selectorIdentity(selector) ?? []));
    const literals = selectors.filter((selector) => selector.kind === 'addresses');
    const hasInternet = selectors.some(({ kind }) => kind === 'internet');
    this.lists.push({ slot, selectors, identities, literals, hasInternet });
    for (const identity of identities) append(this.#byIdentity, identity, slot);
    for (const { range } of literals) this.#addRange(range, slot);
    if (hasInternet) this.#internet.push(slot);
    return slot;
  }

  #addRange(range: AddressRange, slot: Slot): void {
    this.#ranges.push({ range, slot });
    if (range.first === range.last) append(this.#byHost, hostKey(range.family, range.first), slot);
    else this.#wide.push({ range, slot });
  }

  /** Slots of the lists that name one of these identities, ascending. */
  byIdentity(identities: ReadonlySet<string>): readonly Slot[] {
    const found = new Set<Slot>();
    for (const identity of identities) {
      for (const slot of this.#byIdentity.get(identity) ?? []) found.add(slot);
    }
    return ascending(found);
  }

  /**
   * Slots of the lists that name an address of the subject, some of its routes, or the internet that it leads
   * to, ascending.
   */
  byAddress(subject: Pick<Subject, 'addresses' | 'routes' | 'isExitNode'>): readonly Slot[] {
    const found = new Set<Slot>(subject.isExitNode ? this.#internet : []);
    for (const range of subject.addresses) {
      if (range.first === range.last) {
        for (const slot of this.#byHost.get(hostKey(range.family, range.first)) ?? []) {
          found.add(slot);
        }
      }
      for (const wide of this.#wide) if (rangeContains(wide.range, range)) found.add(wide.slot);
    }
    for (const route of subject.routes) {
      for (const { range, slot } of this.#ranges) if (rangesOverlap(range, route)) found.add(slot);
    }
    return ascending(found);
  }
}

function ascending(slots: ReadonlySet<Slot>): readonly Slot[] {
  return [...slots].sort((one, other) => one - other);
}

function append<Key>(map: Map<Key, Slot[]>, key: Key, slot: Slot): void {
  const slots = map.get(key);
  if (slots === undefined) map.set(key, [slot]);
  else if (slots.at(-1) !== slot) slots.push(slot);
}
