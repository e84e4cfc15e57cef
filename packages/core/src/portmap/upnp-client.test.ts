import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { SeededRandom } from '../base/seeded-random.js';
import type { Endpoint, IpAddress } from '../ip/address.js';
import type { RememberedMapping } from './io.js';
import { type GatewayOptions, InMemoryGateway, InMemoryLan } from './testing/in-memory-gateway.js';
import { UpnpClient } from './upnp-client.js';

const minuteMs = 60_000;

function lanOf(...gateways: InMemoryGateway[]): InMemoryLan {
  const counters = new Counters();
  let id = 0;
  const newRequestId = () => ++id;
  const client = new UpnpClient({ random: new SeededRandom(7), counters, newRequestId });
  const lan = new InMemoryLan(client, counters, gateways);
  lan.begin();
  return lan;
}

function mapped(options: GatewayOptions = {}, externalPort = 50_123) {
  const gateway = new InMemoryGateway(options);
  const lan = lanOf(gateway);
  lan.tell({ type: 'map', externalPort, remembered: undefined });
  lan.run(5_000);
  return { gateway, lan };
}

const ours = { client: '192.168.1.5', internalPort: 41_641, description: 'warren', lease: 7200 };

describe('a mapping', () => {
  test('is made at the router that answers, and says what it needs to be deleted', () => {
    const { gateway, lan } = mapped();
    expect(lan.said).toEqual([
      { type: 'found' },
      {
        type: 'granted',
        external: '198.51.99.9:50123',
        lifetimeMs: 7_200_000,
        remember: {
          protocol: 'upnp',
          gateway: '192.168.1.1',
          self: '192.168.1.5',
          internalPort: 41_641,
          external: '198.51.99.9:50123',
          device: {
            controlUrl: 'http://192.168.1.1:5000/ctl',
            service: 'urn:schemas-upnp-org:service:WANIPConnection:1',
          },
        },
      },
    ]);
    expect([...gateway.table]).toEqual([[50_123, ours]]);
  });

  test('is not made before it is asked for', () => {
    const gateway = new InMemoryGateway();
    const lan = lanOf(gateway);
    lan.run(30 * minuteMs);
    expect(lan.said).toEqual([{ type: 'found' }]);
    expect(gateway.log).toEqual(['description']);
  });

  test('of any port has one above 1023, never 0', () => {
    for (const wished of [0, 80]) {
      const { gateway } = mapped({}, wished);
      const [port = 0] = gateway.table.keys();
      expect(gateway.table.size).toBe(1);
      expect(port).toBeGreaterThanOrEqual(1024);
    }
  });

  test('is renewed at half of its life by the same ports, inside and outside', () => {
    const { gateway, lan } = mapped();
    const adds = () => gateway.log.filter((entry) => entry.startsWith('Add'));
    lan.run(59 * minuteMs);
    expect(adds()).toHaveLength(1);
    lan.run(5 * 60 * minuteMs);
    expect(adds().length).toBeGreaterThanOrEqual(5);
    expect(new Set(adds())).toEqual(new Set(['AddPortMapping 50123']));
    // A client that asks for the external port as the internal one would now have turned it around.
    expect([...gateway.table]).toEqual([[50_123, ours]]);
    const inside = lan.requests.map(({ body }) => /<NewInternalPort>(\d+)/.exec(body)?.[1]);
    expect(new Set(inside)).toEqual(new Set([undefined, '41641']));
  });

  test('is deleted by a release, which says when it is done', () => {
    const { gateway, lan } = mapped();
    lan.tell({ type: 'release' });
    lan.run(100);
    expect(gateway.table.size).toBe(0);
    expect(lan.said.at(-1)).toEqual({ type: 'released', unanswered: false });
    const count = lan.requests.length;
    lan.tell({ type: 'map', externalPort: 0, remembered: undefined });
    lan.run(60 * minuteMs);
    expect(lan.requests).toHaveLength(count);
    expect(lan.said.at(-1)).toEqual({ type: 'released', unanswered: false });
  });

  test.each(['AddPortMapping', 'AddAnyPortMapping'])(
    'that a router just makes by %s is deleted by a release as well',
    (action) => {
      const version = action === 'AddPortMapping' ? 1 : 2;
      const gateway = new InMemoryGateway({
        latencyMs: 100,
        service: `urn:schemas-upnp-org:service:WANIPConnection:${version}`,
      });
      gateway.table.set(50_123, { ...ours, client: '192.168.1.99' });
      const lan = lanOf(gateway);
      lan.tell({
        type: 'map',
        externalPort: version === 1 ? 50_200 : 50_123,
        remembered: undefined,
      });
      while (!gateway.log.some((entry) => entry.startsWith('Add'))) lan.run(10);
      lan.tell({ type: 'release' });
      lan.run(1_200);
      expect([...gateway.table.keys()]).toEqual([50_123]);
      expect(lan.said.at(-1)).toEqual({ type: 'released', unanswered: false });
      expect(lan.last('granted')).toBeUndefined();
    },
  );

  test('a router that is gone keeps no release waiting', () => {
    const { gateway, lan } = mapped();
    gateway.options = { instead: () => 'silence' };
    lan.tell({ type: 'release' });
    lan.run(1_200);
    expect(lan.said.at(-1)).toEqual({ type: 'released', unanswered: true });
  });

  test('that the router won’t delete is told, to be deleted another day', () => {
    const { gateway, lan } = mapped();
    gateway.options = { instead: (action) => (action === 'DeletePortMapping' ? 501 : undefined) };
    lan.tell({ type: 'release' });
    lan.run(1_200);
    expect(lan.said.at(-1)).toEqual({ type: 'released', unanswered: true });
  });

  test('lets nobody in: another port is taken', () => {
    const { gateway, lan } = mapped();
    lan.tell({ type: 'move' });
    lan.run(1_000);
    expect(gateway.table.size).toBe(1);
    expect(gateway.table.has(50_123)).toBe(false);
    const [port] = gateway.table.keys();
    expect(lan.last('granted')?.external).toBe(`198.51.99.9:${port}`);
  });
});

