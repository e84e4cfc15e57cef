import type { Endpoint } from '@warren/core/ip/address';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RELOOK_MS, RETRY_MS, StaticNames } from './static-names.js';

/** What the resolver says; a name that is missing fails. */
let answers: Record<string, readonly string[]>;
let asked: string[];
let told: (readonly Endpoint[])[];
let trouble: string | undefined;
let names: StaticNames;

beforeEach(() => {
  vi.useFakeTimers();
  answers = {};
  asked = [];
  told = [];
  trouble = undefined;
  names = new StaticNames({
    resolve: async (name) => {
      asked.push(name);
      const found = answers[name];
      if (found === undefined) throw Object.assign(new Error('no'), { code: 'ENOTFOUND' });
      return found;
    },
    onChange: (endpoints) => told.push(endpoints),
    onTrouble: (sentence) => {
      trouble = sentence;
    },
  });
});
afterEach(() => {
  names.close();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(0);

test('addresses stand at once, names as soon as they are found, with every address', async () => {
  answers['vpn.example.com'] = ['192.0.2.8', '2001:db8::8', '192.0.2.7'];
  names.set(['192.0.2.1:1', 'vpn.example.com:41641']);
  expect(names.endpoints).toEqual(['192.0.2.1:1']);
  await settle();
  expect(names.endpoints).toEqual([
    '192.0.2.1:1',
    '192.0.2.7:41641',
    '192.0.2.8:41641',
    '[2001:db8::8]:41641',
  ]);
  names.set([]);
  expect(told.at(-1)).toEqual([]);
});

test('a name is looked up on a schedule and on demand; only another answer is told', async () => {
  answers['vpn'] = ['192.0.2.7'];
  names.set(['vpn:1']);
  await settle();
  expect(told).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(RELOOK_MS);
  expect(asked).toHaveLength(2);
  expect(told).toHaveLength(1);
  answers['vpn'] = ['192.0.2.9'];
  names.look();
  await settle();
  expect(told.at(-1)).toEqual(['192.0.2.9:1']);
});

test('a name that fails is told, tried again soon, and keeps its last addresses', async () => {
  names.set(['vpn:1']);
  await settle();
  expect(trouble).toContain('vpn (the name has no address)');
  answers['vpn'] = ['192.0.2.7'];
  await vi.advanceTimersByTimeAsync(RETRY_MS);
  expect(trouble).toBeUndefined();
  expect(names.endpoints).toEqual(['192.0.2.7:1']);
  delete answers['vpn'];
  await vi.advanceTimersByTimeAsync(RELOOK_MS);
  expect(trouble).toContain('its last addresses stay in use');
  expect(names.endpoints).toEqual(['192.0.2.7:1']);
  names.set(['192.0.2.1:1']);
  expect(trouble).toBeUndefined();
});

test.each([
  ['127.0.0.1', 'no peer can send to 127.0.0.1'],
  ['100.64.0.9', '100.64.0.9 is an address inside the mesh'],
])('a name that leads to %s is of no use', async (address, problem) => {
  answers['vpn'] = [address];
  names.set(['vpn:1']);
  await settle();
  expect(names.endpoints).toEqual([]);
  expect(trouble).toContain(problem);
});

test('a name with hundreds of addresses gets eight, and all names together 32', async () => {
  const many = Array.from({ length: 200 }, (_, at) => `192.0.2.${at + 1}`);
  const list = Array.from({ length: 16 }, (_, at) => `n${at}:${at + 1}`);
  for (const text of list) answers[text.split(':')[0] ?? ''] = many;
  names.set(list.slice(0, 1));
  await settle();
  expect(names.endpoints).toHaveLength(8);
  names.set(list);
  await settle();
  expect(names.endpoints).toHaveLength(32);
});
