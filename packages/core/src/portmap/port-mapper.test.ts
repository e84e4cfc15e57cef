import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hexLiteral } from '../base/bytes.js';
import type { Endpoint, IpAddress } from '../ip/address.js';
import { maxRemembered } from './mapping-memory.js';
import { deadPauseMs } from './mapping-race.js';
import { encodeExternalAddressRequest } from './natpmp.js';
import { Bench, self, server } from './testing/fake-router.js';
import { natpmpVectors, pcpVectors } from './vectors.js';

const port = 41_641;
const outside = '5.6.7.8:41641' as Endpoint;

function mapped(...setUp: ((bench: Bench) => void)[]): Bench {
  const bench = new Bench();
  for (const set of setUp) set(bench);
  bench.start();
  bench.run(500);
  return bench;
}

const only =
  (...protocols: ('pcp' | 'natpmp')[]) =>
  (bench: Bench): void => {
    bench.router.protocols = protocols;
  };

describe('choosing', () => {
  test('PCP goes before NAT-PMP, and only one of them maps', () => {
    const bench = mapped();
    expect(bench.mappings).toEqual([
      {
        ...{ protocol: 'pcp', internalPort: port, external: outside },
        ...{ isPublic: true, lifetimeMs: 7_200_000 },
      },
    ]);
    expect(bench.router.leases.size).toBe(1);
    expect(bench.mapper.services).toEqual({
      ...{ pcp: true, natpmp: true, upnp: undefined, routerAddress: '5.6.7.8', errors: {} },
    });
  });

  test.each(['pcp', 'natpmp'] as const)('a router that speaks %s alone', (protocol) => {
    const bench = mapped(only(protocol));
    expect(bench.mappings).toMatchObject([{ protocol, external: outside }]);
    bench.run(4000);
    const other = protocol === 'pcp' ? 'natpmp' : 'pcp';
    expect(bench.mapper.services).toMatchObject({ [protocol]: true, [other]: false });
  });

  test('what PCP refuses NAT-PMP gets', () => {
    const bench = mapped(({ router }) => {
      router.pcpMapResult = 8;
    });
    expect(bench.mappings).toMatchObject([{ protocol: 'natpmp' }]);
    expect(bench.mapper.services.errors.pcp).toBe('the router has no room for a mapping');
  });

  test('an error holds as long as the router says', () => {
    const bench = mapped(only('pcp'), ({ router }) => {
      router.pcpMapResult = 8;
    });
    expect(bench.mappings).toEqual([]);
    bench.router.pcpMapResult = 0;
    bench.run(1_700_000);
    expect(bench.mappings).toEqual([]);
    bench.run(200_000);
    expect(bench.mappings).toHaveLength(1);
  });

  test('a router that is silent at first is found later', () => {
    const bench = mapped(only());
    bench.run(10_000);
    expect(bench.mapper.services).toMatchObject({ pcp: false, natpmp: false });
    bench.router.protocols = ['natpmp'];
    bench.run(60_000);
    expect(bench.mappings).toMatchObject([{ protocol: 'natpmp' }]);
  });

  test('a slow router is waited for', () => {
    const bench = mapped((slow) => {
      slow.delayMs = 900;
    });
    bench.run(3000);
    expect(bench.mappings).toHaveLength(1);
    expect(bench.router.leases.size).toBe(1);
  });
});

describe('external addresses', () => {
  test.each([
    ['10.0.0.9', false],
    ['100.64.3.2', false],
    ['5.6.7.9', true],
  ])('%s: public %s', (address, isPublic) => {
    for (const protocol of ['pcp', 'natpmp'] as const) {
      const bench = mapped(only(protocol), ({ router }) => {
        router.external = address as IpAddress;
      });
      expect(bench.mappings).toMatchObject([{ protocol, isPublic }]);
    }
  });

  test.each(['0.0.0.0', '127.0.0.1', '224.0.0.9'])('%s is none: nothing is left', (address) => {
    for (const protocol of ['pcp', 'natpmp'] as const) {
      const bench = mapped(only(protocol), ({ router }) => {
        router.external = address as IpAddress;
      });
      expect(bench.mappings).toEqual([]);
      expect(bench.router.leases.size).toBe(0);
      expect(bench.mapper.services.errors[protocol]).toContain(address);
    }
  });

  test('NAT-PMP notices another address at its next check', () => {
    const bench = mapped(only('natpmp'));
    bench.router.external = '5.6.7.99' as IpAddress;
    bench.run(61_000);
    expect(bench.mappings).toMatchObject([{ external: '5.6.7.99:41641' }]);
  });
});

