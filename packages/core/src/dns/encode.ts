/**
 * Queries and answers as bytes: our own questions to resolvers, our own answers, and a resolver's answer made
 * into one for the client that asked: its id, its spelling of the name, younger TTLs, its EDNS or none.
 *
 * An OPT record belongs to one hop, so a resolver's is taken out. Where records follow it (nobody writes that),
 * the whole additional section goes: pointers in it might lead to places that moved.
 */
import { viewOf } from '../base/bytes.js';
import { answerUdpBytesMax, ednsUdpBytes, plainUdpBytesMax } from './limits.js';
import {
  CLASS_INTERNET,
  DNSSEC_OK,
  type DnsMessage,
  type DnsQuestion,
  FLAG,
  HEADER_BYTES,
  TYPE,
} from './message.js';
import { encodeName } from './name.js';

const OPT_BYTES = 11;
/** The name of the question, as a pointer. */
const QUESTION_POINTER = 0xc000 | HEADER_BYTES;
const RCODE_BITS = 0x000f;

/** What a query carries to a resolver. */
export interface QueryFields {
  readonly id: number;
  readonly question: DnsQuestion;
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
  /** False: for resolvers that answer "format error" to an OPT record. */
  readonly edns: boolean;
}

function writeOpt(view: DataView, at: number, dnssecOk: boolean, extendedRcode = 0): void {
  view.setUint8(at, 0);
  view.setUint16(at + 1, TYPE.opt);
  view.setUint16(at + 3, ednsUdpBytes);
  view.setUint32(at + 5, ((extendedRcode << 24) | (dnssecOk ? DNSSEC_OK : 0)) >>> 0);
  view.setUint16(at + 9, 0);
}

/** A recursive query with one question. */
export function encodeQuery(fields: QueryFields): Uint8Array {
  const { id, question, dnssecOk, checkingDisabled, edns } = fields;
  const name = encodeName(question.name);
  const questionEnd = HEADER_BYTES + name.length + 4;
  const bytes = new Uint8Array(questionEnd + (edns ? OPT_BYTES : 0));
  const view = viewOf(bytes);
  view.setUint16(0, id);
  view.setUint16(2, FLAG.recursionDesired | (checkingDisabled ? FLAG.checkingDisabled : 0));
  view.setUint16(4, 1);
  view.setUint16(10, edns ? 1 : 0);
  bytes.set(name, HEADER_BYTES);
  view.setUint16(questionEnd - 4, question.type);
  view.setUint16(questionEnd - 2, question.class);
  if (edns) writeOpt(view, questionEnd, dnssecOk);
  return bytes;
}

/** A record of our own under the name of the question. */
export interface OwnRecord {
  readonly type: number;
  readonly ttlS: number;
  readonly data: Uint8Array;
}

export interface OwnAnswer {
  readonly rcode: number;
  /** The name is in our keeping. */
  readonly authoritative: boolean;
  readonly records: readonly OwnRecord[];
}

/** Our own answer to a query. */
export function encodeAnswer(
  query: DnsMessage,
  queryBytes: Uint8Array,
  { rcode, authoritative, records }: OwnAnswer,
): Uint8Array {
  const recordBytes = records.reduce((sum, { data }) => sum + 12 + data.length, 0);
  const length = query.questionEnd + recordBytes + (query.edns === undefined ? 0 : OPT_BYTES);
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  bytes.set(queryBytes.subarray(0, query.questionEnd));
  const kept = query.flags & (FLAG.recursionDesired | FLAG.checkingDisabled);
  const own = FLAG.response | FLAG.recursionAvailable | (authoritative ? FLAG.authoritative : 0);
  view.setUint16(2, kept | own | rcode);
  view.setUint16(6, records.length);
  view.setUint16(8, 0);
  view.setUint16(10, query.edns === undefined ? 0 : 1);
  let at = query.questionEnd;
  for (const { type, ttlS, data } of records) {
    view.setUint16(at, QUESTION_POINTER);
    view.setUint16(at + 2, type);
    view.setUint16(at + 4, CLASS_INTERNET);
    view.setUint32(at + 6, ttlS);
    view.setUint16(at + 10, data.length);
    bytes.set(data, at + 12);
    at += 12 + data.length;
  }
  if (query.edns !== undefined) writeOpt(view, at, query.edns.dnssecOk);
  return bytes;
}

