/**
 * A world: a topology made real out of Linux namespaces, with real NATs, on this computer.
 *
 *     const world = await startWorld(fourMachines);
 *     const { stdout } = await world.run('easynat-east', ['ping', '-c1', '52.20.10.11']);
 *     const daemon = world.exec('easynat-east', scriptArgv('...'), { stdout: { file: '/run/daemon.log' } });
 *     const socketPath = world.path('easynat-east', '/run/warren/warrend.sock'); // connect() from outside
 *     await world.close();
 *
 * A *place* is a namespace that commands run in: every machine and host by its name, the router of network N
 * as `router-N`, the hub of region R as `inet-R`, and `world` for the world itself. Machines and hosts have
 * a view of their own (views.ts): own /run, /etc, /var/lib, host name; so daemons can use default paths.
 * All else is the computer's. Commands get a clean environment, start in `/`, in a process group of
 * their own, and die with the world. Rights are root's, inside (a user namespace when we are not root).
 *
 * Files inside are reached from outside by {@link World.path}: a path through /proc/PID/root that works for
 * reading, writing and connecting to unix sockets. No network of the world is reachable from outside: run a
 * client inside, or talk to a unix socket.
 *
 * Life: a world dies when `close` is called, when its AbortSignal fires, or when the process that started it
 * dies, however (channel.ts). With `keep` it lives on after `detach` until `endWorld` (kept-worlds.ts). Two worlds
 * do not see each other, so names and ports never collide.
 */
import { assert } from '@warren/core/base/assert';
import type { IpAddress } from '@warren/core/ip/address';
import { addressOf, publicAddressOf, type Topology } from '@warren/sim/topology/types';
import type { Copier } from '../delay/copier.js';
import type { CopierReport } from '../delay/delayer.js';
import type { Disturbance } from '../delay/disturbance.js';
import { LabError } from '../errors.js';
import { forgetWorld } from '../kept-worlds.js';
import type { Delayer } from '../topology/build.js';
import { linkName, planTopology } from '../topology/plan.js';
import { cleanEnvironment, type WorldChannel } from './channel.js';
import type { PortMappingServer } from './port-mapping-server.js';
import type { Sink } from './protocol.js';
import { enterNetwork, enterView, layerPath } from './views.js';
import type { WorldProcess } from './world-process.js';

export interface ExecOptions {
  /** Added to the clean environment (PATH, HOME, USER, LANG, TERM, SHELL, WARREN_LAB_PLACE). */
  readonly env?: Readonly<Record<string, string>>;
  /** Default `ignore`. */
  readonly stdin?: 'pipe' | 'ignore';
  /** Default `pipe`. `{ file }` appends to a file of the place. A pipe must be read. */
  readonly stdout?: Sink;
  readonly stderr?: Sink;
  /** Kills it (SIGKILL) after this time. */
  readonly timeoutMs?: number;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Text for its stdin. */
  readonly input?: string;
  /** Default 60 s. */
  readonly timeoutMs?: number;
}

export interface RunResult {
  /** Null when a signal or the timeout ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** Commands that nobody gave a time. */
const defaultRunMs = 60_000;

/** What `run` keeps of an output; more is a mistake of the caller. */
const runOutputBytes = 64 * 1024 * 1024;

export class World {
  readonly topology: Topology;
  readonly delayer: Delayer;
  /** PID of the world's first process, as the host counts. */
  readonly pid: number;
  /** Machines and hosts: the places with a view of their own. */
  readonly views: readonly string[];
  /** All places. */
  readonly places: readonly string[];
  /** Name under which it is kept. */
  readonly keptAs: string | undefined;

  private readonly channel: WorldChannel;
  /** The process that holds each view, as the world counts. */
  private readonly viewHolders = new Map<string, number>();
  private copier: Copier | undefined;
  private portMappingServers: ReadonlyMap<string, PortMappingServer> = new Map();

  /** For start-world.ts. */
  constructor(channel: WorldChannel, topology: Topology, delayer: Delayer, keep?: string) {
    const { spaces } = planTopology(topology);
    this.channel = channel;
    this.topology = topology;
    this.delayer = delayer;
    this.pid = channel.pid;
    this.keptAs = keep;
    this.places = ['world', ...spaces.map(({ name }) => name)];
    this.views = spaces
      .filter(({ role }) => role.is === 'host' || role.is === 'machine')
      .map(({ name }) => name);
  }

  /** For later commands that enter a view (kept-worlds.ts): its holder, as the world counts. */
  get holders(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.viewHolders);
  }

  /** Resolves when the world is no more (or is detached). */
  get ended(): Promise<void> {
    return this.channel.ended;
  }

