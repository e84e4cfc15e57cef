import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Endpoint, endpoint, endpointPort, type IpAddress } from '../ip/address.js';
import { foretell, foretoldPorts, probeOrder, rangeAround, rangePortsMax } from './port-plan.js';

const at = (...ports: readonly number[]): Endpoint[] =>
  ports.map((port) => endpoint('54.160.20.1' as IpAddress, port));

describe('what follows from how servers saw a fresh socket', () => {
  test('one mapping for all of them is the mapping for the peer', () => {
    expect(foretell(at(41_641, 41_641, 41_641), undefined, false)).toEqual({
      kind: 'list',
      isOpenToAddress: false,
      first: '54.160.20.1:41641',
      step: 1,
      count: 1,
    });
  });

  test.each([
    ['counts up', [40_000, 40_001, 40_002], 40_003, 1],
    ['counts down', [40_010, 40_008, 40_006], 40_004, -2],
    ['counts up while others take ports', [40_000, 40_003, 40_004], 40_005, 1],
  ])('a NAT that %s hands out the ports that follow', (_what, seen, first, step) => {
    expect(foretell(at(...seen), undefined, false)).toMatchObject({
      kind: 'list',
      first: `54.160.20.1:${first}`,
      step,
      count: foretoldPorts,
    });
  });

  test.each([
    ['large steps', [40_000, 40_100, 40_200]],
    ['steps to and fro', [40_000, 40_004, 40_001]],
    ['one step and none', [40_000, 40_001, 40_001]],
  ])('%s leave a scatter over all ports, or over a small range that is known', (_what, seen) => {
    expect(foretell(at(...seen), undefined, true)).toEqual({
      kind: 'scatter',
      isOpenToAddress: true,
      first: '54.160.20.1:1024',
      step: 1,
      count: 64_512,
    });
    expect(foretell(at(...seen), { low: 40_000, high: 40_255 }, false)).toMatchObject({
      kind: 'scatter',
      first: '54.160.20.1:40000',
      count: 256,
    });
  });

  test('two addresses, or no answer, tell nothing', () => {
    const elsewhere = endpoint('54.160.20.2' as IpAddress, 40_000);
    expect(foretell([...at(40_000), elsewhere], undefined, false)).toBe('addresses-differ');
    expect(foretell([], undefined, false)).toBe('no-udp');
  });

  test('a plan never leaves the numbers that ports have', () => {
    const port = fc.integer({ min: 1, max: 65_535 });
    fc.assert(
      fc.property(fc.array(port, { minLength: 1, maxLength: 3 }), (ports) => {
        const plan = foretell(at(...ports), undefined, false);
        if (typeof plan === 'string') throw new Error(plan);
        const { first, step, count } = plan;
        for (const port of [endpointPort(first), endpointPort(first) + step * (count - 1)]) {
          expect(port).toBeGreaterThan(0);
          expect(port).toBeLessThan(65_536);
        }
      }),
    );
  });
});

test('a sequence is pinged in its order, a range from its middle', () => {
  const [first] = at(40_000) as [Endpoint];
  const ports = (count: number): number[] =>
    probeOrder({ first, step: 1, count }).map(endpointPort);
  expect(ports(3)).toEqual([40_000, 40_001, 40_002]);
  const range = ports(101);
  expect(range.slice(0, 3).sort()).toEqual([40_049, 40_050, 40_051]);
  expect(new Set(range).size).toBe(101);
});

describe('a small range', () => {
  test('is believed after four different ports and contains the true one', () => {
    const low = fc.integer({ min: 1, max: 65_535 - 63 });
    const offsets = fc.uniqueArray(fc.integer({ min: 0, max: 63 }), { minLength: 4, maxLength: 7 });
    fc.assert(
      fc.property(low, offsets, (first, within) => {
        const range = rangeAround(within.map((offset) => first + offset));
        expect(range?.low).toBeLessThanOrEqual(first);
        expect(range?.high).toBeGreaterThanOrEqual(first + 63);
        expect((range?.high ?? 0) - (range?.low ?? 0)).toBeLessThan(2 * rangePortsMax);
      }),
    );
  });

  test('is none when ports are few or far apart', () => {
    expect(rangeAround([40_000, 40_001, 40_002, 40_002])).toBeUndefined();
    expect(rangeAround([40_000, 40_001, 40_002, 40_512])).toBeUndefined();
  });
});
