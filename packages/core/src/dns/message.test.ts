import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, hexLiteral, viewOf } from '../base/bytes.js';
import { isFailure } from '../base/failure.js';
import { mutations } from '../base/mutations.js';
import { encodeQuery } from './encode.js';
import { type DnsMessage, decodeMessage, FLAG, RCODE, rcodeOf, TYPE } from './message.js';
import { type DnsName, encodeName, parseName } from './name.js';
import { formatData, formatType } from './record-text.js';
import { REAL_ANSWERS } from './vectors.js';

function read(bytes: Uint8Array): DnsMessage {
  const message = decodeMessage(bytes);
  if (isFailure(message)) throw new Error(message.reason);
  return message;
}

function reasonOf(bytes: Uint8Array): string {
  const message = decodeMessage(bytes);
  return isFailure(message) ? message.reason : 'none';
}

const named = Object.entries(REAL_ANSWERS);

test.each(named)("a real server's answer: %s", (_, { hex, lines }) => {
  const bytes = hexLiteral(hex);
  const message = read(bytes);
  const text = message.records.map(
    (record) =>
      `${record.section} ${record.name} ${record.ttl} ${formatType(record.type)} ${formatData(bytes, record)}`,
  );
  expect(text).toEqual(lines);
  expect(message.id).toBe(0x1234);
});

test('the header and EDNS of real answers', () => {
  const nothing = read(hexLiteral(REAL_ANSWERS.noSuchName.hex));
  expect(rcodeOf(nothing)).toBe(RCODE.nameError);
  expect(nothing.flags & FLAG.authoritative).not.toBe(0);
  expect(nothing.edns).toEqual({ udpBytes: 1232, extendedRcode: 0, version: 0, dnssecOk: false });
  const cut = read(hexLiteral(REAL_ANSWERS.truncated.hex));
  expect(cut.flags & FLAG.truncated).not.toBe(0);
  expect(cut.edns).toBeUndefined();
  expect(rcodeOf(read(hexLiteral(REAL_ANSWERS.refused.hex)))).toBe(RCODE.refused);
});

test.each(named)('damage to a real answer gives a reason or a message: %s', (_, { hex }) => {
  for (const bytes of mutations(hexLiteral(hex))) {
    const message = decodeMessage(bytes);
    if (isFailure(message)) continue;
    for (const record of message.records) {
      expect(record.end).toBeLessThanOrEqual(bytes.length);
      expect(formatData(bytes, record).length).toBeLessThan(20_000);
    }
  }
});

test('any bytes give a reason or a message', () => {
  const header = fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => {
    bytes.set([0, 1, 0, (bytes[7] ?? 0) & 3, 0, (bytes[9] ?? 0) & 3, 0, (bytes[11] ?? 0) & 3], 4);
    return bytes;
  });
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 200 }), (head, rest) => {
      const bytes = concatBytes(head, rest);
      const message = decodeMessage(bytes);
      if (!isFailure(message)) for (const record of message.records) formatData(bytes, record);
    }),
  );
});

test('queries come back as they were made', () => {
  const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
  fc.assert(
    fc.property(
      fc.array(label, { maxLength: 5 }),
      fc.nat({ max: 0xffff }),
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      (labels, id, dnssecOk, checkingDisabled, edns) => {
        const name = labels.join('.') as DnsName;
        const question = { name, type: TYPE.aaaa, class: 1 };
        const query = read(encodeQuery({ id, question, dnssecOk, checkingDisabled, edns }));
        expect(query.id).toBe(id);
        expect(query.question).toEqual(question);
        expect(query.edns?.dnssecOk).toBe(edns ? dnssecOk : undefined);
        expect((query.flags & FLAG.checkingDisabled) !== 0).toBe(checkingDisabled);
      },
    ),
  );
});

const QUESTION = hexLiteral('000000010000000000000000');

test.each([
  ['points to itself', 'c00c', 'dns-name'],
  ['points forward', 'c00e', 'dns-name'],
  ['points into the header', 'c000', 'dns-name'],
  ['has a label of 64', '40', 'dns-name'],
  ['has a label of kinds that never were', '80', 'dns-name'],
  ['ends in a label', '05616263', 'dns-name'],
  ['stands alone', '016100', 'dns-too-short'],
])('a question whose name %s is refused', (_, hex, reason) => {
  const bytes = concatBytes(QUESTION, hexLiteral(hex));
  bytes[5] = 1;
  bytes[3] = 0;
  expect(reasonOf(bytes)).toBe(reason);
});

test('pointers that lead in circles, by one step or by many', () => {
  const question = hexLiteral('12340100000100010000000001610000010001');
  const record = '000100010000000000040a000001';
  // The record's name: two pointers at each other.
  expect(reasonOf(concatBytes(question, hexLiteral(`c013${record}`)))).toBe('dns-name');
  expect(reasonOf(concatBytes(question, hexLiteral(`0162c013${record}`)))).toBe('dns-name');
  expect(reasonOf(concatBytes(question, hexLiteral(`c00c${record}`)))).toBe('none');
});

test('chains of pointers end', () => {
  const steps = 8000;
  const question = hexLiteral('12340100000100010000000001610000010001');
  const chain = new Uint8Array(2 * steps);
  const view = viewOf(chain);
  // A record of an unknown type whose data is one pointer after another, each to the one before.
  const dataAt = question.length + 12;
  for (let i = 0; i < steps; i++)
    view.setUint16(2 * i, 0xc000 | (i === 0 ? 12 : dataAt + 2 * i - 2));
  const head = hexLiteral(`c00c00ff0001000000003e80`);
  const bytes = concatBytes(question, head, chain);
  const record = read(bytes).records[0];
  expect(record === undefined ? '' : formatData(bytes, { ...record, type: TYPE.ptr })).toMatch(
    /^\\#/,
  );
});

test('limits', () => {
  const long = Array.from({ length: 4 }, () => 'a'.repeat(63)).join('.');
  expect(parseName(long)).toBeUndefined();
  const longest = parseName(long.slice(0, 253));
  expect(longest).toHaveLength(253);
  expect(encodeName(longest ?? ('' as DnsName))).toHaveLength(255);
  expect(reasonOf(new Uint8Array(65_536))).toBe('dns-too-long');
  const many = hexLiteral('123481000001ffff0000000001610000010001');
  expect(reasonOf(many)).toBe('dns-records-over-limit');
  const two = hexLiteral('1234810000020000000000000161000001000101610000010001');
  expect(reasonOf(two)).toBe('dns-question-count');
});

test('an OPT record stands once, at the root, among the additional ones', () => {
  const opt = '00002904d0000000000000';
  const head = (answers: number, additional: number): string =>
    `123401000001000${answers}0000000${additional}01610000010001`;
  expect(reasonOf(hexLiteral(`${head(0, 1)}${opt}`))).toBe('none');
  expect(reasonOf(hexLiteral(`${head(0, 2)}${opt}${opt}`))).toBe('dns-two-opt');
  expect(reasonOf(hexLiteral(`${head(1, 0)}${opt}`))).toBe('dns-opt-name');
  expect(reasonOf(hexLiteral(`${head(0, 1)}0161${opt}`))).toBe('dns-opt-name');
});
