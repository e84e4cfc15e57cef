/** CIDR prefixes as canonical, branded text: `100.64.0.1/32`, `fd7a:115c:a1e0::/48`. No host bits set. */
import {
  addressBytes,
  addressFromBytes,
  familyOf,
  type IpAddress,
  parseAddress,
} from './address.js';

declare const prefixBrand: unique symbol;

/** Canonical CIDR text without host bits. */
export type Prefix = string & { readonly [prefixBrand]: true };

/** Parses a CIDR; undefined when malformed or when host bits are set. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(text.slice(0, Math.max(slash, 0)));
  const bits = text.slice(slash + 1);
  if (address === undefined || !/^\d{1,3}$/.test(bits)) return undefined;
  const length = Number(bits);
  if (length > (familyOf(address) === 4 ? 32 : 128)) return undefined;
  const prefix = prefixOf(address, length);
  return prefixAddress(prefix) === address ? prefix : undefined;
}

/** The prefix of `length` bits that holds `address`; host bits are cleared. */
export function prefixOf(address: IpAddress, length: number): Prefix {
  const bytes = addressBytes(address);
  for (let i = 0; i < bytes.length; i++) {
    const kept = Math.min(8, Math.max(0, length - 8 * i));
    bytes[i] = (bytes[i] ?? 0) & (0xff << (8 - kept));
  }
  return `${addressFromBytes(bytes)}/${length}` as Prefix;
}

/** The prefix of one address: /32 or /128. */
export function hostPrefix(address: IpAddress): Prefix {
  return `${address}/${familyOf(address) === 4 ? 32 : 128}` as Prefix;
}

/** First address of a prefix. */
export function prefixAddress(prefix: Prefix): IpAddress {
  return prefix.slice(0, prefix.indexOf('/')) as IpAddress;
}

/** Length of a prefix in bits. */
export function prefixBits(prefix: Prefix): number {
  return Number(prefix.slice(prefix.indexOf('/') + 1));
}

/** True when `address` lies inside `prefix`. */
export function prefixContains(prefix: Prefix, address: IpAddress): boolean {
  const base = prefixAddress(prefix);
  if (familyOf(base) !== familyOf(address)) return false;
  return prefixOf(address, prefixBits(prefix)) === prefix;
}