  /** Starts a program in a place. Throws LAB_PLACE_UNKNOWN and LAB_WORLD_ENDED. */
  exec(place: string, argv: readonly string[], options: ExecOptions = {}): WorldProcess {
    const sink = (wish: Sink | undefined): Sink => {
      if (wish === undefined) return 'pipe';
      return typeof wish === 'string' ? wish : { file: this.layer(place, wish.file) };
    };
    return this.channel.spawn({
      argv: [...this.enter(place), ...argv],
      env: { ...cleanEnvironment(), WARREN_LAB_PLACE: place, ...options.env },
      stdin: options.stdin ?? 'ignore',
      stdout: sink(options.stdout),
      stderr: sink(options.stderr),
      timeoutMs: options.timeoutMs,
    });
  }

  /** Runs a program in a place to its end and gives what it said. Does not throw on an exit code. */
  async run(place: string, argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const { input, env = {}, timeoutMs = defaultRunMs } = options;
    const stdin = input === undefined ? 'ignore' : 'pipe';
    const child = this.exec(place, argv, { env, stdin, timeoutMs });
    child.stdin?.end(input);
    const [exit, stdout, stderr] = await Promise.all([
      child.exited,
      readAll(child, child.stdout),
      readAll(child, child.stderr),
    ]);
    return { ...exit, stdout, stderr, timedOut: child.timedOut };
  }

  /**
   * Where a file of a place is, seen from outside. Of /etc and /var/lib only what was written inside. A unix
   * socket's path must stay under 108 bytes: a short path inside is safe.
   */
  path(place: string, path: string): string {
    return `/proc/${this.pid}/root${this.layer(place, path)}`;
  }

  /** Address on the interface of a machine or host. */
  addressOf(name: string): IpAddress {
    return addressOf(this.topology, name) ?? unknownPlace(name, this.views);
  }

  /** Address under which the internet sees a machine or host. */
  publicAddressOf(name: string): IpAddress {
    return publicAddressOf(this.topology, name) ?? unknownPlace(name, this.views);
  }

  /** The port mapping server of a network's router, to be read, stopped and started. */
  portMappingServer(network: string): PortMappingServer {
    const servers = this.portMappingServers;
    return servers.get(network) ?? unknownPlace(network, [...servers.keys()]);
  }

  /** The copier's counters; undefined when the kernel delays or nothing is delayed. */
  async delayReport(): Promise<readonly CopierReport[] | undefined> {
    return this.copier?.report();
  }

  /**
   * Makes the access link of a host, public machine or network lose frames or let some be overtaken. The link
   * must have a delay, and the world the copier for its delayer.
   */
  async disturb(place: string, disturbance: Disturbance, seed = 1): Promise<void> {
    const wire = planTopology(this.topology).uplinks.get(place) ?? unknownPlace(place, this.views);
    assert(
      this.copier !== undefined && wire.oneWayMs > 0,
      'only the copier disturbs, where it delays',
    );
    await this.copier.disturb({ ...disturbance, link: linkName(wire), seed });
  }

  /** Leaves a world that was started with `keep` to itself. Its processes must not need our pipes. */
  async detach(): Promise<void> {
    await this.channel.detach();
  }

  /** Ends the world; resolves when its last process is gone. */
  async close(): Promise<void> {
    await this.channel.close();
    if (this.keptAs !== undefined) forgetWorld(this.keptAs, this.pid);
  }

  /** For start-world.ts: the view of a place stands, held by a process. */
  adoptView(place: string, holder: number): void {
    this.viewHolders.set(place, holder);
  }

  /** For start-world.ts: they answer. */
  adoptPortMappingServers(servers: ReadonlyMap<string, PortMappingServer>): void {
    this.portMappingServers = servers;
  }

  /** For start-world.ts: whom to ask for {@link delayReport}. */
  adoptCopier(copier: Copier): void {
    this.copier = copier;
  }

  private enter(place: string): string[] {
    if (place === 'world') return [];
    const holder = this.viewHolders.get(place);
    if (holder !== undefined) return enterView(holder);
    if (this.places.includes(place)) return enterNetwork(place);
    return unknownPlace(place, this.places);
  }

  private layer(place: string, path: string): string {
    if (this.views.includes(place)) return layerPath(place, path);
    if (this.places.includes(place)) return path;
    return unknownPlace(place, this.places);
  }
}

function unknownPlace(place: string, known: readonly string[]): never {
  throw new LabError(
    'LAB_PLACE_UNKNOWN',
    `there is no "${place}" in this world`,
    `use one of: ${known.join(', ')}`,
  );
}

async function readAll(child: WorldProcess, stream: WorldProcess['stdout']): Promise<string> {
  if (stream === null) return '';
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > runOutputBytes) {
      child.kill('SIGKILL');
      break;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
