/**
 * Routers that map ports over one protocol, that lie, and whose mappings are dead, as a machine behind them
 * and a stranger outside see them. (Debian's own clients: interop/.)
 */
import { once } from 'node:events';
import { cidr, ip } from '@warren/sim/topology/literals';
import type { NatProfile, PortMappingService, Topology } from '@warren/sim/topology/types';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import { lanGateway } from '../topology/router.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import type { PortMappingReport } from './port-mapping-probe.js';

const LIE = ip('5.6.7.9');
const PORT = 41_700;
const all = ['pcp', 'natpmp', 'upnp'] as const;

/** Every kind of NAT that lets UDP out must let mappings in. */
const routers: Readonly<Record<string, readonly [NatProfile, PortMappingService]>> = {
  'pcp-only': ['easy', { protocols: ['pcp'] }],
  'natpmp-only': ['hard', { protocols: ['natpmp'] }],
  'upnp-only': ['restricted-cone', { protocols: ['upnp'] }],
  cone: ['full-cone', { protocols: all }],
  'other-ports': ['cone-other-ports', { protocols: all }],
  range: ['hard-range', { protocols: all }],
  counting: ['sequential', { protocols: all }],
  elastic: ['one-to-one', { protocols: all }],
  guarded: ['one-to-one-firewalled', { protocols: all }],
  liar: ['easy', { protocols: all, tells: LIE }],
  dead: ['easy', { protocols: all, dead: true }],
  'dead-cone': ['restricted-cone', { protocols: all, dead: true }],
};
const names = Object.keys(routers);
/** Its LAN has IPv6 behind a stateful firewall. */
const PINHOLED = 'pcp-only';

const topology: Topology = {
  name: 'mapping-routers',
  regions: [{ name: 'town' }],
  links: [],
  hosts: [
    { name: 'stranger', region: 'town', addresses: [ip('3.210.5.10'), ip('2a02:8109:b510::10')] },
  ],
  networks: Object.entries(routers).map(([name, [nat, portMapping]], index) => ({
    name,
    region: 'town',
    addresses: [ip(`52.41.2.${10 + index}`)],
    nat,
    lan: cidr(`192.168.${10 + index}.0/24`),
    portMapping,
    ...(name === PINHOLED
      ? { ipv6: { lan: cidr('2a02:8109:b511:1::/64'), firewalled: true } }
      : {}),
  })),
  machines: names.map((name, index) => ({
    name: `behind-${name}`,
    at: {
      kind: 'lan',
      network: name,
      address: ip(`192.168.${10 + index}.10`),
      ...(name === PINHOLED ? { ipv6: ip('2a02:8109:b511:1::a') } : {}),
    },
  })),
};