describe('a router that', () => {
  test('forgot the mapping has it again at the next look, at the same port', () => {
    const { gateway, lan } = mapped();
    gateway.table.clear();
    lan.run(11 * minuteMs);
    expect([...gateway.table]).toEqual([[50_123, ours]]);
    expect(lan.counters.get('portmap-upnp-forgotten-by-router')).toBe(1);
  });

  test('is known to have restarted has it again at once', () => {
    const { gateway, lan } = mapped();
    gateway.table.clear();
    lan.tell({ type: 'router-restarted' });
    lan.run(100);
    expect([...gateway.table]).toEqual([[50_123, ours]]);
  });

  test('gets another external address is asked anew, and the address told', () => {
    const { gateway, lan } = mapped();
    gateway.options = { external: '198.51.99.77' };
    lan.run(11 * minuteMs);
    expect(lan.last('granted')?.external).toBe('198.51.99.77:50123');
  });

  test('gave the port to another machine keeps that; another port is taken', () => {
    const { gateway, lan } = mapped();
    const another = { ...ours, client: '192.168.1.99' };
    gateway.table.set(50_123, another);
    lan.run(11 * minuteMs);
    expect(gateway.table.get(50_123)).toEqual(another);
    expect(gateway.table.size).toBe(2);
    lan.tell({ type: 'release' });
    lan.run(1_200);
    expect([...gateway.table]).toEqual([[50_123, another]]);
  });

  test('is away for a minute or two at the renewal keeps its mapping', () => {
    const { gateway, lan } = mapped();
    lan.run(59 * minuteMs);
    gateway.options = { instead: () => 'silence' };
    lan.run(90_000);
    expect(lan.counters.get('portmap-upnp-renewal-silent')).toBe(2);
    gateway.options = {};
    lan.run(5 * minuteMs);
    expect(lan.last('failed')).toBeUndefined();
    expect(gateway.log.slice(-3)).toContain('AddPortMapping 50123');
    expect(lan.said.filter(({ type }) => type === 'granted')).toHaveLength(2);
    expect(lan.last('granted')?.external).toBe('198.51.99.9:50123');
  });

  test('is silent for good ends the mapping, in words', () => {
    const { gateway, lan } = mapped();
    gateway.options = { instead: () => 'silence' };
    lan.gateways.length = 0;
    lan.run(70 * minuteMs);
    expect(lan.last('failed')).toMatchObject({ present: true, retryAfterMs: minuteMs });
    lan.gateways.push(new InMemoryGateway());
    lan.tell({ type: 'map', externalPort: 50_123, remembered: undefined });
    lan.run(10_000);
    expect(lan.gateways[0]?.table.get(50_123)).toEqual(ours);
  });
});

