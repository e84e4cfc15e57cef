/** CIDR prefixes as canonical, branded text: `100.64.0.1/32`, `fd7a:115c:a1e0::/48`. No host bits set. */
import { assert } from '../base/assert.js';
import {
  addressBytes,
  addressFromBytes,
  familyOf,
  type IpAddress,
  ipv4Number,
  parseAddress,
} from './address.js';

declare const prefixBrand: unique symbol;

/** Canonical CIDR text without host bits. */
export type Prefix = string & { readonly [prefixBrand]: true };

/** Leading bits of an IPv4-mapped IPv6 address. */
const MAPPED_BITS = 96;

/**
 * Parses a CIDR; undefined when malformed or when host bits are set. As addresses are, prefixes of
 * mapped addresses are unmapped: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
 */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const written = text.slice(0, Math.max(slash, 0));
  const bits = text.slice(slash + 1);
  const address = parseAddress(written);
  if (address === undefined || !/^(?:0|[1-9]\d{0,2})$/.test(bits)) return undefined;
  const unmapped = familyOf(address) === 4 && written.includes(':');
  const length = Number(bits) - (unmapped ? MAPPED_BITS : 0);
  if (length < 0 || length > widestBits(address)) return undefined;
  const prefix = prefixOf(address, length);
  return prefixAddress(prefix) === address ? prefix : undefined;
}

/** The prefix of `length` bits that holds `address`; host bits are cleared. */
export function prefixOf(address: IpAddress, length: number): Prefix {
  const fits = Number.isInteger(length) && length >= 0 && length <= widestBits(address);
  assert(fits, 'a prefix is no longer than its address');
  const bytes = addressBytes(address);
  for (let i = 0; i < bytes.length; i++) {
    const kept = Math.min(8, Math.max(0, length - 8 * i));
    bytes[i] = (bytes[i] ?? 0) & (0xff << (8 - kept));
  }
  return `${addressFromBytes(bytes)}/${length}` as Prefix;
}

/** The prefix of one address: /32 or /128. */
export function hostPrefix(address: IpAddress): Prefix {
  return `${address}/${widestBits(address)}` as Prefix;
}

function widestBits(address: IpAddress): 32 | 128 {
  return familyOf(address) === 4 ? 32 : 128;
}

/** First address of a prefix. */
export function prefixAddress(prefix: Prefix): IpAddress {
  return prefix.slice(0, prefix.indexOf('/')) as IpAddress;
}

/** Length of a prefix in bits. */
export function prefixBits(prefix: Prefix): number {
  return Number(prefix.slice(prefix.indexOf('/') + 1));
}

/** Leads everywhere: who offers it is an exit node. */
export function isDefaultRoute(prefix: Prefix): boolean {
  return prefixBits(prefix) === 0;
}

/** True when `address` lies inside `prefix`. */
export function prefixContains(prefix: Prefix, address: IpAddress): boolean {
  const base = prefixAddress(prefix);
  if (familyOf(base) !== familyOf(address)) return false;
  const bits = prefixBits(prefix);
  const [one, other] = [ipv4Number(base), ipv4Number(address)];
  if (one !== undefined && other !== undefined) {
    // A shift by 32 is none.
    return bits === 0 || (one ^ other) >>> (32 - bits) === 0;
  }
  return prefixOf(address, bits) === prefix;
}
