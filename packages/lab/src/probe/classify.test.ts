import { expect, test } from 'vitest';
import { classifyFiltering, classifyMapping } from './classify.js';

const local = '192.168.1.10:5000';

test('mapping follows from which servers see the same endpoint', () => {
  const at = (port: number): string => `52.41.2.13:${port}`;
  expect(classifyMapping(local, [local, local, local, local])).toBe('none');
  expect(classifyMapping(local, [at(5000), at(5000), at(5000), at(5000)])).toBe('EIM');
  expect(classifyMapping(local, [at(34151), at(34151), at(34151), at(34151)])).toBe('EIM');
  expect(classifyMapping(local, [at(49746), at(49746), at(32375), at(32375)])).toBe('ADM');
  expect(classifyMapping(local, [at(17958), at(29281), at(18770), at(23107)])).toBe('APDM');
});

test('one lucky port of a hard NAT does not make it easy', () => {
  const seen = ['1.2.3.4:7', '1.2.3.4:7', '1.2.3.4:7', '1.2.3.4:8'] as const;
  expect(classifyMapping(local, seen)).toBe('APDM');
});

test('another address outside is a mapping of its own, even with the same port', () => {
  expect(classifyMapping(local, ['1.2.3.4:7', '1.2.3.4:7', '1.2.3.5:7', '1.2.3.5:7'])).toBe('ADM');
});

test('filtering follows from which unasked answers arrive', () => {
  expect(classifyFiltering({ otherAddress: true, otherPort: true })).toBe('EIF');
  expect(classifyFiltering({ otherAddress: false, otherPort: true })).toBe('ADF');
  expect(classifyFiltering({ otherAddress: false, otherPort: false })).toBe('APDF');
});
