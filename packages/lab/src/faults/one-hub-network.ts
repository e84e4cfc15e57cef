/**
 * A network that tests may break: one hub, relays beside it if wanted, and daemons, every process of it known,
 * so that it can be killed and started again by itself. Its world is that of `one-hub.ts` unless told otherwise.
 */
import { fileURLToPath } from 'node:url';
import { DISABLE_HARD_NATS_VARIABLE } from '@warren/node/config/settings';
import type { StatusReport } from '@warren/node/local-api/protocol';
import type { Topology } from '@warren/sim/topology/types';
import { CommandLine } from '../mesh/command-line.js';
import { joinMachine, startDaemon, statusOf, waitForPeers } from '../mesh/machines.js';
import { ADMIN_SOCKET, LOG_FILE, statsSocketOf, until } from '../mesh/places.js';
import {
  type CreatedKey,
  createKey,
  hubUrl,
  type RegionNames,
  startHub,
  startRelayProcess,
} from '../mesh/servers.js';
import { getJson } from '../mesh/socket-json.js';
import { oneHub } from '../topology/one-hub.js';
import { startWorld } from '../world/start-world.js';
import type { RunResult, World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';

const MAIN_SCRIPT = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));
/** Where the hub finds the regions of other relays. */
const REGION_DIRECTORY = '/run';
/** The region of the hub's own relay. */
export const TOWN = { id: 901, code: 'town', name: 'Town' };

/** What tests read of the hub's stats. */
export interface HubNumbers {
  readonly counters: Readonly<Record<string, number>>;
  readonly front: Readonly<Record<string, number>>;
  readonly stun: Readonly<Record<string, number>>;
  readonly control: {
    readonly connections: number;
    readonly mapStreams: number;
    readonly counters: Readonly<Record<string, number>>;
  };
}

/** A node as `warren control nodes list --json` prints it, as far as tests read it. */
export interface ListedNode {
  readonly id: number;
  readonly hostName: string;
  readonly user: string;
  readonly addresses: readonly string[];
  readonly nodeKey: string;
  readonly endpoints: readonly string[];
  readonly online: boolean;
  readonly expired: boolean;
}

export interface NetworkOptions {
  /** Default: {@link oneHub}. */
  readonly topology?: Topology;
  /** More flags for the hub. */
  readonly hubFlags?: readonly string[];
  /** Hosts that run a relay, with its region. */
  readonly relays?: Readonly<Record<string, RegionNames>>;
  /** Of the processes of a place: another clock, for example. */
  readonly env?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** When the world stands and nothing of Warren's runs. */
  readonly beforeServers?: (world: World) => Promise<void>;
  /** When hub and relays run and no daemon does. */
  readonly beforeDaemons?: (network: OneHubNetwork) => Promise<void>;
}

/** Environment of daemons that search for no ports: pairs with a hard NAT stay on their relay. */
export function withoutPortSearches(
  machines: readonly string[],
): NonNullable<NetworkOptions['env']> {
  return Object.fromEntries(machines.map((name) => [name, { [DISABLE_HARD_NATS_VARIABLE]: '1' }]));
}

export class OneHubNetwork {
  readonly world: World;
  readonly cli: CommandLine;
  /** Overlay addresses (IPv4) by machine. */
  readonly addresses = new Map<string, string>();
  readonly #daemons = new Map<string, WorldProcess>();
  readonly #relays = new Map<string, WorldProcess>();
  readonly #options: NetworkOptions;
  readonly #regionFlags: string[] = [];
  #hub: WorldProcess | undefined;

  private constructor(world: World, options: NetworkOptions) {
    this.world = world;
    this.#options = options;
    this.cli = new CommandLine(world, [process.execPath, MAIN_SCRIPT]);
  }

