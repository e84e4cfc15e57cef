import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SeededRandom } from '../base/seeded-random.js';
import { addressBytes, addressFromBytes, familyOf, type IpAddress } from './address.js';
import { type Prefix, parsePrefix, prefixBits, prefixContains, prefixOf } from './prefix.js';
import { PrefixTable } from './prefix-table.js';

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`not a prefix: ${text}`);
  return parsed;
};
const ip = (text: string): IpAddress => text as IpAddress;

/** Looks `address` up by text and by bytes in the middle of a packet; both must agree. */
function find<T>(table: PrefixTable<T>, address: IpAddress): T | undefined {
  const memory = new Uint8Array(40).fill(0xee);
  memory.set(addressBytes(address), 9);
  const raw = familyOf(address) === 4 ? table.lookupV4(memory, 9) : table.lookupV6(memory, 9);
  expect(table.lookup(address)).toBe(raw);
  return raw;
}

/** The plainest correct table. */
class Model {
  readonly #values = new Map<Prefix, number>();

  insert(at: Prefix, value: number): void {
    this.#values.set(at, value);
  }
  delete(at: Prefix): void {
    this.#values.delete(at);
  }
  removeValue(value: number): void {
    for (const [at, own] of this.#values) if (own === value) this.#values.delete(at);
  }
  lookup(address: IpAddress): number | undefined {
    let best: Prefix | undefined;
    for (const at of this.#values.keys()) {
      if (!prefixContains(at, address)) continue;
      if (best === undefined || prefixBits(at) > prefixBits(best)) best = at;
    }
    return best === undefined ? undefined : this.#values.get(best);
  }
  get size(): number {
    return this.#values.size;
  }
}

test('the longest prefix wins', () => {
  const table = new PrefixTable<string>();
  table.insert(prefix('10.1.0.0/16'), 'sixteen');
  table.insert(prefix('0.0.0.0/0'), 'default');
  table.insert(prefix('10.1.2.3/32'), 'host');
  table.insert(prefix('10.0.0.0/8'), 'eight');
  expect(find(table, ip('10.1.2.3'))).toBe('host');
  expect(find(table, ip('10.1.2.4'))).toBe('sixteen');
  expect(find(table, ip('10.2.0.0'))).toBe('eight');
  expect(find(table, ip('11.0.0.0'))).toBe('default');
  expect(find(table, ip('255.255.255.255'))).toBe('default');
  expect(find(table, ip('2001:db8::1'))).toBeUndefined();
});

test('IPv6 prefixes are matched at every word boundary', () => {
  const table = new PrefixTable<number>();
  const all = addressFromBytes(new Uint8Array(16).fill(0xff));
  const lengths = [0, 1, 31, 32, 33, 63, 64, 65, 95, 96, 97, 127, 128];
  for (const bits of lengths) table.insert(prefixOf(all, bits), bits);
  expect(find(table, all)).toBe(128);
  for (let differs = 0; differs < 128; differs++) {
    const bytes = new Uint8Array(16).fill(0xff);
    bytes[differs >> 3] = 0xff ^ (0x80 >> (differs & 7));
    const expected = Math.max(...lengths.filter((bits) => bits <= differs));
    expect(find(table, addressFromBytes(bytes))).toBe(expected);
  }
});

test('an empty table, and a table emptied again, hold nothing', () => {
  const table = new PrefixTable<string>();
  expect(find(table, ip('10.0.0.1'))).toBeUndefined();
  table.insert(prefix('10.0.0.0/8'), 'a');
  table.insert(prefix('fd7a:115c:a1e0::/48'), 'a');
  expect(table.size).toBe(2);
  table.removeValue('a');
  expect(table.size).toBe(0);
  expect(find(table, ip('10.0.0.1'))).toBeUndefined();
  expect(find(table, ip('fd7a:115c:a1e0::1'))).toBeUndefined();
});

test('a prefix belongs to whom it was given last', () => {
  const table = new PrefixTable<string>();
  table.insert(prefix('10.0.0.0/8'), 'old');
  table.insert(prefix('10.0.0.0/8'), 'new');
  expect(table.size).toBe(1);
  table.removeValue('old');
  expect(find(table, ip('10.0.0.1'))).toBe('new');
  table.removeValue('new');
  expect(find(table, ip('10.0.0.1'))).toBeUndefined();
});

test('deleting what is not there changes nothing', () => {
  const table = new PrefixTable<string>();
  table.insert(prefix('10.0.0.0/8'), 'a');
  table.insert(prefix('10.128.0.0/16'), 'b');
  table.delete(prefix('10.0.0.0/9'));
  table.delete(prefix('11.0.0.0/8'));
  table.delete(prefix('10.128.0.0/17'));
  table.removeValue('c');
  expect(table.size).toBe(2);
  expect(find(table, ip('10.128.0.1'))).toBe('b');
});

test('any sequence of changes leaves the table as the plainest one would be', () => {
  // Few distinct bits, so that prefixes nest, part and meet again all the time.
  const byte = fc.constantFrom(0, 1, 0x80, 0xff);
  const address = fc
    .oneof(fc.tuple(byte, byte, byte, byte), fc.array(byte, { minLength: 16, maxLength: 16 }))
    .map((bytes) => addressFromBytes(Uint8Array.from(bytes)));
  const anyPrefix = fc
    .tuple(address, fc.integer({ min: 0, max: 128 }))
    .map(([base, bits]) => prefixOf(base, familyOf(base) === 4 ? bits % 33 : bits));
  const value = fc.integer({ min: 0, max: 3 });
  const change = fc.oneof(
    { weight: 6, arbitrary: fc.record({ insert: anyPrefix, value }) },
    { weight: 3, arbitrary: fc.record({ delete: anyPrefix }) },
    { weight: 1, arbitrary: fc.record({ removeValue: value }) },
  );
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 60 }),
      fc.array(address, { minLength: 10, maxLength: 20 }),
      (changes, addresses) => {
        const table = new PrefixTable<number>();
        const model = new Model();
        const inserted: Prefix[] = [];
        for (const [turn, step] of changes.entries()) {
          for (const target of [table, model]) {
            if ('insert' in step) target.insert(step.insert, step.value);
            else if ('removeValue' in step) target.removeValue(step.removeValue);
            // Half of the deletions hit something.
            else target.delete(inserted[turn % 2 ? turn % inserted.length : -1] ?? step.delete);
          }
          if ('insert' in step) inserted.push(step.insert);
          expect(table.size).toBe(model.size);
          expect(table.nodes).toBeGreaterThanOrEqual(table.size);
          expect(table.nodes).toBeLessThanOrEqual(Math.max(0, 2 * table.size - 1));
        }
        for (const wanted of addresses) {
          expect(find(table, wanted)).toBe(model.lookup(wanted));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('ten thousand prefixes are all found, and gone once their values are removed', () => {
  const random = new SeededRandom(1);
  const table = new PrefixTable<number>();
  const hosts = new Map<IpAddress, number>();
  for (let i = 0; i < 10_000; i++) {
    const bytes = random.fill(new Uint8Array(i % 2 === 0 ? 4 : 16));
    const address = addressFromBytes(bytes);
    hosts.set(address, i);
    table.insert(prefixOf(address, 8 * bytes.length), i);
  }
  for (const [address, value] of hosts) expect(table.lookup(address)).toBe(value);
  for (const [address, value] of hosts) {
    table.removeValue(value);
    expect(table.lookup(address)).toBeUndefined();
  }
  expect(table.size).toBe(0);
  expect(table.nodes).toBe(0);
});
