/**
 * The node's port mapping, with its own sockets and routes, against the real miniupnpd: each protocol alone and all
 * together, given back, lost in a restart, and listed but dead.
 */
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import type { PortMapProtocol, PortMapping, PortMapServices } from '@warren/core/portmap/io';
import type { PortMappingService, Topology } from '@warren/sim/topology/types';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import { fourMachines } from '../topology/four-machines.js';
import type { PortMappingServer } from '../world/port-mapping-server.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';

const machine = 'easynat-east';
const network = 'home-east';
const port = 41_641;
/** Routers answer in milliseconds, SSDP within two seconds; this is for a machine in trouble. */
const patienceMs = 30_000;

/** RFC 6887 forgives two seconds, so that the restart of a router that has just started can't be seen by its epoch. */
const routerAgeMs = 8_000;

vi.setConfig({ testTimeout: 120_000 });

interface News {
  readonly mappings?: readonly PortMapping[];
  readonly services?: PortMapServices;
  readonly released?: number;
  readonly counters?: Readonly<Record<string, number>>;
}

class MapperHost {
  #latest: News = {};
  readonly #process: WorldProcess;

  constructor(world: World, protocols: readonly PortMapProtocol[] = ['pcp', 'natpmp', 'upnp']) {
    const argv = scriptArgv('portmap/mapper-host', '/run', protocols.join(','));
    this.#process = world.exec(machine, argv, {
      stdin: 'pipe',
      stderr: { file: '/run/mapper.log' },
    });
    const { stdout } = this.#process;
    if (stdout === null) throw new Error('stdout is a pipe');
    createInterface({ input: stdout }).on('line', (line) => {
      this.#latest = { ...this.#latest, ...(JSON.parse(line) as News) };
    });
    this.tell({ want: port });
  }

  tell(order: object): void {
    this.#process.stdin?.write(`${JSON.stringify(order)}\n`);
  }

  async until(what: string, holds: (news: News) => boolean): Promise<News> {
    await vi.waitFor(
      () => {
        if (!holds(this.#latest)) throw new Error(`no ${what}: ${JSON.stringify(this.#latest)}`);
      },
      { timeout: patienceMs, interval: 50 },
    );
    return this.#latest;
  }

  mapped(): Promise<News> {
    return this.until('a mapping', ({ mappings }) => mappings?.length === 1);
  }

  async stop(): Promise<News> {
    this.tell({ stop: true });
    return this.until('released', ({ released }) => released !== undefined);
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process.exited;
  }
}

/** It answers first and writes its file then. */
function isEmpty(server: PortMappingServer): Promise<void> {
  return vi.waitFor(() => expect(server.mappings()).toEqual([]), { timeout: 5000, interval: 50 });
}

function home(portMapping: boolean | PortMappingService): Topology {
  return {
    ...fourMachines,
    networks: fourMachines.networks
      .filter(({ name }) => name === network)
      .map((one) => ({ ...one, portMapping })),
    machines: fourMachines.machines.filter(({ name }) => name === machine),
  };
}

describe.skipIf(await skipsLab())('miniupnpd', () => {
  let world: World | undefined;
  afterEach(async () => {
    await world?.close();
    world = undefined;
  });

  async function start(portMapping: boolean | PortMappingService): Promise<PortMappingServer> {
    world = await startWorld(home(portMapping));
    const server = world.portMappingServer(network);
    if (server === undefined) throw new Error('the router runs a server');
    return server;
  }

  function client(...protocols: PortMapProtocol[]): MapperHost {
    if (world === undefined) throw new Error('the world stands');
    return protocols.length === 0 ? new MapperHost(world) : new MapperHost(world, protocols);
  }

  test.each(['pcp', 'natpmp', 'upnp'] as const)(
    'a router of %s alone: mapped, and given back without a trace',
    async (protocol) => {
      const server = await start({ protocols: [protocol] });
      const host = client();
      const { mappings } = await host.mapped();
      expect(mappings).toMatchObject([{ protocol, internalPort: port, isPublic: true }]);
      const [lease] = server.mappings();
      expect(lease).toMatchObject({ transport: 'udp', internalPort: port });
      expect(mappings?.[0]?.external).toMatch(new RegExp(`:${lease?.externalPort}$`));
      const { released } = await host.stop();
      expect(released).toBeLessThan(1600);
      await isEmpty(server);
      expect(server.log()).not.toMatch(/unauthori[sz]ed|not authori[sz]ed/i);
    },
  );

  test('all three: PCP maps, a restart of the router is followed, a killed node takes its mapping up', async () => {
    const server = await start(true);
    const host = client();
    const { mappings } = await host.mapped();
    expect(mappings).toMatchObject([{ protocol: 'pcp' }]);
    await host.until('all found', ({ services }) =>
      [services?.pcp, services?.natpmp, services?.upnp].every((found) => found === true),
    );
    expect(server.mappings()).toHaveLength(1);

    await setTimeout(routerAgeMs);
    await server.restart();
    // By its announcement, or at the check that follows within a minute.
    await vi.waitFor(() => expect(server.mappings()).toHaveLength(1), {
      timeout: 70_000,
      interval: 200,
    });

    await host.kill();
    expect(server.mappings()).toHaveLength(1);
    const next = client();
    const { mappings: again } = await next.mapped();
    expect(again).toEqual(mappings);
    expect(server.mappings()).toHaveLength(1);

    next.tell({ want: 5000 });
    await next.until('another port', (news) => news.mappings?.[0]?.internalPort === 5000);
    expect(server.mappings()).toMatchObject([{ internalPort: 5000 }]);
    await next.stop();
    await isEmpty(server);
    expect(server.log()).not.toMatch(/unauthori[sz]ed|not authori[sz]ed/i);
  });

  test('a dead mapping is moved once and then no mapping any more', async () => {
    const server = await start({ protocols: ['pcp', 'natpmp', 'upnp'], dead: true });
    const host = client();
    const first = (await host.mapped()).mappings?.[0]?.external;
    host.tell({ verified: first, works: false });
    const isMoved = ({ mappings }: News): boolean =>
      mappings?.length === 1 && mappings[0]?.external !== first;
    const second = (await host.until('moved', isMoved)).mappings?.[0]?.external;
    host.tell({ verified: second, works: false });
    const { services } = await host.until('gone', ({ mappings }) => mappings?.length === 0);
    expect(services?.errors.pcp).toMatch(/^mapping listed but dead/);
    await host.stop();
    await isEmpty(server);
  });
});