  /** A hub that runs, and these machines joined and knowing each other. */
  static async start(
    machines: readonly string[],
    options: NetworkOptions = {},
  ): Promise<OneHubNetwork> {
    // Of the two delayers only the copier can disturb a wire.
    const world = await startWorld(options.topology ?? oneHub, { delayer: 'copier' });
    const network = new OneHubNetwork(world, options);
    try {
      await options.beforeServers?.(world);
      for (const place of Object.keys(options.relays ?? {})) {
        const region = await network.startRelay(place);
        const file = `${REGION_DIRECTORY}/${place}.json`;
        await world.run('hub', ['sh', '-c', `cat > ${file}`], { input: region });
        network.#regionFlags.push('--derp-region-file', file);
      }
      await network.startHub();
      await options.beforeDaemons?.(network);
      const { key } = await network.createKey('--reusable');
      await Promise.all(
        machines.map(async (machine) => {
          await network.startDaemon(machine);
          const address = await joinMachine(network.world, network.cli, machine, [
            ...['--login-server', network.url, '--auth-key', key],
          ]);
          network.addresses.set(machine, address);
        }),
      );
      await waitForPeers(network.world, machines);
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  /** A command of a place, to be run with further flags: what `documented-errors.ts` takes. */
  warren(
    place: string,
    ...args: readonly string[]
  ): (flags: readonly string[]) => Promise<RunResult> {
    return (flags) => this.cli.attempt(place, [...args, ...flags]);
  }

  get url(): string {
    return hubUrl(this.world, 'hub');
  }

  addressOf(machine: string): string {
    const address = this.addresses.get(machine);
    if (address === undefined) throw new Error(`${machine} has not joined`);
    return address;
  }

  createKey(...flags: readonly string[]): Promise<CreatedKey> {
    return createKey(this.world, this.cli, 'hub', flags);
  }

  status(machine: string): Promise<StatusReport> {
    return statusOf(this.world, machine);
  }

  /** Waits until the status of a machine is as wanted. */
  async statusUntil(
    machine: string,
    what: string,
    holds: (status: StatusReport) => boolean,
    timeoutMs?: number,
  ): Promise<StatusReport> {
    const attempt = async (): Promise<StatusReport> => {
      const status = await this.status(machine);
      if (!holds(status)) throw new Error(JSON.stringify(status));
      return status;
    };
    return until(this.world, machine, `${machine}: ${what}`, attempt, timeoutMs);
  }

  hubNumbers(): Promise<HubNumbers> {
    return getJson<HubNumbers>(statsSocketOf(this.world, 'hub'), 'stats', '/stats');
  }

  async nodes(): Promise<readonly ListedNode[]> {
    const { nodes } = await getJson<{ readonly nodes: readonly ListedNode[] }>(
      this.world.path('hub', ADMIN_SOCKET),
      'hub',
      '/api/v1/nodes',
    );
    return nodes;
  }

  /** What the hub says of itself. */
  hubInfo(): Promise<{ readonly pins: string }> {
    return getJson(this.world.path('hub', ADMIN_SOCKET), 'hub', '/api/v1/info');
  }

  async startHub(flags: readonly string[] = []): Promise<void> {
    const all = [...this.#regionFlags, ...(this.#options.hubFlags ?? []), ...flags];
    this.#hub = await startHub(this.world, this.cli, 'hub', TOWN, all, this.envOf('hub'));
  }

  /** Starts the relay of a place, again or for the first time; answers its region. */
  async startRelay(place: string): Promise<string> {
    const region = this.#options.relays?.[place];
    if (region === undefined) throw new Error(`${place} has no relay`);
    const { relay, regionFile } = await startRelayProcess(this.world, this.cli, place, region);
    this.#relays.set(place, relay);
    return regionFile;
  }

  /** Kills a relay (`KILL`), or makes it silent (`STOP`) and lets it go on (`CONT`). */
  async signalRelay(place: string, signal: 'KILL' | 'STOP' | 'CONT'): Promise<void> {
    const relay = this.#relays.get(place);
    await this.sh('world', `kill -${signal} ${relay?.pid ?? 'nothing'}`);
    if (signal === 'KILL') await relay?.exited;
  }

  /** SIGKILL, to the process alone. Resolves when it is gone. */
  async killHub(): Promise<void> {
    await this.kill(this.#hub);
  }

  /** `env`: of this run alone, beside what the place always has. */
  async startDaemon(
    machine: string,
    flags: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const { world, cli } = this;
    const all = { ...this.envOf(machine), ...env };
    const daemon = await startDaemon(world, cli, machine, flags, all);
    this.#daemons.set(machine, daemon);
  }

  /** As {@link startDaemon}, without waiting until it answers. */
  launchDaemon(machine: string): void {
    const options = { env: this.envOf(machine) };
    this.#daemons.set(machine, this.cli.start(machine, LOG_FILE, ['daemon'], options));
  }

  async killDaemon(machine: string): Promise<void> {
    await this.kill(this.#daemons.get(machine));
  }

  /** Resolves when a machine's daemon has ended by itself. */
  async daemonEnded(machine: string): Promise<void> {
    await this.#daemons.get(machine)?.exited;
  }

  /** Bytes of memory that a machine's daemon (or the hub) has resident. */
  async residentBytes(place: string): Promise<number> {
    const status = await this.sh('world', `cat /proc/${this.pidOf(place)}/status`);
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** Files, sockets and the like that it has open. */
  async openFiles(place: string): Promise<number> {
    return Number(await this.sh('world', `ls /proc/${this.pidOf(place)}/fd | wc -l`));
  }

  /** Runs a shell script in a place; throws with its words when it fails. */
  async sh(place: string, script: string): Promise<string> {
    const { code, stdout, stderr } = await this.world.run(place, ['sh', '-c', script]);
    if (code === 0) return stdout.trim();
    throw new Error(`on ${place}, \`${script}\` ended with ${code}: ${stderr}`);
  }

  async close(): Promise<void> {
    await this.world.close();
  }

  private envOf(place: string): Readonly<Record<string, string>> {
    return this.#options.env?.[place] ?? {};
  }

  /** Of a machine's daemon (or the hub), as the world counts. */
  pidOf(place: string): number {
    const pid = (place === 'hub' ? this.#hub : this.#daemons.get(place))?.pid;
    if (pid === undefined) throw new Error(`nothing of ours runs on ${place}`);
    return pid;
  }

  private async kill(child: WorldProcess | undefined): Promise<void> {
    if (child?.pid === undefined) throw new Error('it does not run');
    await this.sh('world', `kill -9 ${child.pid}`);
    await child.exited;
  }
}
