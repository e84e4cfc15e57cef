/**
 * Sets of addresses as inclusive ranges of numbers: merged, subtracted, and written as clients of the map
 * protocol read them (address, prefix, or `a-b`).
 */
import { familyOf, type IpAddress, type IpFamily, parseAddress } from '../ip/address.js';
import { hostPrefix, type Prefix, parsePrefix, prefixAddress, prefixBits } from '../ip/prefix.js';
import { addressNumber, numberAddress } from '../ip/range.js';

/** Inclusive at both ends. */
export interface AddressRange {
  readonly family: IpFamily;
  readonly first: bigint;
  readonly last: bigint;
}

const widthOf = (family: IpFamily): number => (family === 4 ? 32 : 128);

export function rangeOfPrefix(prefix: Prefix): AddressRange {
  const address = prefixAddress(prefix);
  const family = familyOf(address);
  const first = addressNumber(address);
  const size = 1n << BigInt(widthOf(family) - prefixBits(prefix));
  return { family, first, last: first + size - 1n };
}

export function rangeOfAddress(address: IpAddress): AddressRange {
  return rangeOfPrefix(hostPrefix(address));
}

/** The range of an address or of a prefix without host bits; undefined when the text is neither. */
export function parseAddressRange(text: string): AddressRange | undefined {
  const prefix = parsePrefix(text);
  if (prefix !== undefined) return rangeOfPrefix(prefix);
  const address = parseAddress(text);
  return address === undefined ? undefined : rangeOfAddress(address);
}

/** True when every address of `inner` is in `outer`. */
export function rangeContains(outer: AddressRange, inner: AddressRange): boolean {
  return outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;
}

export function rangesOverlap(one: AddressRange, other: AddressRange): boolean {
  return one.family === other.family && one.first <= other.last && other.first <= one.last;
}

function compareRanges(one: AddressRange, other: AddressRange): number {
  if (one.family !== other.family) return one.family - other.family;
  if (one.first === other.first) return 0;
  return one.first < other.first ? -1 : 1;
}

/** The same addresses in the fewest ranges, ascending, IPv4 first. */
export function mergeRanges(ranges: readonly AddressRange[]): readonly AddressRange[] {
  const merged: AddressRange[] = [];
  for (const range of [...ranges].sort(compareRanges)) {
    const last = merged.at(-1);
    if (last === undefined || last.family !== range.family || range.first > last.last + 1n) {
      merged.push(range);
    } else if (range.last > last.last) {
      merged[merged.length - 1] = { ...last, last: range.last };
    }
  }
  return merged;
}

/** What of `ranges` is in none of `holes`. */
export function withoutRanges(
  ranges: readonly AddressRange[],
  holes: readonly AddressRange[],
): readonly AddressRange[] {
  let rest = [...mergeRanges(ranges)];
  for (const hole of holes) {
    rest = rest.flatMap((range) => {
      if (!rangesOverlap(range, hole)) return [range];
      const pieces: AddressRange[] = [];
      if (range.first < hole.first) pieces.push({ ...range, last: hole.first - 1n });
      if (hole.last < range.last) pieces.push({ ...range, first: hole.last + 1n });
      return pieces;
    });
  }
  return rest;
}

/** As short as it goes: an address, a prefix, or both ends. */
export function formatRange({ family, first, last }: AddressRange): string {
  const bytes = widthOf(family) / 8;
  const text = numberAddress(first, bytes);
  if (first === last) return text;
  const size = last - first + 1n;
  const isPrefix = (size & (size - 1n)) === 0n && first % size === 0n;
  if (isPrefix) return `${text}/${widthOf(family) - (size.toString(2).length - 1)}`;
  return `${text}-${numberAddress(last, bytes)}`;
}

const rangesOf = (texts: readonly string[]): readonly AddressRange[] =>
  texts.flatMap((text) => parseAddressRange(text) ?? []);

/** Where nodes have their addresses. */
export const OVERLAY_RANGES: readonly AddressRange[] = rangesOf([
  '100.64.0.0/10',
  'fd7a:115c:a1e0::/48',
]);

/** All that is public: what an exit node is for. */
export const INTERNET_RANGES: readonly AddressRange[] = withoutRanges(
  rangesOf(['0.0.0.0/0', '2000::/3']),
  rangesOf([
    ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '100.64.0.0/10'],
    ...['fc00::/7', 'fe80::/10'],
  ]),
);