describe('an earlier run', () => {
  const remembered: RememberedMapping = {
    protocol: 'upnp',
    gateway: '192.168.1.1' as IpAddress,
    self: '192.168.1.5' as IpAddress,
    internalPort: 41_641,
    external: '198.51.99.9:50777' as Endpoint,
    device: {
      controlUrl: 'http://192.168.1.1:5000/ctl',
      service: 'urn:schemas-upnp-org:service:WANIPConnection:1',
    },
  };

  test('left a mapping that still stands: it is taken up', () => {
    const gateway = new InMemoryGateway();
    gateway.table.set(50_777, { ...ours, lease: 30 });
    const lan = lanOf(gateway);
    lan.tell({ type: 'map', externalPort: 50_123, remembered });
    lan.run(5_000);
    expect([...gateway.table]).toEqual([[50_777, ours]]);
    expect(lan.last('granted')?.external).toBe('198.51.99.9:50777');
    expect(lan.counters.get('portmap-upnp-taken-up')).toBe(1);
  });

  test('left one that another machine has now: it is left alone', () => {
    const gateway = new InMemoryGateway();
    const another = { ...ours, client: '192.168.1.99' };
    gateway.table.set(50_777, another);
    const lan = lanOf(gateway);
    lan.tell({ type: 'map', externalPort: 50_777, remembered });
    lan.run(5_000);
    expect(gateway.table.get(50_777)).toEqual(another);
    expect(gateway.table.size).toBe(2);
  });

  test('left one that nobody wants any more: it is deleted, but not that of another', () => {
    const gateway = new InMemoryGateway();
    const another = { ...ours, client: '192.168.1.99' };
    gateway.table.set(50_777, { ...ours, internalPort: 41_000 });
    gateway.table.set(50_778, another);
    const lan = lanOf(gateway);
    const stale = { ...remembered, internalPort: 41_000 };
    const taken = { ...remembered, external: '198.51.99.9:50778' as Endpoint };
    lan.tell({ type: 'forget', mapping: stale });
    lan.tell({ type: 'forget', mapping: taken });
    lan.run(1_000);
    expect([...gateway.table]).toEqual([[50_778, another]]);
    expect(lan.said.filter(({ type }) => type === 'forgotten')).toEqual([
      { type: 'forgotten', mapping: stale },
      { type: 'forgotten', mapping: taken },
    ]);
  });

  test.each(['http://203.0.113.9:80/x', 'http://127.0.0.1:9090/x', 'https://192.168.1.1/x', ''])(
    'remembers a control address %j: nobody is asked there',
    (controlUrl) => {
      const lan = lanOf();
      const { service = '' } = remembered.device ?? {};
      lan.tell({ type: 'forget', mapping: { ...remembered, device: { controlUrl, service } } });
      expect(lan.last('forgotten')).toBeDefined();
      expect(lan.requests).toEqual([]);
    },
  );

  test('left more than anybody does: the rest is not looked at', () => {
    const lan = lanOf(new InMemoryGateway({ latencyMs: 100 }));
    for (let i = 0; i < 20; i++) lan.tell({ type: 'forget', mapping: remembered });
    expect(lan.said.filter(({ type }) => type === 'forgotten')).toHaveLength(12);
    lan.run(5_000);
    expect(lan.said.filter(({ type }) => type === 'forgotten')).toHaveLength(20);
  });
});

