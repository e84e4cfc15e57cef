import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseJson } from '../base/json.js';
import { bitFlips, truncations } from '../base/mutations.js';
import { encodeUtf8 } from '../base/text.js';
import { type Endpoint, endpoint, type IpAddress, parseAddress } from '../ip/address.js';
import { type FamilyDescription, type NatDescription, UNKNOWN_NAT } from './nat-description.js';
import { decodeNat, encodeNat, natCharactersMax, reachableMax } from './nat-json.js';

const known = (text: string): IpAddress => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(text);
  return address;
};

const addresses = ['203.0.113.7', '100.72.3.4', '2001:db8::7', 'fe80::1'].map(known);
const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined });
const flag = maybe(fc.boolean());
const port = fc.integer({ min: 1, max: 65_535 });
const place: fc.Arbitrary<Endpoint> = fc
  .tuple(fc.constantFrom(...addresses), port)
  .map(([address, number]) => endpoint(address, number));

const dependence = [
  'endpoint-independent',
  'address-dependent',
  'address-and-port-dependent',
] as const;

const family: fc.Arbitrary<FamilyDescription> = fc.record({
  works: fc.boolean(),
  mapping: maybe(fc.constantFrom('none', 'endpoint-dependent', ...dependence)),
  filtering: maybe(fc.constantFrom('none', ...dependence)),
  portAllocation: maybe(fc.constantFrom('preserving', 'sequential', 'random')),
  portDelta: maybe(fc.integer({ min: -65_535, max: 65_535 })),
  portRange: maybe(
    fc.tuple(port, port).map(([a, b]) => ({ low: Math.min(a, b), high: Math.max(a, b) })),
  ),
  lifetimeMs: maybe(fc.integer({ min: 0, max: 86_400_000 })),
  hairpin: flag,
  tablePressure: flag,
  mapped: maybe(place),
});

const description: fc.Arbitrary<NatDescription> = fc.record({
  class: fc.constantFrom('none', 'easy', 'hard', 'unknown'),
  ipv4: family,
  ipv6: family,
  cgnat: flag,
  nat64: fc.constantFrom(undefined, known('64:ff9b::')),
  portMapping: fc.record({ pcp: flag, natpmp: flag, upnp: flag, external: maybe(place) }),
  reachable: fc.array(place, { maxLength: 3 }),
});

const text = (nat: NatDescription): string => JSON.stringify(encodeNat(nat));

test('what is told is what is read', () => {
  fc.assert(
    fc.property(description, (nat) => {
      expect(decodeNat(JSON.parse(text(nat)))).toEqual(nat);
    }),
    { numRuns: 500 },
  );
});

test('it stays within its kilobyte, however many endpoints are proven', () => {
  fc.assert(
    fc.property(description, fc.array(place, { maxLength: 40 }), (nat, reachable) => {
      const told = text({ ...nat, reachable });
      expect(told.length).toBeLessThanOrEqual(natCharactersMax);
      const read = decodeNat(JSON.parse(told))?.reachable ?? [];
      expect(read).toEqual(reachable.slice(0, read.length));
      expect(read.length).toBeLessThanOrEqual(reachableMax);
    }),
  );
});

test('what is unknown takes no room', () => {
  expect(text(UNKNOWN_NAT)).toBe(
    '{"V":1,"Class":"unknown","IPv4":{"Works":false},"IPv6":{"Works":false}}',
  );
});

test('another version, or no object, is no description', () => {
  for (const value of [undefined, null, [], 'hard', 7, {}, { V: 2, Class: 'hard' }, { V: '1' }]) {
    expect(decodeNat(value)).toBeUndefined();
  }
});

test('words, numbers and addresses that make no sense are unknown', () => {
  const nat = decodeNat({
    V: 1,
    Class: 'cosy',
    IPv4: {
      Works: 'yes',
      Mapping: 'toString',
      Filtering: ['none'],
      Ports: 'constructor',
      Delta: 1e9,
      Range: [50, 10],
      LifeMs: -1,
      Hairpin: 1,
      Mapped: '203.0.113.7:0',
    },
    IPv6: [],
    CGNAT: 'no',
    NAT64: 'x'.repeat(5_000),
    UPnP: null,
    External: {},
    Reachable: ['nowhere', '203.0.113.7:5', 3],
  });
  expect(nat).toEqual({ ...UNKNOWN_NAT, reachable: ['203.0.113.7:5'] });
});

test('a damaged description is read without harm', () => {
  const bytes = encodeUtf8(
    text({ ...UNKNOWN_NAT, class: 'hard', reachable: [endpoint(known('203.0.113.7'), 9)] }),
  );
  for (const damaged of [...truncations(bytes), ...bitFlips(bytes)]) {
    const nat = decodeNat(parseJson(damaged));
    if (nat !== undefined) expect(text(nat).length).toBeLessThanOrEqual(natCharactersMax);
  }
});

test('random JSON is read without harm', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
      const nat = decodeNat({ V: 1, Class: one, IPv4: { Mapping: other, Range: one }, CGNAT: one });
      expect(nat?.ipv4.works).toBe(false);
      decodeNat({ V: 1, IPv4: other, IPv6: one, Reachable: other, External: one });
    }),
  );
});
