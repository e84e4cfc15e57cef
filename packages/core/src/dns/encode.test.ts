import { expect, test } from 'vitest';
import { concatBytes, encodeHex, hexLiteral, viewOf } from '../base/bytes.js';
import { isFailure } from '../base/failure.js';
import { adaptAnswer, encodeAnswer, encodeQuery, fitAnswer, udpBytesOf } from './encode.js';
import {
  type DnsMessage,
  decodeMessage,
  FLAG,
  isTruncated,
  RCODE,
  rcodeOf,
  TYPE,
} from './message.js';
import type { DnsName } from './name.js';
import { formatData } from './record-text.js';
import { REAL_ANSWERS } from './vectors.js';

function read(bytes: Uint8Array): DnsMessage {
  const message = decodeMessage(bytes);
  if (isFailure(message)) throw new Error(message.reason);
  return message;
}

function queryOf(name: string, type: number, edns: boolean, id = 7): Uint8Array {
  const question = { name: name as DnsName, type, class: 1 };
  return encodeQuery({ id, question, dnssecOk: false, checkingDisabled: false, edns });
}

test('the bytes of a query', () => {
  expect(encodeHex(queryOf('www.lab.example', TYPE.a, true, 0x1234))).toBe(
    '123401000001000000000001' +
      '03777777036c6162076578616d706c650000010001' +
      '00002904d0000000000000',
  );
});

test("a resolver's answer becomes the client's: id, spelling, age, EDNS", () => {
  const answerBytes = hexLiteral(REAL_ANSWERS.mx.hex);
  const answer = read(answerBytes);
  const queryBytes = queryOf('lab.example', TYPE.mx, false);
  queryBytes[13] = 0x4c; // "Lab.example"
  const adaptedBytes = adaptAnswer(read(queryBytes), queryBytes, answer, answerBytes, 100);
  const adapted = read(adaptedBytes);
  expect(adapted.id).toBe(7);
  expect(adapted.edns).toBeUndefined();
  expect(adaptedBytes[13]).toBe(0x4c);
  expect(adapted.records.map(({ ttl }) => ttl)).toEqual([200, 200, 200]);
  expect(adapted.records.map((record) => formatData(adaptedBytes, record))).toEqual([
    '10 mail.lab.example.',
    '192.0.2.25',
    '2001:db8::25',
  ]);
  expect(adapted.flags & FLAG.recursionAvailable).not.toBe(0);
  const withEdns = queryOf('lab.example', TYPE.mx, true);
  const second = read(adaptAnswer(read(withEdns), withEdns, answer, answerBytes, 1000));
  expect(second.edns?.udpBytes).toBe(1232);
  expect(second.records.map(({ ttl }) => ttl)).toEqual([0, 0, 0]);
});

test('an OPT record that is not the last takes the additional section with it', () => {
  const whole = hexLiteral(REAL_ANSWERS.mx.hex);
  const message = read(whole);
  const [first] = message.records.filter(({ section }) => section === 'additional');
  const opt = whole.subarray(message.opt?.at, message.opt?.end);
  const moved = concatBytes(
    whole.subarray(0, first?.at),
    opt,
    whole.subarray(first?.at, message.opt?.at),
  );
  const query = queryOf('lab.example', TYPE.mx, true);
  const adapted = read(adaptAnswer(read(query), query, read(moved), moved, 0));
  expect(adapted.records.map(({ section }) => section)).toEqual(['answer']);
  expect(adapted.edns).toBeDefined();
});

test('own answers: records under the name of the question', () => {
  const queryBytes = queryOf('alpha.net.example', TYPE.a, true);
  const records = [{ type: TYPE.a, ttlS: 600, data: Uint8Array.of(100, 64, 0, 7) }];
  const bytes = encodeAnswer(read(queryBytes), queryBytes, {
    rcode: RCODE.noError,
    authoritative: true,
    records,
  });
  const answer = read(bytes);
  expect(answer.flags & FLAG.authoritative).not.toBe(0);
  expect(answer.flags & FLAG.recursionDesired).not.toBe(0);
  const [record] = answer.records;
  expect(record).toMatchObject({ name: 'alpha.net.example', ttl: 600, class: 1 });
  expect(record === undefined ? '' : formatData(bytes, record)).toBe('100.64.0.7');
});

test('what does not fit says so', () => {
  const queryBytes = queryOf('lab.example', TYPE.mx, true);
  const query = read(queryBytes);
  const answerBytes = hexLiteral(REAL_ANSWERS.mx.hex);
  const whole = adaptAnswer(query, queryBytes, read(answerBytes), answerBytes, 0);
  expect(fitAnswer(query, whole, whole.length)).toBe(whole);
  const cut = read(fitAnswer(query, whole, whole.length - 1));
  expect(isTruncated(cut)).toBe(true);
  expect(cut.records).toEqual([]);
  expect(rcodeOf(cut)).toBe(RCODE.noError);
});

test('how much a client takes over UDP', () => {
  const plain = queryOf('a.example', TYPE.a, false);
  expect(udpBytesOf(read(plain))).toBe(512);
  const edns = queryOf('a.example', TYPE.a, true);
  const sizeAt = edns.length - 8;
  for (const [said, taken] of [
    [100, 512],
    [1400, 1400],
    [65_535, 4096],
  ] as const) {
    viewOf(edns).setUint16(sizeAt, said);
    expect(udpBytesOf(read(edns))).toBe(taken);
  }
});