describe('a search', () => {
  test('that nobody answers is repeated, then it failed, and a later answer still counts', () => {
    const lan = lanOf();
    lan.run(3_999);
    expect(lan.sent).toHaveLength(12);
    expect(lan.said).toEqual([]);
    lan.run(1);
    expect(lan.last('failed')).toEqual({
      type: 'failed',
      reason: 'no router answered a search for UPnP',
      present: false,
      retryAfterMs: 5 * minuteMs,
    });
    const late = new InMemoryGateway();
    lan.gateways.push(late);
    lan.tell({
      type: 'datagram',
      source: '192.168.1.1:1900' as Endpoint,
      bytes: late.searchAnswer(),
    });
    lan.run(100);
    expect(lan.said.at(-1)).toEqual({ type: 'found' });
  });

  test('is repeated by a probe, which answers again and leaves the mapping alone', () => {
    const { gateway, lan } = mapped();
    lan.tell({ type: 'probe' });
    lan.run(5_000);
    expect(lan.said.at(-1)).toEqual({ type: 'found' });
    lan.gateways.length = 0;
    lan.tell({ type: 'probe' });
    lan.run(5_000);
    expect(lan.last('failed')).toBeUndefined();
    expect([...gateway.table]).toEqual([[50_123, ours]]);
  });

  test('hears nobody but the LAN, nobody unasked, and not everybody', () => {
    const lan = lanOf();
    const hear = (source: string, gateway: InMemoryGateway) => {
      const bytes = gateway.searchAnswer();
      lan.tell({ type: 'datagram', source: source as Endpoint, bytes });
    };
    hear('203.0.113.9:1900', new InMemoryGateway());
    hear('192.168.2.1:1900', new InMemoryGateway());
    expect(lan.counters.get('portmap-upnp-ssdp-not-of-the-lan')).toBe(2);
    for (let i = 0; i < 300; i++) {
      hear('192.168.1.66:5000', new InMemoryGateway({ location: `http://192.168.1.66:5000/${i}` }));
    }
    expect(lan.counters.get('portmap-upnp-ssdp-too-many')).toBe(289);
    // The router itself is heard all the same.
    lan.gateways.push(new InMemoryGateway());
    hear('192.168.1.1:1900', new InMemoryGateway());
    lan.run(3 * minuteMs);
    expect(lan.last('found')).toBeDefined();
    hear('192.168.1.1:1900', new InMemoryGateway());
    expect(lan.counters.get('portmap-upnp-ssdp-unasked')).toBe(1);
    // Each of the eleven at its own address and at the gateway's, once.
    expect(lan.requests.length).toBeLessThanOrEqual(22);
  });
});

test('whatever a hostile LAN answers, the machine goes on, asks few, and ends when told', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.constantFrom('<a>', '', '<!DOCTYPE a>', '<Envelope><Body/></Envelope>'),
  );
  const options = fc.record(
    {
      external: fc.constantFrom('198.51.99.9', '0.0.0.0', '10.0.0.1', ''),
      latencyMs: fc.nat(4_000),
      location: fc.oneof(fc.string(), fc.constant('http://192.168.1.1:5000/x')),
      lies: fc.array(
        fc.oneof(
          fc.constant(undefined),
          fc.integer({ min: 400, max: 800 }),
          fc.constant('silence' as const),
          fc.record({ status: fc.integer({ min: 100, max: 599 }), body: text }),
        ),
        { minLength: 1, maxLength: 12 },
      ),
    },
    { requiredKeys: ['lies'] },
  );
  const noise = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 });
  fc.assert(
    fc.property(options, noise, ({ lies, ...rest }, datagrams) => {
      let call = 0;
      const gateway = new InMemoryGateway({ ...rest, instead: () => lies[call++ % lies.length] });
      const lan = lanOf(gateway);
      lan.tell({ type: 'map', externalPort: 0, remembered: undefined });
      for (const bytes of datagrams) {
        lan.tell({ type: 'datagram', source: '192.168.1.1:1900' as Endpoint, bytes });
      }
      lan.run(3 * 60 * minuteMs);
      const answered = lan.last('granted') ?? lan.last('failed');
      expect(answered).toBeDefined();
      expect(lan.requests.length).toBeLessThan(1_500);
      lan.tell({ type: 'release' });
      lan.run(1_200);
      expect(lan.said.at(-1)?.type).toBe('released');
    }),
    { numRuns: 200 },
  );
});
