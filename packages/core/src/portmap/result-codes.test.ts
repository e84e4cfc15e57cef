/** What servers of PCP and NAT-PMP answer in place of a mapping: results of RFC 6887 7.4 and RFC 6886 3.5, and nonsense. */
import { describe, expect, test } from 'vitest';
import { viewOf } from '../base/bytes.js';
import type { PortMapProtocol } from './io.js';
import { Bench } from './testing/fake-router.js';

/** Changes an answer in place, or gives another; `request` is what it answers. */
type Change = (answer: DataView, request: DataView) => Uint8Array | undefined;

/** A router that speaks `protocol` alone, and says it otherwise until `isCured`. */
function asked(protocol: PortMapProtocol, change: Change): { bench: Bench; cure: () => void } {
  const bench = new Bench(1, [protocol]);
  const { router } = bench;
  router.protocols = [protocol];
  const usual = router.answer.bind(router);
  let isCured = false;
  router.answer = (bytes, now) => {
    const answer = usual(bytes, now);
    if (answer === undefined || isCured) return answer;
    return change(viewOf(answer), viewOf(bytes)) ?? answer;
  };
  bench.start();
  bench.run(500);
  const cure = (): void => {
    isCured = true;
    // Beneath what it said it had granted them.
    router.leases.clear();
  };
  return { bench, cure };
}

const isMap = (request: DataView): boolean => request.getUint8(1) === 1;

/** Of PCP: a result, and for how many seconds it holds. */
const pcpRefuses =
  (opcode: 0 | 1, result: number, holdsSeconds: number): Change =>
  (answer, request) => {
    if (request.getUint8(1) !== opcode) return undefined;
    answer.setUint8(3, result);
    answer.setUint32(4, holdsSeconds);
    return undefined;
  };

const natPmpRefuses =
  (opcode: 0 | 1, result: number): Change =>
  (answer, request) => {
    if (request.getUint8(1) === opcode) answer.setUint16(2, result);
    return undefined;
  };

describe('a mapping is refused', () => {
  test.each([
    [7, 'the router has no connection'],
    [10, 'this machine has too many mappings at the router'],
    [11, 'the router cannot give that external port'],
    [12, 'another NAT stands between this machine and the router'],
    [13, 'the router has too many remote peers'],
  ])('PCP %d: in words, and for as long as the router says', (result, words) => {
    const { bench, cure } = asked('pcp', pcpRefuses(1, result, 900));
    expect(bench.mappings).toEqual([]);
    expect(bench.mapper.services).toMatchObject({ pcp: true, errors: { pcp: words } });
    const { sent } = bench;
    cure();
    bench.run(890_000);
    expect(bench.sent - sent).toBe(0);
    bench.run(20_000);
    expect(bench.mappings).toMatchObject([{ protocol: 'pcp' }]);
  });

  test.each([
    ['for no time: a minute all the same', 0, 55_000],
    ['for ever: four hours at most', 0xffff_ffff, 4 * 3_600_000 - 10_000],
  ])('PCP 8 %s', (_which, seconds, silentMs) => {
    const { bench, cure } = asked('pcp', pcpRefuses(1, 8, seconds));
    const { sent } = bench;
    cure();
    bench.run(silentMs);
    expect(bench.sent - sent).toBe(0);
    bench.run(20_000);
    expect(bench.mappings).toHaveLength(1);
  });

  test.each([
    [3, 'the router has no connection'],
    [4, 'the router has no room for a mapping'],
  ])('NAT-PMP %d: it may pass, and is tried again after a minute', (result, words) => {
    const { bench, cure } = asked('natpmp', natPmpRefuses(1, result));
    expect(bench.mappings).toEqual([]);
    expect(bench.mapper.services.errors.natpmp).toBe(words);
    cure();
    bench.run(55_000);
    expect(bench.mappings).toEqual([]);
    bench.run(10_000);
    expect(bench.mappings).toMatchObject([{ protocol: 'natpmp' }]);
  });

  test('NAT-PMP 2: switched off, and left alone for half an hour', () => {
    const { bench, cure } = asked('natpmp', natPmpRefuses(1, 2));
    cure();
    bench.run(29 * 60_000);
    expect(bench.mappings).toEqual([]);
    bench.run(2 * 60_000);
    expect(bench.mappings).toHaveLength(1);
  });

  test('in eight bytes, as RFC 6886 3.5 lets a server do: the same', () => {
    const { bench } = asked('natpmp', (answer, request) => {
      if (!isMap(request)) return undefined;
      answer.setUint16(2, 4);
      return new Uint8Array(answer.buffer.slice(answer.byteOffset, answer.byteOffset + 8));
    });
    expect(bench.mappings).toEqual([]);
    expect(bench.mapper.services.errors.natpmp).toBe('the router has no room for a mapping');
  });
});

describe('the question whether it is there is refused', () => {
  test.each([
    [2, 'the router refuses (not authorised)'],
    [12, 'another NAT stands between this machine and the router'],
  ])('PCP %d to an ANNOUNCE: not there, and no port is asked for', (result, words) => {
    const { bench, cure } = asked('pcp', pcpRefuses(0, result, 900));
    expect(bench.mapper.services).toMatchObject({ pcp: false, errors: { pcp: words } });
    expect(bench.router.leases.size).toBe(0);
    cure();
    bench.run(890_000);
    expect(bench.mapper.services.pcp).toBe(false);
    bench.run(20_000);
    expect(bench.mapper.services.pcp).toBe(true);
    expect(bench.mappings).toHaveLength(1);
  });

  test('PCP 4 to an ANNOUNCE: who knows MAP alone is there', () => {
    const { bench } = asked('pcp', pcpRefuses(0, 4, 900));
    expect(bench.mappings).toMatchObject([{ protocol: 'pcp' }]);
  });

  test.each([3, 4])(
    'NAT-PMP %d for the address: not there, tried again after a minute',
    (result) => {
      const { bench, cure } = asked('natpmp', natPmpRefuses(0, result));
      expect(bench.mapper.services.natpmp).toBe(false);
      expect(bench.mappings).toEqual([]);
      cure();
      bench.run(65_000);
      expect(bench.mappings).toMatchObject([{ protocol: 'natpmp' }]);
    },
  );
});

describe('a success that is none', () => {
  /** Bytes of the external port and of the lifetime. */
  const places = { pcp: { port: 42, lifetime: 4 }, natpmp: { port: 10, lifetime: 12 } } as const;
  const zero = {
    'external port': (answer, protocol) => answer.setUint16(places[protocol].port, 0),
    lifetime: (answer, protocol) => answer.setUint32(places[protocol].lifetime, 0),
  } as const satisfies Record<string, (answer: DataView, protocol: 'pcp' | 'natpmp') => void>;

  test.each([
    ['pcp', 'external port'],
    ['pcp', 'lifetime'],
    ['natpmp', 'external port'],
    ['natpmp', 'lifetime'],
  ] as const)('%s with 0 as %s: counted, never told, and deleted', (protocol, what) => {
    const { bench, cure } = asked(protocol, (answer, request) => {
      const lifetimeAt = protocol === 'pcp' ? 4 : 8;
      if (isMap(request) && request.getUint32(lifetimeAt) > 0) zero[what](answer, protocol);
      return undefined;
    });
    bench.run(15_000);
    expect(bench.mappings).toEqual([]);
    expect(bench.mapper.counters.get(`portmap-${protocol}-useless`)).toBeGreaterThanOrEqual(1);
    expect(bench.router.leases.size).toBe(0);
    cure();
    bench.run(70_000);
    expect(bench.mappings).toMatchObject([{ protocol }]);
  });
});
