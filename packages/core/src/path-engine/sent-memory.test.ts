import { expect, test } from 'vitest';
import type { Endpoint } from '../ip/address.js';
import { maxSentAddresses, maxSentPorts, SentMemory } from './sent-memory.js';

const at = (text: string): Endpoint => text as Endpoint;

test('an arrival is told from what was sent to: address and port, address, neither', () => {
  const memory = new SentMemory();
  memory.note(at('192.0.2.1:1'));
  memory.note(at('[2001:db8::1]:1'));
  expect(memory.contact(at('192.0.2.1:1'))).toBe('known');
  expect(memory.contact(at('192.0.2.1:2'))).toBe('new-port');
  expect(memory.contact(at('192.0.2.2:1'))).toBe('new-address');
  expect(memory.contact(at('[2001:db8::1]:2'))).toBe('new-port');
});

test('an address with very many ports counts as sent to on all', () => {
  const memory = new SentMemory();
  for (let port = 1; port <= maxSentPorts + 1; port++) memory.note(at(`192.0.2.1:${port}`));
  expect(memory.contact(at('192.0.2.1:60000'))).toBe('known');
});

test('a full memory proves nothing more, and grows no more', () => {
  const memory = new SentMemory();
  for (let n = 0; n < maxSentAddresses; n++)
    memory.note(at(`10.${n >> 14}.${(n >> 7) & 127}.${n & 127}:1`));
  expect(memory.contact(at('192.0.2.1:1'))).toBe('new-address');
  memory.note(at('192.0.2.1:1'));
  expect(memory.contact(at('192.0.2.9:1'))).toBe('known');
  expect(memory.contact(at('10.0.0.5:2'))).toBe('new-port');
});
