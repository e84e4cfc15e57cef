/**
 * Simple Service Discovery Protocol (UPnP Device Architecture 1.1 section 1.3): HTTP heads in datagrams.
 *
 *     us --> 239.255.255.250:1900 or the gateway   M-SEARCH * HTTP/1.1, HOST, ST, MAN, MX
 *     router --> us, from any port                 HTTP/1.1 200 OK, LOCATION, SERVER, USN, ST
 *
 * Answers are text of strangers: bounded, ASCII after what a router's name may do, and never echoed into requests.
 */
import { DecodeFailure, fail } from '../base/failure.js';
import { encodeUtf8 } from '../base/text.js';
import { type Endpoint, endpoint, type IpAddress } from '../ip/address.js';
import type { Decoded } from '../ports.js';
import { type LanUrl, parseLanUrl, type UrlRefusal } from './lan-url.js';

export const ssdpPort = 1900;
export const ssdpMulticast = endpoint('239.255.255.250' as IpAddress, ssdpPort);

/** A datagram of Ethernet; SSDP answers are never fragmented. */
const answerMaxBytes = 1500;
/** Real answers have some twelve lines. */
const answerMaxLines = 64;
/** Of SERVER and USN. */
const fieldMaxChars = 256;
/** How many seconds a device may wait before it answers; the shortest that it heeds. */
const waitSeconds = 2;

const gatewayMark = ':InternetGatewayDevice:';

/** What to search for. Some devices answer `all` only with an unrelated first description. */
export type SearchTarget = 'all' | 'gateway';

const searchTargets: Readonly<Record<SearchTarget, string>> = {
  all: 'ssdp:all',
  gateway: 'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
};

export interface SsdpAnswer {
  readonly location: LanUrl;
  readonly server: string;
  readonly usn: string;
  readonly st: string;
}

export type SsdpRefusal =
  | 'ssdp-too-long'
  | 'ssdp-not-an-answer'
  | 'ssdp-status'
  | 'ssdp-no-gateway'
  | 'ssdp-no-location'
  | UrlRefusal;

/** An M-SEARCH; also fit for the gateway's own address. */
export function encodeSearch(target: SearchTarget): Uint8Array {
  const lines = [
    'M-SEARCH * HTTP/1.1',
    `HOST: ${ssdpMulticast}`,
    `ST: ${searchTargets[target]}`,
    'MAN: "ssdp:discover"',
    `MX: ${waitSeconds}`,
  ];
  return encodeUtf8(`${lines.join('\r\n')}\r\n\r\n`);
}

/**
 * Where searches go, in order. The gateway by itself comes first: a firewall of our own machine then lets its answers
 * in, and the multicast may find its way nowhere.
 */
export function searches(
  gateway: IpAddress,
): readonly { readonly target: Endpoint; readonly bytes: Uint8Array }[] {
  return [
    { target: endpoint(gateway, ssdpPort), bytes: encodeSearch('all') },
    { target: ssdpMulticast, bytes: encodeSearch('all') },
    { target: ssdpMulticast, bytes: encodeSearch('gateway') },
  ];
}

/** The answer of an internet gateway; other devices are `ssdp-no-gateway`. */
export function decodeSearchAnswer(bytes: Uint8Array): Decoded<SsdpAnswer, SsdpRefusal> {
  if (bytes.length > answerMaxBytes) return fail('ssdp-too-long');
  const text = latinText(bytes);
  const status = /^HTTP\/1\.[01] (\d{3})(?: |\r?\n)/.exec(text)?.[1];
  if (status === undefined) return fail('ssdp-not-an-answer');
  if (status !== '200') return fail('ssdp-status');
  const lines = text.split('\n', answerMaxLines);
  const st = headerOf(lines, 'st');
  const usn = headerOf(lines, 'usn');
  if (!st.includes(gatewayMark) && !usn.includes(gatewayMark)) return fail('ssdp-no-gateway');
  const written = headerOf(lines, 'location');
  if (written === '') return fail('ssdp-no-location');
  const location = parseLanUrl(written);
  if (location instanceof DecodeFailure) return location;
  return { location, server: headerOf(lines, 'server'), usn, st };
}

/** The value of the first header of that name (lower case), cut to a bound; a location too long is no location. */
function headerOf(lines: readonly string[], name: string): string {
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':');
    if (line.slice(0, Math.max(colon, 0)).trim().toLowerCase() !== name) continue;
    const value = line.slice(colon + 1).trim();
    return name === 'location' ? value : value.slice(0, fieldMaxChars);
  }
  return '';
}

/** Each byte a character, so that a router's name in whatever code page does no harm. */
function latinText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The order in which several answers are tried: IGD:2 before IGD:1, and the same each time. */
export function compareAnswers(a: SsdpAnswer, b: SsdpAnswer): number {
  return (
    descending(a.usn, b.usn) ||
    descending(b.location.host, a.location.host) ||
    descending(b.location.path, a.location.path) ||
    descending(b.server, a.server)
  );
}

function descending(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? 1 : -1;
}
