/**
 * DNS names: lower-case text without the last dot, `''` for the root.
 *
 *     wire   5 alpha 3 net 7 example 0          a label is its length (1 to 63) and its bytes
 *            ... c0 0c                          two bits set: the rest stands at that offset
 *     text   alpha.net.example                  other bytes than letters, digits, - and _ as \DDD
 *
 * A pointer must lead to before the name that it is part of, and each next one to before the last: so no name
 * loops. Sources: RFC 1035 sections 3.1, 4.1.4 and 5.1, RFC 4343.
 */
import { addressBytes, addressFromBytes, familyOf, type IpAddress } from '../ip/address.js';
import { labelBytesMax, nameBytesMax } from './limits.js';

declare const nameBrand: unique symbol;

/** Canonical text of a name: compares with `===`. */
export type DnsName = string & { readonly [nameBrand]: true };

/** `.`: everything. */
export const ROOT = '' as DnsName;

const POINTER_BITS = 0xc0;

function textOfByte(byte: number): string {
  const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
  const isPlain =
    (lower >= 0x61 && lower <= 0x7a) ||
    (lower >= 0x30 && lower <= 0x39) ||
    lower === 0x2d ||
    lower === 0x5f;
  return isPlain ? String.fromCharCode(lower) : `\\${String(byte).padStart(3, '0')}`;
}

/** A name of the wire and where the reading goes on; undefined: it is none. */
export function readName(
  bytes: Uint8Array,
  start: number,
): { readonly name: DnsName; readonly end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  let end: number | undefined;
  let before = start;
  let total = 1;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) break;
    if ((length & POINTER_BITS) === POINTER_BITS) {
      const low = bytes[at + 1];
      if (low === undefined) return undefined;
      end ??= at + 2;
      at = ((length & ~POINTER_BITS) << 8) | low;
      if (at >= before) return undefined;
      before = at;
      continue;
    }
    total += length + 1;
    if (length > labelBytesMax || total > nameBytesMax) return undefined;
    if (at + 1 + length > bytes.length) return undefined;
    let label = '';
    for (let i = at + 1; i <= at + length; i++) label += textOfByte(bytes[i] ?? 0);
    labels.push(label);
    at += 1 + length;
  }
  return { name: labels.join('.') as DnsName, end: end ?? at + 1 };
}

/** Labels of a text: their bytes, lower case. Undefined: it is no name. */
function labelsOf(text: string): number[][] | undefined {
  const labels: number[][] = [[]];
  for (let i = 0; i < text.length; i++) {
    const label = labels[labels.length - 1] ?? [];
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (label.length === 0) return undefined;
      labels.push([]);
    } else if (code === 0x5c) {
      const digits = /^\d{3}/.exec(text.slice(i + 1, i + 4))?.[0];
      const byte = digits === undefined ? text.charCodeAt(i + 1) : Number(digits);
      if (Number.isNaN(byte) || byte > 255) return undefined;
      label.push(byte);
      i += digits === undefined ? 1 : 3;
    } else if (code > 0x20 && code < 0x7f) {
      label.push(code >= 0x41 && code <= 0x5a ? code + 0x20 : code);
    } else {
      return undefined;
    }
  }
  return labels;
}

/** A name of a text, with or without its last dot; undefined: it is none. */
export function parseName(text: string): DnsName | undefined {
  if (text === '' || text === '.') return ROOT;
  if (text.length > 4 * nameBytesMax) return undefined;
  // The dot at the end is the root's, unless it is an escaped one.
  const bare = /(?<!\\)(?:\\\\)*\.$/.test(text) ? text.slice(0, -1) : text;
  const labels = labelsOf(bare);
  if (labels === undefined) return undefined;
  let total = 1;
  for (const label of labels) {
    total += label.length + 1;
    if (label.length === 0 || label.length > labelBytesMax || total > nameBytesMax)
      return undefined;
  }
  return labels.map((label) => label.map((byte) => textOfByte(byte)).join('')).join('.') as DnsName;
}

/** The bytes of a name, uncompressed. */
export function encodeName(name: DnsName): Uint8Array {
  const bytes: number[] = [];
  if (name !== ROOT) {
    for (const label of labelsOf(name) ?? []) bytes.push(label.length, ...label);
  }
  bytes.push(0);
  return Uint8Array.from(bytes);
}

/** The name above: `net.example` of `alpha.net.example`; undefined: there is none above the root. */
export function parentOf(name: DnsName): DnsName | undefined {
  if (name === ROOT) return undefined;
  const dot = name.indexOf('.');
  return (dot < 0 ? '' : name.slice(dot + 1)) as DnsName;
}

/** True for the suffix itself and every name below it. */
export function isWithin(name: DnsName, suffix: DnsName): boolean {
  return suffix === ROOT || name === suffix || name.endsWith(`.${suffix}`);
}

/** The value of the longest suffix of `name` that has one, the name itself included. */
export function longestSuffix<Value>(
  table: ReadonlyMap<DnsName, Value>,
  name: DnsName,
): Value | undefined {
  const suffix = knownSuffix(table, name);
  return suffix === undefined ? undefined : table.get(suffix);
}

/** The longest suffix of `name` that a set or table has, the name itself included. */
export function knownSuffix(
  known: { readonly has: (name: DnsName) => boolean },
  name: DnsName,
): DnsName | undefined {
  for (let at: DnsName | undefined = name; at !== undefined; at = parentOf(at)) {
    if (known.has(at)) return at;
  }
  return undefined;
}

const V4_SUFFIX = 'in-addr.arpa';
const V6_SUFFIX = 'ip6.arpa';

/** The name under which the name of an address is asked for, RFC 1035 section 3.5 and RFC 3596 section 2.5. */
export function reverseName(address: IpAddress): DnsName {
  const bytes = [...addressBytes(address)].reverse();
  if (familyOf(address) === 4) return `${bytes.join('.')}.${V4_SUFFIX}` as DnsName;
  const digits = bytes.map((byte) => `${(byte & 15).toString(16)}.${(byte >> 4).toString(16)}`);
  return `${digits.join('.')}.${V6_SUFFIX}` as DnsName;
}

/** The address that a reverse name asks about; undefined: it is no whole one. */
export function addressOfReverse(name: DnsName): IpAddress | undefined {
  const labels = name.split('.');
  if (name.endsWith(`.${V4_SUFFIX}`) && labels.length === 6) {
    const parts = labels.slice(0, 4);
    if (!parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
      return undefined;
    return addressFromBytes(Uint8Array.from(parts.reverse(), Number));
  }
  if (name.endsWith(`.${V6_SUFFIX}`) && labels.length === 34) {
    const digits = labels.slice(0, 32);
    if (!digits.every((digit) => /^[0-9a-f]$/.test(digit))) return undefined;
    const values = digits.reverse().map((digit) => Number.parseInt(digit, 16));
    const bytes = Uint8Array.from(
      { length: 16 },
      (_, i) => ((values[2 * i] ?? 0) << 4) | (values[2 * i + 1] ?? 0),
    );
    return addressFromBytes(bytes);
  }
  return undefined;
}
