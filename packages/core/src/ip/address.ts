/**
 * IP addresses and endpoints as canonical, branded text.
 *
 * Text indexes maps, compares with `===` and crosses threads. IPv6 is canonical per RFC 5952; an
 * IPv4-mapped IPv6 address is always unmapped to IPv4 (sockets of both families report the same peer the
 * same way). Zones are not part of an address.
 */
import { assert } from '../base/assert.js';

declare const ipBrand: unique symbol;

/** Canonical text of an IPv4 or IPv6 address. */
export type IpAddress = string & { readonly [ipBrand]: 'address' };

/** Canonical `1.2.3.4:5` or `[2001:db8::1]:5`. */
export type Endpoint = string & { readonly [ipBrand]: 'endpoint' };

export type IpFamily = 4 | 6;

/** 4 or 6; an address is already canonical, so a colon decides. */
export function familyOf(address: IpAddress): IpFamily {
  return address.includes(':') ? 6 : 4;
}

const DOT = 0x2e;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

/** The 32 bits of an IPv4 address as an unsigned number; undefined: `text` is none. Every datagram asks. */
export function ipv4Number(text: string): number | undefined {
  let number = 0;
  let part = 0;
  let digits = 0;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (digits === 0) return undefined;
      number = 256 * number + part;
      dots++;
      part = 0;
      digits = 0;
      continue;
    }
    const hasLeadingZero = digits > 0 && part === 0;
    if (code < DIGIT_0 || code > DIGIT_9 || hasLeadingZero) return undefined;
    part = 10 * part + code - DIGIT_0;
    digits++;
    if (part > 255 || dots > 3) return undefined;
  }
  return dots === 3 && digits > 0 ? 256 * number + part : undefined;
}

function parseV4(text: string): Uint8Array | undefined {
  const number = ipv4Number(text);
  if (number === undefined) return undefined;
  return Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);
}

function formatV4(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const tail = index === parts.length - 1 ? parseV4(part) : undefined;
      if (tail === undefined) return undefined;
      groups.push(((tail[0] ?? 0) << 8) | (tail[1] ?? 0), ((tail[2] ?? 0) << 8) | (tail[3] ?? 0));
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

function parseV6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  // Dotted digits are the last four bytes of an address, so they don't stand before "::".
  if (halves.length === 2 && halves[0]?.includes('.')) return undefined;
  const head = parseGroups(halves[0] ?? '');
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '') : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [
    ...head,
    ...new Array<number>(halves.length === 2 ? missing : 0).fill(0),
    ...tail,
  ];
  const bytes = new Uint8Array(16);
  for (const [index, group] of groups.entries()) {
    bytes[2 * index] = group >> 8;
    bytes[2 * index + 1] = group & 255;
  }
  return bytes;
}

function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 255 && bytes[11] === 255;
}

function formatV6(bytes: Uint8Array): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  let bestAt = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > bestLength) {
      bestAt = i;
      bestLength = length;
    }
  }
  const hex = groups.map((group) => group.toString(16));
  if (bestAt < 0) return hex.join(':');
  return `${hex.slice(0, bestAt).join(':')}::${hex.slice(bestAt + bestLength).join(':')}`;
}

/** Address of 4 or 16 raw bytes; mapped addresses become IPv4. */
export function addressFromBytes(bytes: Uint8Array): IpAddress {
  assert(bytes.length === 4 || bytes.length === 16, 'an IP address has 4 or 16 bytes');
  if (bytes.length === 4) return formatV4(bytes, 0) as IpAddress;
  if (isMapped(bytes)) return formatV4(bytes, 12) as IpAddress;
  return formatV6(bytes) as IpAddress;
}

/** 4 or 16 raw bytes of an address; a new array. */
export function addressBytes(address: IpAddress): Uint8Array {
  const bytes = familyOf(address) === 4 ? parseV4(address) : parseV6(address);
  assert(bytes !== undefined, 'an IpAddress is canonical text');
  return bytes;
}

/** 16 raw bytes: IPv6 as it is, IPv4 as `::ffff:a.b.c.d`. Disco and DERP write addresses so. */
export function addressBytes16(address: IpAddress): Uint8Array {
  const bytes = addressBytes(address);
  if (bytes.length === 16) return bytes;
  const mapped = new Uint8Array(16);
  mapped[10] = 255;
  mapped[11] = 255;
  mapped.set(bytes, 12);
  return mapped;
}

/** Parses an address in any valid spelling (no zone); undefined when it is none. */
export function parseAddress(text: string): IpAddress | undefined {
  const bytes = text.includes(':') ? parseV6(text) : parseV4(text);
  return bytes === undefined ? undefined : addressFromBytes(bytes);
}

/** Joins an address and a port (0 to 65535). */
export function endpoint(address: IpAddress, port: number): Endpoint {
  assert(Number.isInteger(port) && port >= 0 && port <= 65535, 'a port is 0 to 65535');
  return (familyOf(address) === 4 ? `${address}:${port}` : `[${address}]:${port}`) as Endpoint;
}

/** Parses `ip:port` or `[ip]:port`; undefined when malformed. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const address = parseAddress(match[1] ?? match[2] ?? '');
  const port = Number(match[3]);
  if (address === undefined || port > 65535) return undefined;
  return endpoint(address, port);
}

/** The address of an endpoint. */
export function endpointAddress(of: Endpoint): IpAddress {
  const colon = of.lastIndexOf(':');
  return (of.startsWith('[') ? of.slice(1, colon - 1) : of.slice(0, colon)) as IpAddress;
}

/** The port of an endpoint. */
export function endpointPort(of: Endpoint): number {
  return Number(of.slice(of.lastIndexOf(':') + 1));
}
