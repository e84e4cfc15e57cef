/** What routers do instead of what they should, one row each. */
import { describe, expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { SeededRandom } from '../base/seeded-random.js';
import {
  envelope,
  type GatewayOptions,
  type HttpAnswer,
  InMemoryGateway,
  InMemoryLan,
} from './testing/in-memory-gateway.js';
import { UpnpClient } from './upnp-client.js';

const v2 = 'urn:schemas-upnp-org:service:WANIPConnection:2';
const ours = { client: '192.168.1.5', internalPort: 41_641, description: 'warren', lease: 7200 };
const theirs = { ...ours, client: '192.168.1.99' };

function lanOf(...gateways: InMemoryGateway[]): InMemoryLan {
  const counters = new Counters();
  let id = 0;
  const newRequestId = () => ++id;
  const client = new UpnpClient({ random: new SeededRandom(7), counters, newRequestId });
  const lan = new InMemoryLan(client, counters, gateways);
  lan.begin();
  lan.tell({ type: 'map', externalPort: 50_123, remembered: undefined });
  lan.run(60_000);
  return lan;
}

/** Says `code` to the first `times` calls of `action`. */
function faults(action: string, code: number, times = Number.POSITIVE_INFINITY) {
  let left = times;
  return (called: string) => (called === action && left-- > 0 ? code : undefined);
}

function adds(gateway: InMemoryGateway): string[] {
  return gateway.log.filter((entry) => entry.startsWith('Add'));
}

describe('faults that are answered by another try', () => {
  test.each([402, 725])('%d: a permanent mapping', (code) => {
    const gateway = new InMemoryGateway({
      instead: (action, values) =>
        action === 'AddPortMapping' && values.get('NewLeaseDuration') !== '0' ? code : undefined,
    });
    const lan = lanOf(gateway);
    expect([...gateway.table]).toEqual([[50_123, { ...ours, lease: 0 }]]);
    expect(lan.last('granted')?.lifetimeMs).toBe(Number.POSITIVE_INFINITY);
    // It is asked for again, though it needs no renewal: routers forget.
    gateway.table.clear();
    lan.run(61 * 60_000);
    expect(gateway.table.size).toBe(1);
    lan.tell({ type: 'release' });
    lan.run(1_200);
    expect(gateway.table.size).toBe(0);
  });

  test.each([718, 728, 729])('%d: another port, up to three times', (code) => {
    const gateway = new InMemoryGateway({ instead: faults('AddPortMapping', code, 3) });
    const lan = lanOf(gateway);
    const [port = 0] = gateway.table.keys();
    expect(new Set(adds(gateway)).size).toBe(4);
    expect(port).toBeGreaterThanOrEqual(1024);
    expect(lan.last('granted')?.external).toBe(`198.51.99.9:${port}`);
    const stubborn = new InMemoryGateway({ instead: faults('AddPortMapping', code) });
    const failed = lanOf(stubborn).last('failed');
    expect(adds(stubborn)).toHaveLength(4);
    expect(failed?.reason).toMatch(new RegExp(`^the router refuses \\(${code}, `));
    expect(failed).toMatchObject({ present: true, retryAfterMs: 60_000 });
  });

  test('724: external and internal port are equal', () => {
    const gateway = new InMemoryGateway({
      instead: (action, values) =>
        action === 'AddPortMapping' && values.get('NewExternalPort') !== '41641' ? 724 : undefined,
    });
    lanOf(gateway);
    expect([...gateway.table]).toEqual([[41_641, ours]]);
  });

  test.each([401, 501, 602])('%d to AddAnyPortMapping: AddPortMapping', (code) => {
    const gateway = new InMemoryGateway({
      service: v2,
      instead: faults('AddAnyPortMapping', code),
    });
    lanOf(gateway);
    expect(adds(gateway)).toEqual(['AddAnyPortMapping 50123', 'AddPortMapping 50123']);
    expect([...gateway.table]).toEqual([[50_123, ours]]);
  });

  test('silence: once more, since the mapping may stand', () => {
    let left = 1;
    const gateway = new InMemoryGateway({
      instead: (action) => (action === 'AddPortMapping' && left-- > 0 ? 'silence' : undefined),
    });
    lanOf(gateway);
    expect([...gateway.table]).toEqual([[50_123, ours]]);
  });
});

describe('faults that end the attempt, in words', () => {
  test.each([
    [401, 'it does not know the action'],
    [501, 'the action failed'],
    [606, 'not authorised'],
    [715, 'it wants a definite remote host'],
    [716, 'it wants a definite external port'],
    [726, 'it wants any remote host'],
    [727, 'it wants any external port, which would open them all'],
    [732, 'it wants a definite internal port'],
  ])('%d', (code, words) => {
    const gateway = new InMemoryGateway({ instead: faults('AddPortMapping', code) });
    const lan = lanOf(gateway);
    expect(adds(gateway)).toHaveLength(1);
    expect(lan.last('failed')).toEqual({
      type: 'failed',
      reason: `the router refuses (${code}, ${words})`,
      present: true,
      retryAfterMs: 600_000,
    });
    expect(lan.counters.get(`portmap-upnp-fault-${code}`)).toBe(1);
  });

  test('a number of its own', () => {
    const lan = lanOf(new InMemoryGateway({ instead: faults('AddPortMapping', 899) }));
    expect(lan.last('failed')?.reason).toBe('the router refuses (899)');
    expect(lan.counters.get('portmap-upnp-fault-other')).toBe(1);
  });

  test('whatever the fault, attempts are few and nothing is left behind', () => {
    for (let code = 400; code < 900; code++) {
      for (const service of [undefined, v2]) {
        const instead = (action: string) => (action.startsWith('Add') ? code : undefined);
        const options = service === undefined ? { instead } : { instead, service };
        const gateway = new InMemoryGateway(options);
        expect(lanOf(gateway).last('failed')?.present).toBe(true);
        expect(adds(gateway).length).toBeLessThanOrEqual(10);
      }
    }
  });
});

describe('external addresses', () => {
  test.each([
    ['0.0.0.0', 'the router has the external address 0.0.0.0'],
    ['127.0.0.1', 'the router has the external address 127.0.0.1'],
    ['224.0.0.1', 'the router has the external address 224.0.0.1'],
    ['', 'the router has no external address'],
    ['router', 'the router has no external address'],
  ])('%j: the mapping that was just made is deleted', (external, reason) => {
    const gateway = new InMemoryGateway({ external });
    const lan = lanOf(gateway);
    expect(adds(gateway)).toHaveLength(1);
    expect(gateway.table.size).toBe(0);
    expect(lan.last('failed')).toMatchObject({ reason, present: true });
    expect(lan.last('granted')).toBeUndefined();
  });

  test('none told at all: deleted as well', () => {
    const gateway = new InMemoryGateway({ instead: faults('GetExternalIPAddress', 501) });
    const lan = lanOf(gateway);
    expect(gateway.table.size).toBe(0);
    expect(lan.last('failed')?.reason).toBe('the router refuses (501, the action failed)');
  });

  test.each(['10.1.2.3', '100.64.0.9'])('%s of an outer network is kept', (external) => {
    expect(lanOf(new InMemoryGateway({ external })).last('granted')?.external).toBe(
      `${external}:50123`,
    );
  });
});

describe('leases', () => {
  test.each([
    ['shorter than asked', 600, 600_000],
    ['permanent instead', 0, Number.POSITIVE_INFINITY],
    ['longer than asked', 90_000, 7_200_000],
  ])('%s: what is listed counts', (_what, granted, lifetimeMs) => {
    const lan = lanOf(new InMemoryGateway({ grants: () => granted }));
    expect(lan.last('granted')?.lifetimeMs).toBe(lifetimeMs);
  });

  test('of a second don’t make us ask every half', () => {
    const gateway = new InMemoryGateway({ grants: () => 1 });
    lanOf(gateway);
    expect(adds(gateway).length).toBeLessThanOrEqual(4);
  });
});

describe('the port of our wish', () => {
  test('belongs to another machine: it is not even asked for', () => {
    const gateway = new InMemoryGateway();
    gateway.table.set(50_123, theirs);
    const lan = lanOf(gateway);
    expect(adds(gateway)).not.toContain('AddPortMapping 50123');
    expect(gateway.table.get(50_123)).toEqual(theirs);
    expect(lan.counters.get('portmap-upnp-port-of-another')).toBe(1);
  });

  test('belongs to another machine, version 2: the router chooses', () => {
    const gateway = new InMemoryGateway({ service: v2 });
    gateway.table.set(50_123, theirs);
    expect(lanOf(gateway).last('granted')?.external).toBe('198.51.99.9:50124');
    expect(gateway.table.get(50_123)).toEqual(theirs);
  });

  test('is granted, but listed for another machine: another one', () => {
    const gateway = new InMemoryGateway({
      instead: (action, values) => {
        if (action !== 'AddPortMapping' || values.get('NewExternalPort') !== '50123')
          return undefined;
        gateway.table.set(50_123, theirs);
        return { status: 200, body: envelope('<u:AddPortMappingResponse/>') };
      },
    });
    const lan = lanOf(gateway);
    expect(lan.last('granted')?.external).not.toContain(':50123');
    expect(gateway.table.get(50_123)).toEqual(theirs);
    expect(lan.counters.get('portmap-upnp-granted-to-another')).toBe(1);
  });

  test('is ours from before the crash: taken over', () => {
    const gateway = new InMemoryGateway();
    gateway.table.set(50_123, { ...ours, lease: 10 });
    lanOf(gateway);
    expect([...gateway.table]).toEqual([[50_123, ours]]);
  });

  test('has an empty entry instead of none', () => {
    let isFirst = true;
    const gateway = new InMemoryGateway({
      instead: (action) => {
        if (action !== 'GetSpecificPortMappingEntry' || !isFirst) return undefined;
        isFirst = false;
        return { status: 200, body: envelope('<GetSpecificPortMappingEntryResponse/>') };
      },
    });
    lanOf(gateway);
    expect([...gateway.table.keys()]).toEqual([50_123]);
  });

  test('can’t be looked up: it is asked for all the same', () => {
    const gateway = new InMemoryGateway({ instead: faults('GetSpecificPortMappingEntry', 401) });
    expect(lanOf(gateway).last('granted')?.lifetimeMs).toBe(7_200_000);
  });
});

describe('several gateways', () => {
  const at = (address: string, options: GatewayOptions = {}) =>
    new InMemoryGateway({ address, ...options });

  test.each([
    ['a public address wins', { external: '10.0.0.2' }, {}, 1],
    ['a line that is up wins', { status: 'Disconnected' }, { external: '10.0.0.2' }, 1],
    ['of public ones the first', {}, {}, 0],
    ['of inner ones the first', { external: '10.0.0.2' }, { external: '10.0.0.3' }, 0],
    ['a useful address wins', { external: '0.0.0.0' }, { external: '100.64.0.3' }, 1],
    [
      'who is silent loses',
      {
        instead: (called: string) =>
          (called === 'description' ? undefined : 'silence') as undefined,
      },
      {},
      1,
    ],
    ['who refuses loses', { instead: faults('AddPortMapping', 606) }, {}, 1],
    ['who describes nothing loses', { service: 'urn:x' }, {}, 1],
  ])('%s', (_what, first: GatewayOptions, second: GatewayOptions, winner) => {
    const gateways = [at('192.168.1.1', first), at('192.168.1.2', second)];
    const lan = lanOf(...gateways);
    expect(gateways.map(({ table }) => table.size)).toEqual(winner === 0 ? [1, 0] : [0, 1]);
    expect(lan.last('granted')).toBeDefined();
  });

  test('a newer kind comes first, whoever answers first', () => {
    const device = 'urn:schemas-upnp-org:device:InternetGatewayDevice:2';
    const gateways = [at('192.168.1.1'), at('192.168.1.2', { device, latencyMs: 20 })];
    lanOf(...gateways);
    expect(gateways.map(({ table }) => table.size)).toEqual([0, 1]);
  });

  test('all refuse: the last one’s words', () => {
    const lan = lanOf(
      at('192.168.1.1', { instead: faults('AddPortMapping', 606) }),
      at('192.168.1.2', { instead: faults('AddPortMapping', 501) }),
    );
    expect(lan.last('failed')?.reason).toBe('the router refuses (501, the action failed)');
  });
});

describe('odd places', () => {
  test.each([
    ['answers from a random port', { ssdpSource: '192.168.1.1:49731' }],
    ['answers from another address of the LAN', { ssdpSource: '192.168.1.200:1900' }],
    ['tells its outer address', { location: 'http://203.0.113.9:5000/root.xml' }],
    ['tells an address of the LAN where nobody is', { location: 'http://192.168.1.77:5000/r' }],
    ['takes 400 ms for everything', { latencyMs: 400 }],
    ['takes a second and a half', { latencyMs: 1500 }],
  ])('a router that %s is found and maps', (_what, options: GatewayOptions) => {
    const gateway = new InMemoryGateway(options);
    const lan = lanOf(gateway);
    expect([...gateway.table]).toEqual([[50_123, ours]]);
    expect(new Set(lan.requests.map(({ host }) => host))).not.toContain('203.0.113.9:5000');
  });

  test('a router that moves us to our own machine or far away is asked nothing there', () => {
    for (const location of [
      'http://192.168.1.5:5000/',
      'http://198.51.99.1:80/',
      'http://127.0.0.1:1/',
    ]) {
      const lan = lanOf(new InMemoryGateway({ location }));
      for (const { host } of lan.requests) expect(host).toMatch(/^192\.168\.1\.1:/);
    }
  });
});

describe('descriptions and answers that can’t be read', () => {
  const page = (body: string, status = 200): HttpAnswer => ({ status, body });
  test.each([
    ['half a description', page('<root><device>'), 'xml-truncated'],
    ['a DTD', page('<!DOCTYPE r [<!ENTITY a "b">]><root>&a;</root>'), 'xml-doctype'],
    ['an entity', page('<root>&a;</root>'), 'xml-entity'],
    ['depth', page('<a>'.repeat(5000)), 'xml-too-deep'],
    ['breadth', page(`<a>${'<b/>'.repeat(5000)}</a>`), 'xml-too-many-elements'],
    ['length', page(`<a>${' '.repeat(70_000)}</a>`), 'xml-too-long'],
    ['a redirect', page('', 302), 'description-redirect'],
    ['an error', page('', 404), 'description-status'],
  ])('%s', (_what, answer, counter) => {
    const instead = (action: string) => (action === 'description' ? answer : undefined);
    const lan = lanOf(new InMemoryGateway({ instead }));
    expect(lan.counters.get(`portmap-upnp-${counter}`)).toBeGreaterThan(0);
    expect(lan.last('failed')).toMatchObject({ present: false });
    expect(lan.last('failed')?.reason).toMatch(/^the router's description can't be /);
    expect(lan.last('found')).toBeUndefined();
  });

  test.each([page(''), page('<x/>'), page('', 302), page('nonsense', 500), page('<a>'.repeat(99))])(
    'nonsense for every action: %j',
    (answer) => {
      const instead = (action: string) => (action === 'description' ? undefined : answer);
      const lan = lanOf(new InMemoryGateway({ instead }));
      expect(lan.last('failed')).toMatchObject({ present: true, retryAfterMs: 60_000 });
      expect(lan.requests.length).toBeLessThan(20);
    },
  );

  test('answers to questions that are not out are counted', () => {
    const lan = lanOf(new InMemoryGateway());
    const count = lan.said.length;
    lan.tell({ type: 'http-answer', id: 9999, status: 200, body: '' });
    lan.tell({ type: 'http-failed', id: 1, reason: 'x' });
    expect(lan.counters.get('portmap-upnp-http-stray')).toBe(2);
    expect(lan.said).toHaveLength(count);
  });

  test('a shell that never answers doesn’t stop the machine', () => {
    const counters = new Counters();
    let id = 0;
    const client = new UpnpClient({
      random: new SeededRandom(1),
      counters,
      newRequestId: () => ++id,
    });
    const gateway = new InMemoryGateway();
    const lan = new InMemoryLan(client, counters, []);
    lan.begin();
    lan.tell({
      type: 'datagram',
      source: '192.168.1.1:1900' as never,
      bytes: gateway.searchAnswer(),
    });
    lan.run(60_000);
    expect(lan.last('failed')?.reason).toBe("the router's description can't be fetched");
  });
});
