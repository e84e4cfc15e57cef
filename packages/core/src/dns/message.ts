/**
 * DNS messages, as far as a forwarder has to read them. What is forwarded stays the bytes it is: records of
 * types unknown to us pass, so a message is read as positions within its bytes.
 *
 *     0  id(2)  flags(2)  QDCOUNT(2)  ANCOUNT(2)  NSCOUNT(2)  ARCOUNT(2)
 *     12 question: name, type(2), class(2)
 *        records: name, type(2), class(2), TTL(4), length(2), data
 *
 *     flags  QR(1) OPCODE(4) AA(1) TC(1) RD(1)  RA(1) Z(1) AD(1) CD(1) RCODE(4)
 *     OPT    root name, type 41, class: UDP size, TTL: extended RCODE(8) version(8) DO(1) Z(15)
 *
 * Exactly one question, as every resolver of today wants it (RFC 9619). Sources: RFC 1035 section 4, RFC 6891.
 */
import { viewOf } from '../base/bytes.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import { messageBytesMax, plainUdpBytesMax, recordsMax } from './limits.js';
import { type DnsName, encodeName, readName } from './name.js';

export const HEADER_BYTES = 12;

/** Types of records that something here knows by name. */
export const TYPE = {
  a: 1,
  ns: 2,
  cname: 5,
  soa: 6,
  ptr: 12,
  hinfo: 13,
  mx: 15,
  txt: 16,
  aaaa: 28,
  srv: 33,
  opt: 41,
  caa: 257,
  axfr: 252,
  any: 255,
} as const;

export const CLASS_INTERNET = 1;

export const RCODE = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;

export const FLAG = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  authenticData: 0x0020,
  checkingDisabled: 0x0010,
} as const;

const OPCODE_MASK = 0x7800;
const RCODE_MASK = 0x000f;
/** Of the OPT record's TTL. */
export const DNSSEC_OK = 0x8000;

export type DnsFailure =
  | 'dns-too-short'
  | 'dns-too-long'
  | 'dns-question-count'
  | 'dns-name'
  | 'dns-record'
  | 'dns-records-over-limit'
  | 'dns-two-opt'
  | 'dns-opt-name'
  | 'dns-trailing-bytes';

export type DnsSection = 'answer' | 'authority' | 'additional';

/** A record as positions in its message. */
export interface DnsRecord {
  readonly section: DnsSection;
  readonly name: DnsName;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  /** Of its first byte, of its TTL, of its data, and of what follows it. */
  readonly at: number;
  readonly ttlAt: number;
  readonly dataAt: number;
  readonly end: number;
}

export interface DnsQuestion {
  readonly name: DnsName;
  readonly type: number;
  readonly class: number;
}

/** What the OPT record says. */
export interface DnsEdns {
  readonly udpBytes: number;
  readonly extendedRcode: number;
  readonly version: number;
  readonly dnssecOk: boolean;
}

export interface DnsMessage {
  readonly id: number;
  readonly flags: number;
  readonly question: DnsQuestion;
  /** Where the question ends and records begin. */
  readonly questionEnd: number;
  /** Without the OPT record. */
  readonly records: readonly DnsRecord[];
  readonly edns: DnsEdns | undefined;
  /** The OPT record's place; undefined as `edns` is. */
  readonly opt: DnsRecord | undefined;
}

export const isResponse = (message: Pick<DnsMessage, 'flags'>): boolean =>
  (message.flags & FLAG.response) !== 0;
export const isTruncated = (message: Pick<DnsMessage, 'flags'>): boolean =>
  (message.flags & FLAG.truncated) !== 0;
export const opcodeOf = (message: Pick<DnsMessage, 'flags'>): number =>
  (message.flags & OPCODE_MASK) >> 11;
/** The four bits of the header; the OPT record's further ones belong to failures that are nobody's here. */
export const rcodeOf = (message: Pick<DnsMessage, 'flags'>): number => message.flags & RCODE_MASK;

/** The id of anything that has one, for an answer that says "format error". */
export function messageId(bytes: Uint8Array): number | undefined {
  return bytes.length < HEADER_BYTES ? undefined : viewOf(bytes).getUint16(0);
}

function readRecord(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  section: DnsSection,
): DnsRecord | DecodeFailure<DnsFailure> {
  const name = readName(bytes, at);
  if (name === undefined) return fail('dns-name');
  const ttlAt = name.end + 4;
  const dataAt = name.end + 10;
  if (dataAt > bytes.length) return fail('dns-record');
  const end = dataAt + view.getUint16(name.end + 8);
  if (end > bytes.length) return fail('dns-record');
  return {
    section,
    name: name.name,
    type: view.getUint16(name.end),
    class: view.getUint16(name.end + 2),
    ttl: view.getUint32(ttlAt),
    at,
    ttlAt,
    dataAt,
    end,
  };
}

function ednsOf(record: DnsRecord): DnsEdns {
  return {
    udpBytes: Math.max(plainUdpBytesMax, record.class),
    extendedRcode: record.ttl >>> 24,
    version: (record.ttl >>> 16) & 0xff,
    dnssecOk: (record.ttl & DNSSEC_OK) !== 0,
  };
}

/** Reads a query or an answer, to the last byte. */
export function decodeMessage(bytes: Uint8Array): DnsMessage | DecodeFailure<DnsFailure> {
  if (bytes.length < HEADER_BYTES) return fail('dns-too-short');
  if (bytes.length > messageBytesMax) return fail('dns-too-long');
  const view = viewOf(bytes);
  if (view.getUint16(4) !== 1) return fail('dns-question-count');
  const asked = readName(bytes, HEADER_BYTES);
  if (asked === undefined) return fail('dns-name');
  // Nothing stands before the question but the header, so its name points nowhere.
  if (asked.end - HEADER_BYTES !== encodeName(asked.name).length) return fail('dns-name');
  const questionEnd = asked.end + 4;
  if (questionEnd > bytes.length) return fail('dns-too-short');
  const counts = [view.getUint16(6), view.getUint16(8), view.getUint16(10)];
  if (counts.reduce((sum, count) => sum + count, 0) > recordsMax) {
    return fail('dns-records-over-limit');
  }
  const records: DnsRecord[] = [];
  let opt: DnsRecord | undefined;
  let at = questionEnd;
  for (const [index, section] of (['answer', 'authority', 'additional'] as const).entries()) {
    for (let i = 0; i < (counts[index] ?? 0); i++) {
      const record = readRecord(bytes, view, at, section);
      if (!('ttlAt' in record)) return record;
      at = record.end;
      if (record.type !== TYPE.opt) {
        records.push(record);
        continue;
      }
      if (opt !== undefined) return fail('dns-two-opt');
      if (record.name !== '' || section !== 'additional') return fail('dns-opt-name');
      opt = record;
    }
  }
  if (at !== bytes.length) return fail('dns-trailing-bytes');
  return {
    id: view.getUint16(0),
    flags: view.getUint16(2),
    question: {
      name: asked.name,
      type: view.getUint16(asked.end),
      class: view.getUint16(asked.end + 2),
    },
    questionEnd,
    records,
    edns: opt === undefined ? undefined : ednsOf(opt),
    opt,
  };
}
