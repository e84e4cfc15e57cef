import { cidr, ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { expect, test } from 'vitest';
import { buildCommands, spaceScript, type WorldCommands } from './build.js';
import { fourMachines } from './four-machines.js';
import { natZoo } from './nat-zoo.js';
import { planTopology, wiresOf } from './plan.js';
import { lanGateway } from './router.js';

const plan = planTopology(fourMachines);
const copied = buildCommands(plan, 'copier');
const netem = buildCommands(plan, 'netem');

function space(commands: WorldCommands, name: string) {
  const found = commands.spaces.find((candidate) => candidate.space.name === name);
  if (found === undefined) throw new Error(`no space ${name}`);
  return found;
}

test('every place has a namespace, and delays have one of their own', () => {
  const names = copied.spaces.map((candidate) => candidate.space.name);
  expect(names).toEqual([
    'inet-east',
    'inet-west',
    'hub',
    'relay-west',
    'router-home-east',
    'router-home-west',
    'router-cloud-west',
    'nonat-east',
    'easynat-east',
    'easynat-west',
    'hardnat-west',
    'delay',
  ]);
  expect(netem.spaces.map((candidate) => candidate.space.name)).toEqual(names.slice(0, -1));
});

test('device names fit the kernel and no two ends share a MAC or a name', () => {
  for (const topology of [fourMachines, natZoo]) {
    const ends = wiresOf(planTopology(topology)).flatMap(({ a, b }) => [a, b]);
    expect(new Set(ends.map(({ mac }) => mac)).size).toBe(ends.length);
    expect(new Set(ends.map(({ space: at, device }) => `${at} ${device}`)).size).toBe(ends.length);
    for (const { device } of ends) expect(device.length).toBeLessThanOrEqual(15);
  }
});

test('a delayed wire goes through the copier, another one directly', () => {
  expect(copied.create).toContain(
    'name eth0 address 02:57:52:00:01:01 netns hub type veth peer name w1a netns delay',
  );
  expect(copied.create).toContain(
    'name p1 address 02:57:52:00:01:02 netns inet-east type veth peer name w1b netns delay',
  );
  expect(copied.create).toMatch(
    /name wan address \S+ netns router-home-east type veth peer name p3 /,
  );
  expect(copied.copierLinks).toEqual([
    { name: 'hub - inet-east', a: 'w1a', b: 'w1b', oneWayMs: 15 },
    { name: 'relay-west - inet-west', a: 'w2a', b: 'w2b', oneWayMs: 15 },
    { name: 'inet-east - inet-west', a: 'w10a', b: 'w10b', oneWayMs: 31 },
  ]);
  expect(copied.spaces.every(({ tc }) => tc === '')).toBe(true);
});

test('with netem both ends of a delayed wire hold packets back, and nothing is copied', () => {
  expect(netem.copierLinks).toEqual([]);
  expect(netem.create).not.toContain('delay');
  expect(space(netem, 'hub').tc).toBe('qdisc add dev eth0 root netem delay 15ms limit 10000\n');
  expect(space(netem, 'inet-west').tc.trim().split('\n')).toEqual([
    'qdisc add dev p2 root netem delay 15ms limit 10000',
    'qdisc add dev t10 root netem delay 31ms limit 10000',
  ]);
  expect(space(netem, 'nonat-east').tc).toBe('');
});

test('a hub routes its own places directly, others across, and private addresses nowhere', () => {
  const { ip: commands, sysctls } = space(copied, 'inet-east');
  expect(commands).toContain('route add 52.20.10.11/32 dev p6\n');
  expect(commands).toMatch(/route add 52\.41\.2\.13\/32 via 169\.254\.2\.21 dev t10 onlink\n/);
  expect(commands).toContain('addr add 169.254.2.20/32 dev t10\n');
  expect(space(copied, 'inet-west').ip).toContain(
    'route add 3.210.5.10/32 via 169.254.2.20 dev t10 onlink',
  );
  for (const prefix of ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10']) {
    expect(commands).toContain(`route add blackhole ${prefix}\n`);
  }
  expect(sysctls).toContainEqual(['net/ipv4/ip_forward', '1']);
});

test('no hub knows an address of a LAN', () => {
  for (const hub of ['inet-east', 'inet-west']) {
    expect(space(copied, hub).ip).not.toMatch(/192\.168\.1|10\.0\.2/);
  }
});

test('a router translates between its WAN and its bridge', () => {
  const router = space(copied, 'router-cloud-west');
  expect(router.ip).toContain('addr add 10.0.2.1/24 dev br0\n');
  expect(router.ip).toMatch(/link set m9 master br0\n/);
  expect(router.nft).toContain('masquerade fully-random');
  expect(router.nft).toContain('iifname "wan" drop');
  expect(space(copied, 'router-home-east').nft).not.toContain('fully-random');
  expect(space(copied, 'nonat-east').nft).toBe('');
});

test('only machines behind a NAT have a private address', () => {
  expect(space(copied, 'easynat-east').ip).toContain('route add default via 192.168.11.1 dev eth0');
  expect(space(copied, 'nonat-east').ip).toContain(
    'route add default via 169.254.1.1 dev eth0 src 52.20.10.11',
  );
});

test('a host with two addresses has both, and both are routed', () => {
  const zoo = buildCommands(planTopology(natZoo), 'copier');
  expect(space(zoo, 'server').ip).toMatch(
    /addr add 3\.210\.5\.10\/32.*\naddr add 3\.210\.5\.11\/32/,
  );
  expect(space(zoo, 'inet-zoo').ip).toContain('route add 3.210.5.11/32 dev p1');
  expect(zoo.copierLinks).toEqual([]);
});

test('three regions reach each other over their own links', () => {
  const [link] = fourMachines.links;
  const [host] = fourMachines.hosts;
  if (!link || !host) throw new Error('the four machines have a link and a host');
  const topology: Topology = {
    ...fourMachines,
    regions: [...fourMachines.regions, { name: 'south' }],
    links: [
      link,
      { between: ['south', 'east'], oneWayMs: 10 },
      { between: ['west', 'south'], oneWayMs: 20 },
    ],
    hosts: [
      ...fourMachines.hosts,
      { ...host, name: 'far', region: 'south', addresses: [ip('5.6.7.8')] },
    ],
  };
  const commands = buildCommands(planTopology(topology), 'copier');
  const via = (hub: string, address: string): string | undefined =>
    new RegExp(`route add ${address}/32 via \\S+ dev (\\S+)`).exec(space(commands, hub).ip)?.[1];
  const devices = [
    via('inet-east', '5.6.7.8'),
    via('inet-west', '5.6.7.8'),
    via('inet-south', '52.41.2.13'),
  ];
  expect(devices[0]).not.toBe(devices[1]);
  expect(devices[1]).toBe(devices[2]);
  const transit = commands.spaces.flatMap(
    ({ ip: text }) => text.match(/addr add 169\.254\.[2-9]\S+/g) ?? [],
  );
  expect(new Set(transit).size).toBe(6);
});

test('the script of a namespace feeds each tool and skips sysctls that the kernel lacks', () => {
  const script = spaceScript(space(copied, 'router-home-east'));
  expect(script.startsWith('set -e\n')).toBe(true);
  expect(script).toContain(
    'if [ -e /proc/sys/net/ipv4/ip_forward ]; then echo 1 > /proc/sys/net/ipv4/ip_forward; fi',
  );
  expect(script).toMatch(/ip -batch - <<'WARREN-EOF'\nlink set lo up\n/);
  expect(script).toContain("nft -f - <<'WARREN-EOF'\n");
  expect(script).not.toContain('tc -batch');
});

test('a router is the first address of its LAN', () => {
  const [network] = fourMachines.networks;
  if (!network) throw new Error('the four machines have a network');
  expect(lanGateway({ ...network, lan: cidr('10.7.0.0/16') })).toBe('10.7.0.1');
});
