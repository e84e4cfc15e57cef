import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, hexLiteral } from '../base/bytes.js';
import { mutations, truncations } from '../base/mutations.js';
import { type Endpoint, endpoint, type IpAddress } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { decodeDiscoMessage, encodePing } from './messages.js';
import {
  decodePingExtension,
  encodePingExtension,
  type PingExtension,
  type PortPlan,
  planPortsMax,
} from './ping-extension.js';
import * as vectors from './vectors.js';

const target = '203.0.113.9:41641' as Endpoint;
const portPlan = {
  attempt: '0102030405060708',
  isAnswer: true,
  kind: 'list' as const,
  isOpenToAddress: false,
  first: '203.0.113.9:40000' as Endpoint,
  step: 1,
  count: 64,
};
const scatter = {
  ...portPlan,
  kind: 'scatter' as const,
  isOpenToAddress: true,
  first: '203.0.113.9:1024' as Endpoint,
  count: 64_512,
};

const anyProof = fc.record({
  regionId: fc.integer({ min: 1, max: 65_535 }),
  token: fc.uint8Array({ minLength: 16, maxLength: 16 }),
});

const anyExtension: fc.Arbitrary<PingExtension> = fc
  .record({
    port: fc.integer({ min: 1, max: 65_535 }),
    step: fc.integer({ min: -32, max: 32 }).filter((step) => step !== 0),
    count: fc.integer({ min: 1, max: planPortsMax }),
    isAnswer: fc.boolean(),
    kind: fc.constant('list' as const),
    isOpenToAddress: fc.boolean(),
    attempt: fc.constantFrom('0102030405060708', 'ffffffffffffffff'),
    address: fc.constantFrom('203.0.113.9', '2001:db8::9') as fc.Arbitrary<IpAddress>,
    withTarget: fc.boolean(),
    addressProof: fc.option(anyProof, { nil: undefined }),
  })
  .filter(({ port, step, count }) => {
    const last = port + step * (count - 1);
    return last >= 1 && last <= 65_535;
  })
  .map(({ address, port, withTarget, addressProof, ...plan }) => ({
    ...(withTarget ? { target } : {}),
    ...(addressProof === undefined ? {} : { addressProof }),
    portPlan: { ...plan, first: endpoint(address, port) },
  }));

test('an extension survives a round trip, behind a ping and alone', () => {
  fc.assert(
    fc.property(anyExtension, (extension) => {
      const bytes = encodePingExtension(extension);
      expect(decodePingExtension(bytes, 0)).toEqual(extension);
      const id = hexLiteral(vectors.transactionId);
      const ping = encodePing(id, vectors.keys.nodeA as NodeKey, extension);
      expect(decodeDiscoMessage(ping)).toMatchObject({ type: 'ping', extension });
    }),
  );
});

test('an empty extension adds nothing to a ping', () => {
  expect(encodePingExtension({})).toHaveLength(0);
});

test('fields of later versions are skipped', () => {
  const later = Uint8Array.from([0x77, 0x5, 1, 2, 3, 4, 5]);
  const known = encodePingExtension({ target });
  const mixed = concatBytes(known.subarray(0, 4), later, known.subarray(4));
  expect(decodePingExtension(mixed, 0)).toEqual({ target });
});

test('a scatter of all ports survives a round trip; one with gaps, of privileged or of too many ports is none', () => {
  const survives = (portPlan: PortPlan): boolean =>
    decodePingExtension(encodePingExtension({ portPlan }), 0).portPlan !== undefined;
  expect(decodePingExtension(encodePingExtension({ portPlan: scatter }), 0)).toEqual({
    portPlan: scatter,
  });
  expect(survives({ ...scatter, step: 2, count: 100 })).toBe(false);
  expect(survives({ ...scatter, step: 0, count: 1 })).toBe(false);
  expect(survives({ ...scatter, first: '203.0.113.9:1023' as Endpoint, count: 9 })).toBe(false);
  expect(survives({ ...scatter, count: 64_513 })).toBe(false);
  expect(survives({ ...scatter, count: 0 })).toBe(false);
});

test('a plan of a kind that a later version may know is none', () => {
  const bytes = encodePingExtension({ target, portPlan });
  const kindAt = bytes.length - 23;
  expect(bytes[kindAt]).toBe(0);
  bytes[kindAt] = 2;
  expect(decodePingExtension(bytes, 0)).toEqual({ target });
});

test.each([
  ['no port at all', { count: 0 }],
  ['more than a search may cost', { count: planPortsMax + 1 }],
  ['a port above 65535', { first: '203.0.113.9:65535' as Endpoint, count: 2 }],
  ['a port below 1', { step: -1, first: '203.0.113.9:3' as Endpoint, count: 4 }],
  ['the same port many times', { step: 0 }],
])('a plan of %s is none', (_what, change) => {
  const bytes = encodePingExtension({ target, portPlan: { ...portPlan, ...change } });
  expect(decodePingExtension(bytes, 0)).toEqual({ target });
});

/** Made up for Warren's own extension; laid out by hand. */
const proofVector = {
  bytes: hexLiteral(`77726e31${'0312'}0384${'000102030405060708090a0b0c0d0e0f'}`),
  proof: { regionId: 900, token: hexLiteral('000102030405060708090a0b0c0d0e0f') },
};

test('a proof of address is written and read as in its vector', () => {
  const { bytes, proof } = proofVector;
  expect(encodePingExtension({ addressProof: proof })).toEqual(bytes);
  expect(decodePingExtension(bytes, 0)).toEqual({ addressProof: proof });
  expect(encodePingExtension({ addressProof: { ...proof, regionId: 65_536 } })).toHaveLength(0);
});

test('a proof of another length, of no region, or cut short is none', () => {
  const { bytes } = proofVector;
  for (const cut of truncations(bytes)) expect(decodePingExtension(cut, 0)).toEqual({});
  const noRegion = bytes.slice();
  noRegion.fill(0, 6, 8);
  expect(decodePingExtension(noRegion, 0)).toEqual({});
  const longer = concatBytes(bytes, Uint8Array.of(0));
  longer[5] = 19;
  expect(decodePingExtension(longer, 0)).toEqual({});
  for (const damaged of mutations(bytes)) {
    const { addressProof } = decodePingExtension(damaged, 0);
    expect(addressProof === undefined || addressProof.token.length === 16).toBe(true);
  }
});

test('damaged and cut extensions never throw and never name more ports than allowed', () => {
  const bytes = encodePingExtension({ target, portPlan });
  for (const damaged of [...truncations(bytes), ...mutations(bytes)]) {
    const { portPlan: plan } = decodePingExtension(damaged, 0);
    if (plan?.kind === 'list') expect(plan.count).toBeLessThanOrEqual(planPortsMax);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
      decodePingExtension(concatBytes(bytes.subarray(0, 4), random), 0);
    }),
  );
});
