/**
 * The real miniupnpd on every router whose network has port mapping; it lives as long as the world.
 *
 * Routers have no view of their own, so its files stand in the world's /run, named after the network.
 */
import { readFileSync, rmSync } from 'node:fs';
import { type Network, type PortMappingService, portMappingOf } from '@warren/sim/topology/types';
import { LabError } from '../errors.js';
import { routerSpace } from '../topology/plan.js';
import { FORGET_MAPPINGS, portMappingConfig } from '../topology/port-mapping.js';
import type { PortMappingServer, RouterMapping, RouterPinhole } from './port-mapping-server.js';
import type { World } from './world.js';
import type { WorldProcess } from './world-process.js';

/** It answers after some milliseconds; this is for a machine in trouble. */
const startMs = 20_000;

/** Of its log, in an error. */
const lastWordsChars = 1000;

/** As /proc/net/udp and tcp write ports: NAT-PMP's and PCP's 5351; SSDP's 1900 and the descriptions' 5000. */
const MAPPING_PORT = 'grep -q ":14E7 " /proc/net/udp';
const UPNP_PORTS = 'grep -q ":076C " /proc/net/udp && cat /proc/net/tcp* | grep -q ":1388 "';

/** One router's server. */
class Miniupnpd implements PortMappingServer {
  readonly network: string;

  private readonly world: World;
  private readonly service: PortMappingService;
  private readonly config: string;
  private process: WorldProcess | undefined;

  constructor(world: World, network: Network, service: PortMappingService, index: number) {
    this.world = world;
    this.network = network.name;
    this.service = service;
    this.config = portMappingConfig(network, service, index, {
      leases: this.file('leases'),
      leases6: this.file('leases6'),
    });
  }

  async start(): Promise<void> {
    const { world } = this;
    const router = routerSpace(this.network);
    const log = { file: this.file('log') };
    await world.run('world', ['sh', '-c', `cat > ${this.file('conf')}`], { input: this.config });
    const argv = ['miniupnpd', '-d', '-f', this.file('conf'), '-P', this.file('pid')];
    const server = world.exec(router, argv, { stdout: log, stderr: log });
    this.process = server;
    const ended = server.exited.then(
      () => false,
      () => false,
    );
    const listens = world
      .run(router, ['sh', '-c', this.readiness()], { timeoutMs: startMs })
      .then(({ code }) => code === 0);
    if (await Promise.race([ended, listens])) return;
    throw new LabError(
      'LAB_WORLD_BUILD',
      `the port mapping server of ${this.network} did not come up: ${this.log().slice(-lastWordsChars).trim()}`,
      'start it again; if it fails again, run `warren demo --install-deps`',
    );
  }

  async stop(): Promise<void> {
    this.process?.kill('SIGKILL');
    await this.process?.exited;
    this.process = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    const forget = ['nft', '-f', '-'];
    await this.world.run(routerSpace(this.network), forget, { input: FORGET_MAPPINGS });
    for (const leases of ['leases', 'leases6'] as const) {
      rmSync(this.world.path('world', this.file(leases)), { force: true });
    }
    await this.start();
  }

  mappings(): RouterMapping[] {
    return this.text('leases')
      .split('\n')
      .map(parseLease)
      .filter((mapping) => mapping !== undefined);
  }

  pinholes(): RouterPinhole[] {
    return this.text('leases6')
      .split('\n')
      .map(parsePinhole)
      .filter((pinhole) => pinhole !== undefined);
  }

  log(): string {
    return this.text('log');
  }

  private readiness(): string {
    const { protocols } = this.service;
    const asked = protocols.some((protocol) => protocol !== 'upnp');
    const waits = [
      ...(asked ? [MAPPING_PORT] : []),
      ...(protocols.includes('upnp') ? [UPNP_PORTS] : []),
    ];
    return `until ${waits.join(' && ')}; do sleep 0.02; done`;
  }

  private file(kind: 'conf' | 'pid' | 'log' | 'leases' | 'leases6'): string {
    return `/run/${kind === 'log' ? 'log/' : ''}miniupnpd-${this.network}.${kind}`;
  }

  private text(kind: 'log' | 'leases' | 'leases6'): string {
    try {
      return readFileSync(this.world.path('world', this.file(kind)), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''; // it has never written one
      throw error;
    }
  }
}

/** `UDP:41640:192.168.11.10:41641:1700000000:NAT-PMP 41640 udp`; expiry 0 means never. */
function parseLease(line: string): RouterMapping | undefined {
  const match = /^(UDP|TCP):(\d+):([\d.]+):(\d+):(\d+):(.*)$/.exec(line);
  if (match === null) return undefined;
  const [, transport, externalPort, internalAddress = '', internalPort, expiry, description = ''] =
    match;
  const expiresAtSeconds = Number(expiry);
  return {
    transport: transport === 'UDP' ? 'udp' : 'tcp',
    externalPort: Number(externalPort),
    internalAddress,
    internalPort: Number(internalPort),
    expiresAtSeconds: expiresAtSeconds === 0 ? null : expiresAtSeconds,
    description,
  };
}

/** `UDP;2a02::a;41641;(null);0;1;1700000000;PCP MAP …` */
function parsePinhole(line: string): RouterPinhole | undefined {
  const match = /^(UDP|TCP);([\da-f:]+);(\d+);/.exec(line);
  if (match === null) return undefined;
  const [, transport, address = '', port] = match;
  return { transport: transport === 'UDP' ? 'udp' : 'tcp', address, port: Number(port) };
}

/** Starts the server of each network that has one; resolves when all of them answer. Throws LAB_WORLD_BUILD. */
export async function startPortMappingServers(
  world: World,
): Promise<ReadonlyMap<string, PortMappingServer>> {
  const servers = world.topology.networks.flatMap((network, index) => {
    const service = portMappingOf(network);
    return service === undefined || service.protocols.length === 0
      ? []
      : [new Miniupnpd(world, network, service, index)];
  });
  await Promise.all(servers.map((server) => server.start()));
  return new Map(servers.map((server) => [server.network, server]));
}
