/**
 * Records as people read them, the way `dig` writes them; types without a form of their own as RFC 3597 says.
 */
import { encodeHex, viewOf } from '../base/bytes.js';
import { addressFromBytes } from '../ip/address.js';
import { type DnsRecord, RCODE, TYPE } from './message.js';
import { readName } from './name.js';

const TYPE_NAMES: Readonly<Record<string, number>> = {
  A: TYPE.a,
  NS: TYPE.ns,
  CNAME: TYPE.cname,
  SOA: TYPE.soa,
  PTR: TYPE.ptr,
  HINFO: TYPE.hinfo,
  MX: TYPE.mx,
  TXT: TYPE.txt,
  AAAA: TYPE.aaaa,
  SRV: TYPE.srv,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  HTTPS: 65,
  CAA: TYPE.caa,
  ANY: TYPE.any,
};

const RCODE_NAMES: Readonly<Record<number, string>> = {
  [RCODE.noError]: 'NOERROR',
  [RCODE.formatError]: 'FORMERR',
  [RCODE.serverFailure]: 'SERVFAIL',
  [RCODE.nameError]: 'NXDOMAIN',
  [RCODE.notImplemented]: 'NOTIMP',
  [RCODE.refused]: 'REFUSED',
};

const TYPE_MAX = 0xffff;

/** `A`, `TYPE65280`. */
export function formatType(type: number): string {
  const named = Object.entries(TYPE_NAMES).find(([, number]) => number === type);
  return named?.[0] ?? `TYPE${type}`;
}

/** The number of `aaaa`, `AAAA` or `TYPE28`; undefined: no such type. */
export function parseType(text: string): number | undefined {
  const upper = text.toUpperCase();
  const number = Object.hasOwn(TYPE_NAMES, upper) ? TYPE_NAMES[upper] : undefined;
  if (number !== undefined) return number;
  const match = /^TYPE(\d{1,5})$/.exec(upper);
  const given = match === null ? Number.NaN : Number(match[1]);
  return given <= TYPE_MAX ? given : undefined;
}

/** `NXDOMAIN`, `RCODE9`. */
export function formatRcode(rcode: number): string {
  return RCODE_NAMES[rcode] ?? `RCODE${rcode}`;
}

function quoted(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    text += isPlain ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`;
  }
  return `"${text}"`;
}

function strings(data: Uint8Array): string | undefined {
  const parts: string[] = [];
  for (let at = 0; at < data.length; ) {
    const end = at + 1 + (data[at] ?? 0);
    if (end > data.length) return undefined;
    parts.push(quoted(data.subarray(at + 1, end)));
    at = end;
  }
  return parts.length === 0 ? undefined : parts.join(' ');
}

/** Numbers of 16 bits, then a name, which ends the data. */
function numbersAndName(bytes: Uint8Array, record: DnsRecord, numbers: number): string | undefined {
  const nameAt = record.dataAt + 2 * numbers;
  if (nameAt >= record.end) return undefined;
  const target = readName(bytes, nameAt);
  if (target?.end !== record.end) return undefined;
  const view = viewOf(bytes);
  const values = Array.from({ length: numbers }, (_, i) => view.getUint16(record.dataAt + 2 * i));
  return [...values, `${target.name}.`].join(' ');
}

/** Two names and five numbers of 32 bits. */
const SOA_NUMBERS = 5;

function soa(bytes: Uint8Array, record: DnsRecord): string | undefined {
  const server = readName(bytes, record.dataAt);
  const mailbox = server === undefined ? undefined : readName(bytes, server.end);
  if (server === undefined || mailbox === undefined) return undefined;
  if (mailbox.end + 4 * SOA_NUMBERS !== record.end) return undefined;
  const view = viewOf(bytes);
  const values = Array.from({ length: SOA_NUMBERS }, (_, i) => view.getUint32(mailbox.end + 4 * i));
  return [`${server.name}.`, `${mailbox.name}.`, ...values].join(' ');
}

function known(bytes: Uint8Array, record: DnsRecord): string | undefined {
  const data = bytes.subarray(record.dataAt, record.end);
  switch (record.type) {
    case TYPE.a:
      return data.length === 4 ? addressFromBytes(data) : undefined;
    case TYPE.aaaa:
      return data.length === 16 ? addressFromBytes(data) : undefined;
    case TYPE.ns:
    case TYPE.cname:
    case TYPE.ptr:
      return numbersAndName(bytes, record, 0);
    case TYPE.mx:
      return numbersAndName(bytes, record, 1);
    case TYPE.srv:
      return numbersAndName(bytes, record, 3);
    case TYPE.soa:
      return soa(bytes, record);
    case TYPE.txt:
      return strings(data);
    default:
      return undefined;
  }
}

/** The data of a record of this message. */
export function formatData(bytes: Uint8Array, record: DnsRecord): string {
  const data = bytes.subarray(record.dataAt, record.end);
  return known(bytes, record) ?? `\\# ${data.length} ${encodeHex(data)}`.trimEnd();
}