describe.skipIf(await skipsLab())('a port mapping router', () => {
  let world: World;
  const reports = new Map<string, PortMappingReport>();

  beforeAll(async () => {
    world = await startWorld(topology);
    await Promise.all(
      names.map(async (name) => {
        const machine = `behind-${name}`;
        const argv = scriptArgv('interop/stun-host', 'serve', world.addressOf(machine), `${PORT}`);
        const server = world.exec(machine, argv, { stdin: 'pipe', stderr: 'ignore' });
        await once(server.stdout as NodeJS.EventEmitter, 'data');
      }),
    );
    await Promise.all(names.map(async (name) => reports.set(name, await probe(name))));
  });

  afterAll(async () => {
    await world.close();
  });

  async function probe(name: string): Promise<PortMappingReport> {
    const network = topology.networks.find((candidate) => candidate.name === name);
    if (network === undefined) throw new Error(`no network ${name}`);
    const machine = `behind-${name}`;
    const argv = scriptArgv(
      'probe/port-mapping-probe',
      lanGateway(network),
      world.addressOf(machine),
      String(PORT),
    );
    const { stdout, stderr } = await world.run(machine, argv);
    expect(stderr).toBe('');
    return JSON.parse(stdout) as PortMappingReport;
  }

  /** Which outside ports of a router answer the stranger; a port of its own for each, so that no two flows meet. */
  async function open(name: string, ports: readonly number[], from: number): Promise<number[]> {
    const heard = await Promise.all(
      ports.map(async (port, index) => {
        const target = `${world.publicAddressOf(`behind-${name}`)}:${port}`;
        const argv = scriptArgv('interop/stun-host', 'ask', String(from + index), target);
        const { stdout } = await world.run('stranger', argv);
        return (JSON.parse(stdout) as string[])[0];
      }),
    );
    return ports.filter((_port, index) => {
      return heard[index] === `${world.addressOf('stranger')}:${from + index}`;
    });
  }

  test.each(names)('%s answers what it speaks, and nothing else', (name) => {
    const report = reports.get(name);
    for (const protocol of all) {
      const speaks = routers[name]?.[1].protocols.includes(protocol) === true;
      if (speaks) expect(report?.[protocol]).toMatchObject({ result: 0 });
      else expect(report?.[protocol]).toBeNull();
    }
  });

  test.each(names)('%s tells the address that it is said to tell', (name) => {
    const told = name === 'liar' ? LIE : world.publicAddressOf(`behind-${name}`);
    for (const answer of Object.values(reports.get(name) ?? {}) as PortMappingReport['pcp'][]) {
      if (answer !== null) expect(answer.externalAddress).toBe(told);
    }
  });

  test.each(names)('%s lists the ports it has granted', (name) => {
    const granted = (Object.values(reports.get(name) ?? {}) as PortMappingReport['pcp'][])
      .filter((answer) => answer !== null)
      .map(({ externalPort }) => externalPort);
    const listed = world.portMappingServer(name).mappings();
    expect(listed.map(({ externalPort }) => externalPort).sort()).toEqual(granted.sort());
    for (const mapping of listed) {
      expect(mapping).toMatchObject({
        transport: 'udp',
        internalAddress: world.addressOf(`behind-${name}`),
        internalPort: PORT,
      });
    }
  });

  test.each(names)(
    '%s lets a stranger in at the ports it has granted, unless they are dead',
    async (name) => {
      const ports = world
        .portMappingServer(name)
        .mappings()
        .map(({ externalPort }) => externalPort);
      const reached = await open(name, ports, 9100);
      expect(reached).toEqual(name.startsWith('dead') ? [] : ports);
    },
  );

  test('opens its IPv6 firewall for a port, and for nothing else, until it is restarted', async () => {
    const [machine, inside, router] = [
      'behind-pcp-only',
      '2a02:8109:b511:1::a',
      '2a02:8109:b511:1::1',
    ];
    const server = world.portMappingServer(PINHOLED);
    // A new sender each time: the firewall lets the answers of an old one in.
    const hears = async (port: number, from: number): Promise<boolean> => {
      const listen = `const s=require('node:dgram').createSocket('udp6');s.on('message',()=>process.exit(0));s.bind(${port},'${inside}',()=>console.log('up'));setTimeout(()=>process.exit(3),2500)`;
      const receiver = world.exec(machine, [process.execPath, '-e', listen], { stderr: 'ignore' });
      await once(receiver.stdout as NodeJS.EventEmitter, 'data');
      const send = `const s=require('node:dgram').createSocket('udp6');s.bind(${from},()=>setInterval(()=>s.send('x',${port},'${inside}'),100))`;
      await world.run('stranger', ['timeout', '2', process.execPath, '-e', send]);
      return (await receiver.exited).code === 0;
    };
    expect(await hears(PORT, 9200)).toBe(false);
    const argv = scriptArgv('probe/port-mapping-probe', router, inside, String(PORT));
    const { stdout } = await world.run(machine, argv);
    expect((JSON.parse(stdout) as PortMappingReport).pcp).toMatchObject({ result: 0 });
    expect(server.pinholes()).toEqual([{ transport: 'udp', address: inside, port: PORT }]);
    expect(await hears(PORT, 9201)).toBe(true);
    expect(await hears(PORT + 1, 9202)).toBe(false);
    await server.restart();
    expect(server.pinholes()).toEqual([]);
    expect(await hears(PORT, 9203)).toBe(false);
  });

  test('forgets its mappings when it is restarted, and its epoch begins anew', async () => {
    const server = world.portMappingServer('pcp-only');
    const before = reports.get('pcp-only')?.pcp;
    await server.restart();
    expect(server.mappings()).toEqual([]);
    expect(await open('pcp-only', [PORT], 9110)).toEqual([]);
    const { pcp } = await probe('pcp-only');
    expect(pcp?.result).toBe(0);
    expect(pcp?.epochSeconds).toBeLessThan((before?.epochSeconds ?? 0) + 60);
    expect(server.mappings()).toHaveLength(1);
  });

  test('falls silent when it is stopped, while what it mapped stays mapped', async () => {
    const server = world.portMappingServer('natpmp-only');
    await server.stop();
    expect(await probe('natpmp-only')).toEqual({ pcp: null, natpmp: null, upnp: null });
    expect(await open('natpmp-only', [PORT + 1], 9120)).toEqual([PORT + 1]);
    await server.start();
    expect((await probe('natpmp-only')).natpmp?.result).toBe(0);
  });
});