/** An answer to what is no query: its header alone. */
export function encodeHeaderAnswer(id: number, rcode: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = viewOf(bytes);
  view.setUint16(0, id);
  view.setUint16(2, FLAG.response | rcode);
  return bytes;
}

/** A resolver's answer to the same question, as the answer to this query; `ageS`: how long it was kept. */
export function adaptAnswer(
  query: DnsMessage,
  queryBytes: Uint8Array,
  answer: DnsMessage,
  answerBytes: Uint8Array,
  ageS: number,
): Uint8Array {
  const { opt, records } = answer;
  const isOptLast = opt?.end === answerBytes.length;
  const additional = records.filter(({ section }) => section === 'additional');
  const dropsAdditional = opt !== undefined && !isOptLast;
  const firstAdditional = Math.min(opt?.at ?? answerBytes.length, additional[0]?.at ?? Infinity);
  const end = dropsAdditional ? firstAdditional : (opt?.at ?? answerBytes.length);
  const bytes = new Uint8Array(end + (query.edns === undefined ? 0 : OPT_BYTES));
  bytes.set(answerBytes.subarray(0, end));
  bytes.set(queryBytes.subarray(HEADER_BYTES, query.questionEnd), HEADER_BYTES);
  const view = viewOf(bytes);
  view.setUint16(0, query.id);
  view.setUint16(2, adaptedFlags(query, answer));
  const kept = dropsAdditional ? 0 : additional.length;
  view.setUint16(10, kept + (query.edns === undefined ? 0 : 1));
  for (const { ttlAt, ttl, at } of records) {
    if (at < end) view.setUint32(ttlAt, Math.max(0, ttl - ageS));
  }
  if (query.edns !== undefined) {
    writeOpt(view, end, query.edns.dnssecOk, answer.edns?.extendedRcode ?? 0);
  }
  return bytes;
}

function adaptedFlags(query: DnsMessage, answer: DnsMessage): number {
  const fromQuery = FLAG.recursionDesired | FLAG.checkingDisabled;
  const wantsAuthentic = (query.flags & FLAG.authenticData) !== 0 || query.edns?.dnssecOk === true;
  const fromAnswer =
    FLAG.response |
    FLAG.authoritative |
    FLAG.truncated |
    RCODE_BITS |
    (wantsAuthentic ? FLAG.authenticData : 0);
  return (query.flags & fromQuery) | (answer.flags & fromAnswer) | FLAG.recursionAvailable;
}

/** How much a client takes over UDP. */
export function udpBytesOf(query: DnsMessage): number {
  return Math.min(query.edns?.udpBytes ?? plainUdpBytesMax, answerUdpBytesMax);
}

/** The answer, or one that says "ask again over TCP" when it doesn't fit. */
export function fitAnswer(query: DnsMessage, answer: Uint8Array, limit: number): Uint8Array {
  if (answer.length <= limit) return answer;
  const bytes = new Uint8Array(query.questionEnd + (query.edns === undefined ? 0 : OPT_BYTES));
  bytes.set(answer.subarray(0, query.questionEnd));
  const view = viewOf(bytes);
  view.setUint16(2, view.getUint16(2) | FLAG.truncated);
  view.setUint16(6, 0);
  view.setUint16(8, 0);
  view.setUint16(10, query.edns === undefined ? 0 : 1);
  if (query.edns !== undefined) writeOpt(view, query.questionEnd, query.edns.dnssecOk);
  return bytes;
}
