import { expect, test } from 'vitest';
import { SeededRandom } from '../base/seeded-random.js';
import { formatApprovalCode, generateApprovalCode, parseApprovalCode } from './approval-code.js';

const random = new SeededRandom(3);

test('what was made is read again, however it was typed', () => {
  for (let run = 0; run < 100; run++) {
    const code = generateApprovalCode(random);
    const text = formatApprovalCode(code);
    expect(text).toMatch(/^([a-hj-km-np-z2-9]{4}-){5}[a-hj-km-np-z2-9]{4}$/);
    expect(parseApprovalCode(text)).toEqual(code);
    expect(parseApprovalCode(`  ${text.toUpperCase().replaceAll('-', ' ')}\n`)).toEqual(code);
    expect(parseApprovalCode(text.replaceAll('-', ''))).toEqual(code);
  }
});

test('no two are alike', () => {
  const codes = Array.from({ length: 1000 }, () =>
    formatApprovalCode(generateApprovalCode(random)),
  );
  expect(new Set(codes).size).toBe(codes.length);
});

test.each([
  '',
  'abcd',
  'abcd-efgh-jkmn-pqrs-tuvw-xyz',
  'abcd-efgh-jkmn-pqrs-tuvw-xyz0',
  'a'.repeat(1000),
])('%j is none', (typed) => {
  expect(parseApprovalCode(typed)).toBeUndefined();
});