describe('a life', () => {
  test.each(['pcp', 'natpmp'] as const)('%s renews at half its life, for a day', (protocol) => {
    const bench = mapped(only(protocol), ({ router }) => {
      router.maxLifetimeSeconds = 120;
    });
    for (let minute = 0; minute < 24 * 60; minute += 30) {
      bench.run(30 * 60_000);
      expect(bench.mappings).toMatchObject([{ protocol, external: outside }]);
      expect(bench.router.leases.size).toBe(1);
    }
    expect(bench.router.unauthorised).toBe(0);
  });

  test.each(['pcp', 'natpmp'] as const)('%s is released', (protocol) => {
    const bench = mapped(only(protocol));
    bench.give({ type: 'stop' });
    expect(bench.isReleased).toBe(false);
    bench.run(50);
    expect(bench).toMatchObject({ isReleased: true, mappings: [], remembered: [] });
    expect(bench.router).toMatchObject({ unauthorised: 0, leases: new Map() });
  });

  test('a router that fell silent holds up the end by no more than a second and a half', () => {
    const bench = mapped();
    bench.router.protocols = [];
    bench.give({ type: 'stop' });
    bench.run(1500);
    expect(bench.isReleased).toBe(true);
    // Perhaps it still stands there: the next start takes it up.
    expect(bench.remembered).toHaveLength(1);
  });

  test('a mapping that is being asked for is released too', () => {
    const bench = new Bench();
    bench.delayMs = 30;
    bench.start();
    bench.run(50); // found; the mapping's answer is on its way
    expect(bench.router.leases.size).toBe(1);
    bench.give({ type: 'stop' });
    bench.run(500);
    expect(bench.router.leases.size).toBe(0);
  });

  test.each(['pcp', 'natpmp'] as const)('%s: a restart without a word', (protocol) => {
    const bench = mapped(only(protocol));
    bench.run(600_000);
    bench.router.restart(bench.now);
    bench.run(61_000);
    expect(bench.router.leases.size).toBe(1);
    expect(bench.mappings).toMatchObject([{ external: outside }]);
  });

  test('an announced restart is followed within seconds', () => {
    const bench = mapped();
    bench.run(600_000);
    bench.router.restart(bench.now);
    bench.run(2000);
    bench.hear(bench.router.announcement(bench.now));
    bench.run(5100);
    expect(bench.router.leases.size).toBe(1);
  });

  test('a silent router loses the mapping when it ran out', () => {
    const bench = mapped(only('pcp'));
    bench.router.protocols = [];
    bench.run(7_000_000);
    expect(bench.mappings).toHaveLength(1);
    bench.run(300_000);
    expect(bench.mappings).toEqual([]);
    bench.router.protocols = ['pcp'];
    bench.run(31 * 60_000);
    expect(bench.mappings).toHaveLength(1);
  });

  test('another port of ours: the old mapping is given back', () => {
    const bench = mapped();
    bench.give({ type: 'ports', ipv4: 5000, ipv6: undefined });
    bench.run(1000);
    expect([...bench.router.leases.keys()]).toEqual(['5000']);
    expect(bench.mappings).toMatchObject([{ internalPort: 5000 }]);
  });
});

describe('dead mappings', () => {
  test('are made anew on another port once, then left for ten minutes', () => {
    const bench = mapped(only('pcp'));
    bench.give({ type: 'verified', external: outside, works: false });
    expect(bench.mappings).toEqual([]);
    bench.run(100);
    const [second] = bench.mappings;
    expect(second?.external).not.toBe(outside);
    expect(bench.router.leases.size).toBe(1);
    bench.give({ type: 'verified', external: second?.external ?? outside, works: false });
    bench.run(deadPauseMs - 1000);
    expect(bench.mappings).toEqual([]);
    expect(bench.mapper.services.errors.pcp).toMatch(/^mapping listed but dead/);
    expect(bench.mapper.services.routerAddress).toBe('5.6.7.8');
    expect(bench.mapper.report()[0]?.methods[0]).toMatchObject({
      ...{ protocol: 'pcp', state: 'dead', isPresent: true },
      mapping: { external: second?.external },
    });
    bench.run(2000);
    expect(bench.mappings).toHaveLength(1);
  });

  test('a mapping that works stays; verdicts on others count for nothing', () => {
    const bench = mapped();
    bench.give({ type: 'verified', external: outside, works: true });
    bench.give({ type: 'verified', external: '5.6.7.8:1' as Endpoint, works: false });
    expect(bench.mappings).toMatchObject([{ external: outside }]);
    expect(bench.mapper.counters.get('portmap-verified-unknown')).toBe(1);
  });
});

