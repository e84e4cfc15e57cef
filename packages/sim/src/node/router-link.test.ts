/** The port mapper of core against the model router, which was written from the RFCs without looking at it. */
import { SeededRandom } from '@warren/core/base/seeded-random';
import { endpointPort } from '@warren/core/ip/address';
import type { PortMapping, RememberedMapping } from '@warren/core/portmap/io';
import { describe, expect, test } from 'vitest';
import { SimClock } from '../clock/sim-clock.js';
import { Trace } from '../clock/trace.js';
import { Host } from '../net/host.js';
import { Internet } from '../net/internet.js';
import { PublicPlug } from '../net/public-plug.js';
import { cidr, ip, socket } from '../topology/literals.js';
import { type Network, PORT_MAPPING_PROTOCOLS } from '../topology/types.js';
import { buildNetwork } from '../world/network-builder.js';
import { RouterLink } from './router-link.js';

const PORT = 41_641;
/** Longer than every retransmission and search. */
const SETTLE_MS = 10_000;
const SIX = '2a02:8109:b511:1::a';

function sceneOf(network: Partial<Network>) {
  const clock = new SimClock();
  const trace = new Trace(clock);
  const random = new SeededRandom(11);
  const internet = new Internet({ clock, trace, random });
  const home: Network = {
    name: 'home',
    region: 'town',
    addresses: [ip('54.1.1.1')],
    nat: 'hard',
    lan: cidr('192.168.1.0/24'),
    portMapping: true,
    ...network,
  };
  const topology = { name: '', regions: [], links: [], hosts: [], machines: [], networks: [home] };
  const site = { clock, trace, random, internet, topology };
  const { home: router } = buildNetwork(site, home, 'plain');
  const addresses = home.ipv6 === undefined ? ['192.168.1.10'] : ['192.168.1.10', SIX];
  const host = new Host('host', router.plug(addresses.map(ip)), trace);
  const heard: string[] = [];
  for (const family of [4, 6] as const) host.bind(family, PORT, (source) => heard.push(source));
  let mappings: readonly PortMapping[] = [];
  let memory: readonly RememberedMapping[] = [];
  const linkOf = (): RouterLink =>
    new RouterLink({
      clock,
      host,
      random: random.fork(),
      remembered: memory,
      onMappings: (now) => {
        mappings = now;
      },
      onRemember: (now) => {
        memory = now;
      },
    });
  const stranger = new Host(
    'stranger',
    new PublicPlug({
      ...site,
      name: 'stranger',
      region: 'town',
      accessMs: 1,
      addresses: [ip('9.9.9.1'), ip('2600::1')],
      firewalled: false,
    }),
    trace,
  );
  /** Whether the stranger gets through to what the router granted. */
  const isOpen = (external = mappings[0]?.external ?? socket('54.1.1.1:1')): boolean => {
    heard.length = 0;
    stranger.send(7, external, Uint8Array.of(1));
    clock.run(20);
    return heard.length > 0;
  };
  return { clock, router, host, linkOf, isOpen, stranger, mapped: () => mappings };
}

describe.each(PORT_MAPPING_PROTOCOLS)('over %s alone', (protocol) => {
  const scene = sceneOf({ portMapping: { protocols: [protocol] } });
  const link = scene.linkOf();
  link.ports(PORT, undefined);
  scene.clock.run(SETTLE_MS);

  test('the port is mapped and open', () => {
    expect(scene.mapped()).toMatchObject([
      { protocol, internalPort: PORT, external: '54.1.1.1:41641', isPublic: true },
    ]);
    expect(scene.isOpen()).toBe(true);
  });

  test('it is renewed as long as it is wanted', () => {
    scene.clock.run(5 * 3_600_000);
    expect(scene.mapped()).toHaveLength(1);
    expect(scene.isOpen()).toBe(true);
  });

  test('a router that was switched off and on maps it again', () => {
    scene.router.reboot();
    expect(scene.isOpen(socket('54.1.1.1:41641'))).toBe(false);
    // UPnP tells nobody: the next renewal finds it out.
    scene.clock.run(protocol === 'upnp' ? 2 * 3_600_000 : SETTLE_MS);
    expect(scene.isOpen()).toBe(true);
  });

  test('it is given back at the end', () => {
    link.mapper.handle({ type: 'stop' }, scene.clock.now);
    link.ports(undefined, undefined);
    scene.clock.run(2000);
    expect(scene.router.portMapping?.mappings.list(scene.clock.now)).toEqual([]);
  });
});

test('all three at once make one mapping', () => {
  const scene = sceneOf({});
  scene.linkOf().ports(PORT, undefined);
  scene.clock.run(SETTLE_MS);
  expect(scene.mapped()).toMatchObject([{ protocol: 'pcp' }]);
  expect(scene.router.portMapping?.mappings.list(scene.clock.now)).toHaveLength(1);
});

test('a process that was killed takes its mapping up again', () => {
  const scene = sceneOf({});
  const first = scene.linkOf();
  first.ports(PORT, undefined);
  scene.clock.run(SETTLE_MS);
  first.close();
  scene.clock.run(60_000);
  scene.linkOf().ports(PORT, undefined);
  scene.clock.run(SETTLE_MS);
  expect(scene.mapped().map(({ external }) => endpointPort(external))).toEqual([PORT]);
  expect(scene.router.portMapping?.mappings.list(scene.clock.now)).toHaveLength(1);
});

test('a router behind a carrier maps nothing that is public', () => {
  const carrier = { nat: 'easy', lan: cidr('100.64.0.0/24') } as const;
  const scene = sceneOf({ carrier });
  scene.linkOf().ports(PORT, undefined);
  scene.clock.run(SETTLE_MS);
  expect(scene.mapped().filter(({ isPublic }) => isPublic)).toEqual([]);
});

test('a pinhole for IPv6 opens the firewall', () => {
  const ipv6 = { lan: cidr('2a02:8109:b511:1::/64'), firewalled: true };
  const scene = sceneOf({ ipv6, portMapping: { protocols: ['pcp'] } });
  const link = scene.linkOf();
  expect(scene.isOpen(socket(`[${SIX}]:41641`))).toBe(false);
  link.ports(PORT, PORT);
  scene.clock.run(SETTLE_MS);
  const externals = scene.mapped().map(({ external }) => external);
  expect(externals).toContain(`[${SIX}]:41641`);
  expect(scene.isOpen(socket(`[${SIX}]:41641`))).toBe(true);
});

test('a host that has no router of its own has no mapping, and one that moves there loses it', () => {
  const scene = sceneOf({});
  const link = scene.linkOf();
  link.ports(PORT, undefined);
  scene.clock.run(SETTLE_MS);
  scene.host.plugInto(undefined);
  link.networkChanged();
  scene.clock.run(SETTLE_MS);
  expect(scene.mapped()).toEqual([]);
});
