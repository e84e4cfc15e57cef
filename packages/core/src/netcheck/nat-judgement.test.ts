import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Endpoint, endpoint, type IpAddress } from '../ip/address.js';
import {
  judgeAllocation,
  judgeFiltering,
  judgeMapping,
  type MappingSample,
  portDeltaMax,
} from './nat-judgement.js';

const a = '198.51.100.1' as IpAddress;
const b = '198.51.100.2' as IpAddress;
const outside = '203.0.113.9' as IpAddress;

function sample(server: Endpoint, port: number, changes: Partial<MappingSample> = {}) {
  const base = { socket: 0, localPort: 5000, order: 0, mapped: endpoint(outside, port) };
  return { ...base, server, ...changes };
}

const nobody = (): boolean => false;

describe('mapping', () => {
  const seen = (...ports: [IpAddress, number, number][]) =>
    ports.map(([address, serverPort, port]) => sample(endpoint(address, serverPort), port));

  test('one endpoint for two addresses is independent of the endpoint', () => {
    expect(judgeMapping(seen([a, 1, 7], [a, 2, 7], [b, 1, 7]), nobody)).toBe(
      'endpoint-independent',
    );
    expect(judgeMapping(seen([a, 1, 7], [b, 1, 7]), nobody)).toBe('endpoint-independent');
  });

  test('our own endpoint is no mapping at all', () => {
    const isOwn = (mapped: Endpoint): boolean => mapped === '203.0.113.9:7';
    expect(judgeMapping(seen([a, 1, 7]), isOwn)).toBe('none');
  });

  test('another endpoint for another port depends on address and port', () => {
    expect(judgeMapping(seen([a, 1, 7], [a, 2, 8], [b, 1, 9]), nobody)).toBe(
      'address-and-port-dependent',
    );
    expect(judgeMapping(seen([a, 1, 7], [a, 2, 8]), nobody)).toBe('address-and-port-dependent');
  });

  test('another endpoint for another address alone depends on the address', () => {
    expect(judgeMapping(seen([a, 1, 7], [a, 2, 7], [b, 1, 9]), nobody)).toBe('address-dependent');
  });

  test('without a second port it is one of the two dependent kinds', () => {
    expect(judgeMapping(seen([a, 1, 7], [b, 1, 9]), nobody)).toBe('endpoint-dependent');
  });

  test('one address alone, or nobody, can not tell', () => {
    expect(judgeMapping(seen([a, 1, 7], [a, 2, 7]), nobody)).toBeUndefined();
    expect(judgeMapping([], nobody)).toBeUndefined();
  });
});

describe('filtering', () => {
  test.each([
    ['arrived', 'arrived', 'endpoint-independent'],
    [undefined, 'arrived', 'endpoint-independent'],
    ['arrived', 'silent', 'address-dependent'],
    ['silent', 'silent', 'address-and-port-dependent'],
    ['silent', undefined, 'address-and-port-dependent'],
    ['arrived', undefined, undefined],
    [undefined, 'silent', undefined],
    [undefined, undefined, undefined],
  ] as const)('from another port %s, from another address %s: %s', (port, address, expected) => {
    expect(judgeFiltering(port, address)).toBe(expected);
  });
});

describe('allocation', () => {
  /** A socket each, in order. */
  const ofSockets = (ports: readonly number[], locals: readonly number[] = []) =>
    ports.map((port, index) =>
      sample(endpoint(a, 3478), port, {
        socket: index,
        localPort: locals[index] ?? 50_000 + 7 * index,
        order: index,
      }),
    );

  test('ports kept are preserved, even when one of them was taken', () => {
    const locals = [50_001, 50_007, 50_100, 50_002, 50_003];
    const preserving = { portAllocation: 'preserving', portDelta: 0, portRange: undefined };
    expect(judgeAllocation(ofSockets(locals, locals))).toEqual(preserving);
    expect(judgeAllocation(ofSockets([50_001, 1234, 50_100, 50_002, 50_003], locals))).toEqual(
      preserving,
    );
  });

  test.each([
    ['one after the other', [40_000, 40_001, 40_002, 40_003, 40_004], 1],
    ['two apart', [40_000, 40_002, 40_004, 40_006, 40_008], 2],
    ['downwards', [40_008, 40_007, 40_006, 40_005, 40_004], -1],
    ['with other people’s flows between', [40_000, 40_003, 40_005, 40_008, 40_010, 40_014], 3],
    ['around the end of the range', [40_997, 40_998, 40_999, 40_000, 40_001, 40_002], 1],
  ])('sequential: %s', (_how, ports, portDelta) => {
    expect(judgeAllocation(ofSockets(ports))).toMatchObject({
      portAllocation: 'sequential',
      portDelta,
    });
  });

  test('samples without a place in the order do not break the sequence', () => {
    const samples = ofSockets([40_000, 40_001, 40_009, 40_003, 40_004, 40_005]);
    const late = samples.map((one, index) => (index === 2 ? { ...one, order: undefined } : one));
    expect(judgeAllocation(late)).toMatchObject({ portAllocation: 'sequential', portDelta: 1 });
  });

  test('random, all over and in a small range', () => {
    expect(judgeAllocation(ofSockets([17_958, 29_281, 18_770, 23_107, 61_001]))).toEqual({
      portAllocation: 'random',
      portDelta: 0,
      portRange: undefined,
    });
    expect(judgeAllocation(ofSockets([40_041, 40_007, 40_060, 40_001, 40_033]))).toEqual({
      portAllocation: 'random',
      portDelta: 0,
      portRange: { low: 40_001, high: 40_060 },
    });
  });

  test('one mapping seen by many servers is one sample', () => {
    const one = [1, 2, 3, 4, 5].map((port) => sample(endpoint(a, port), 40_000, { order: port }));
    expect(judgeAllocation(one)).toBeUndefined();
    expect(judgeAllocation([])).toBeUndefined();
  });

  test('whatever is seen, a delta is small and only of sequences', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 65_535 }), { maxLength: 12 }), (ports) => {
        const verdict = judgeAllocation(ofSockets(ports));
        if (verdict === undefined) return;
        expect(Math.abs(verdict.portDelta)).toBeLessThanOrEqual(portDeltaMax);
        expect(verdict.portDelta !== 0).toBe(verdict.portAllocation === 'sequential');
      }),
    );
  });
});