describe('what people see', () => {
  test('of each protocol: whether it is there, what it says of the router, and what it mapped', () => {
    const bench = mapped();
    const now = bench.now;
    const [ipv4, ipv6] = bench.mapper.report();
    expect(ipv4).toMatchObject({ family: 4, gateway: '192.168.1.1', self, internalPort: port });
    expect(ipv4?.methods).toEqual([
      {
        ...{ protocol: 'pcp', state: 'mapped', isPresent: true, error: undefined },
        ...{ retryAt: undefined, isLooking: false, address: '5.6.7.8', devices: [] },
        epoch: { seconds: expect.any(Number) as number, at: expect.any(Number) as number },
        ...{ renewsAt: expect.any(Number) as number, expiresAt: expect.any(Number) as number },
        mapping: { external: outside, isPublic: true, lifetimeMs: 7_200_000 },
      },
      expect.objectContaining({
        ...{ protocol: 'natpmp', state: 'ready', address: '5.6.7.8', mapping: undefined },
      }),
    ]);
    const [pcp] = ipv4?.methods ?? [];
    expect((pcp?.renewsAt ?? now) - now).toBeGreaterThan(3_000_000);
    expect((pcp?.expiresAt ?? now) - now).toBeGreaterThan(7_000_000);
    expect(ipv6).toMatchObject({ family: 6, gateway: undefined, methods: [] });
  });

  test('a person’s question is waited for until every protocol had its time', () => {
    const bench = mapped(only('pcp'));
    expect(bench.mapper.isLooking).toBe(true);
    bench.run(20_000);
    expect(bench.mapper.isLooking).toBe(false);
    bench.give({ type: 'probe' });
    expect(bench.mapper.isLooking).toBe(true);
  });

  test('NAT-PMP tells the router’s address though nothing may be mapped', () => {
    const bench = mapped(only('natpmp'), ({ router }) => {
      router.natpmpMapResult = 2;
      router.external = '100.72.3.4' as IpAddress;
    });
    expect(bench.mappings).toEqual([]);
    expect(bench.mapper.services.routerAddress).toBe('100.72.3.4');
  });
});

describe('after a restart of ours', () => {
  test.each(['pcp', 'natpmp'] as const)('%s: the mapping is taken up', (protocol) => {
    const first = mapped(only(protocol), ({ router }) => {
      router.external = '5.6.7.20' as IpAddress;
    });
    const second = new Bench(2);
    Object.assign(second, { router: first.router });
    second.give({ type: 'remembered', mappings: first.remembered });
    second.start();
    second.run(500);
    expect(second.mappings).toMatchObject([{ protocol, external: '5.6.7.20:41641' }]);
    expect(second.router.unauthorised).toBe(0);
    second.give({ type: 'stop' });
    second.run(100);
    expect(second.router.leases.size).toBe(0);
  });

  test('with another port the leftover is deleted', () => {
    const first = mapped();
    const second = new Bench(2);
    Object.assign(second, { router: first.router });
    second.give({ type: 'remembered', mappings: first.remembered });
    second.start(5000);
    second.run(500);
    expect([...second.router.leases.keys()]).toEqual(['5000']);
    expect(second.remembered).toHaveLength(1);
  });
});

test('over IPv6 PCP opens a pinhole', () => {
  const bench = new Bench();
  const [router, own] = ['fe80::1', '2600:1::5'] as IpAddress[];
  const sent: string[] = [];
  bench.mapper.handle({ type: 'ports', ipv4: undefined, ipv6: port }, bench.now);
  bench.mapper.handle({ type: 'gateway6', gateway: router, self: own }, bench.now);
  for (let out = bench.mapper.poll(); out !== undefined; out = bench.mapper.poll()) {
    if (out.type === 'send') sent.push(out.target);
  }
  expect(sent).toEqual(['[fe80::1]:5351']);
  bench.router.external = own as IpAddress;
  const from = '[fe80::1]:5351' as Endpoint;
  bench.mapper.handle(
    { type: 'datagram', source: from, bytes: bench.router.announcement(bench.now) },
    bench.now,
  );
  bench.now = bench.mapper.nextTimeout() ?? bench.now;
  for (let out = bench.mapper.poll(); out !== undefined; out = bench.mapper.poll()) {
    if (out.type !== 'send') continue;
    const bytes = bench.router.answer(out.bytes, bench.now) ?? new Uint8Array(0);
    bench.mapper.handle({ type: 'datagram', source: from, bytes }, bench.now);
  }
  expect(bench.mapper.mappings).toMatchObject([
    { protocol: 'pcp', external: '[2600:1::5]:41641', isPublic: true },
  ]);
});

describe('hostile answers', () => {
  test('from elsewhere, unasked, of others, damaged: refused and counted', () => {
    const bench = mapped();
    const before = bench.mappings;
    const { counters } = bench.mapper;
    bench.hear(bench.router.announcement(bench.now), '192.168.1.9:5351' as Endpoint);
    expect(counters.get('portmap-wrong-source')).toBe(1);
    bench.hear(bench.router.announcement(bench.now), '192.168.1.1:5352' as Endpoint);
    bench.hear(hexLiteral(pcpVectors.mapResponse)); // another nonce
    expect(counters.get('portmap-pcp-unasked')).toBe(1);
    bench.hear(hexLiteral(natpmpVectors.mapResponse));
    bench.hear(encodeExternalAddressRequest());
    expect(counters.get('portmap-natpmp-length')).toBe(1);
    bench.hear(new Uint8Array([7, 7, 7]));
    expect(counters.get('portmap-unknown-version')).toBe(1);
    bench.give({ type: 'http-answer', id: 99, status: 200, body: 'x' });
    expect(counters.get('portmap-http-unasked')).toBe(1);
    expect(bench.mappings).toBe(before);
  });

  test('forged announcements cost a check in five seconds and no mapping', () => {
    const bench = mapped();
    const { sent } = bench;
    for (let forged = 0; forged < 3000; forged++) {
      const bytes = hexLiteral(pcpVectors.announceResponse);
      bytes[9] = forged; // an epoch that jumps about
      bench.hear(bytes);
      bench.run(10);
    }
    expect(bench.sent - sent).toBeLessThan(20);
    expect(bench.mappings).toMatchObject([{ external: outside }]);
  });

  test('floods of anything neither throw nor move the mapping nor grow tables', () => {
    const bytes = fc.uint8Array({ maxLength: 1500 });
    const source = fc.constantFrom(server, '192.168.1.9:5351', '192.168.1.1:1900', '6.6.6.6:66');
    const head = fc.constantFrom([], [0, 128], [0, 129], [2, 128], [2, 129], [2, 129, 0, 0]);
    const datagram = fc.tuple(source, head, bytes);
    fc.assert(
      fc.property(fc.array(datagram, { maxLength: 100 }), (datagrams) => {
        const bench = mapped();
        for (const [from, start, rest] of datagrams) {
          rest.set(start.slice(0, rest.length));
          bench.hear(rest, from as Endpoint);
          bench.run(1);
        }
        expect(bench.mappings).toMatchObject([{ protocol: 'pcp', external: outside }]);
        expect(bench.remembered.length).toBe(1);
        expect(Object.keys(bench.mapper.counters.snapshot()).length).toBeLessThan(20);
      }),
      { numRuns: 50 },
    );
  });

  test('a network change a second leaves no more behind than is remembered', () => {
    const bench = new Bench();
    for (let step = 0; step < 200; step++) {
      const address = `192.168.1.${10 + (step % 200)}` as IpAddress;
      bench.give({ type: 'ports', ipv4: 2000 + step, ipv6: undefined });
      bench.give({ type: 'gateway', gateway: '192.168.1.1' as IpAddress, self: address });
      bench.run(1000);
      bench.router.protocols = step % 2 === 0 ? ['pcp'] : [];
    }
    expect(bench.remembered.length).toBeLessThanOrEqual(maxRemembered);
  });
});

test.each([189, 224, 298])(
  'seed %d: the deletion of an attempt without an answer spares what another protocol maps',
  (seed) => {
    const bench = new Bench(seed);
    bench.lossFraction = 0.4;
    bench.duplicateFraction = 0.3;
    bench.start();
    bench.run(400_000);
    expect(bench.mappings).toHaveLength(1);
    expect(bench.router.leases.size).toBe(1);
  },
);

test('loss and copies: mapped in the end, once, and released', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: 40 }), (seed, lossPercent) => {
      const bench = new Bench(seed);
      bench.lossFraction = lossPercent / 100;
      bench.duplicateFraction = 0.3;
      bench.start();
      bench.run(400_000);
      expect(bench.mappings).toHaveLength(1);
      expect(bench.router.leases.size).toBe(1);
      bench.lossFraction = 0;
      bench.give({ type: 'stop' });
      bench.run(1500);
      expect(bench.isReleased).toBe(true);
      expect(bench.router.leases.size).toBe(0);
    }),
    { numRuns: 60 },
  );
  expect(self).toBe('192.168.1.5');
});
