/**
 * One machine of the mesh: both engines, the relay links and the control client of the daemon, composed as
 * the daemon composes them (session.ts, engine-host.ts), on a host that can be moved, cut off and restarted.
 *
 *     control client --netmap--> PathEngine --DownMessage, delayed--> PacketEngine --> TUN, UDP
 *     control client <-endpoints- PathEngine <--UpMessage, delayed--- PacketEngine
 *                                 PathEngine <--frames--> relay links
 */
import type { Instant } from '@warren/core/base/instant';
import type { SeededRandom } from '@warren/core/base/seeded-random';
import type { ControlClientOutput, LoginState } from '@warren/core/control/io';
import type { DownMessage } from '@warren/core/engines/messages';
import type { Path, RegionId } from '@warren/core/engines/paths';
import { formatPath } from '@warren/core/engines/paths';
import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import { familyOf } from '@warren/core/ip/address';
import { prefixAddress } from '@warren/core/ip/prefix';
import {
  generatePrivateKey,
  type MachinePrivateKey,
  type NodeKey,
  type NodePrivateKey,
  publicKeyOf,
} from '@warren/core/keys/keys';
import type { DialBackVerdict } from '@warren/core/netcheck/dial-back';
import type { Netmap } from '@warren/core/netmap/types';
import type {
  PathChange,
  PathEngineInput,
  PathEngineOutput,
  PingResult,
} from '@warren/core/path-engine/io';
import { PathEngine } from '@warren/core/path-engine/path-engine';
import type { RememberedNetwork } from '@warren/core/path-engine/remembered-network';
import type { RememberedMapping } from '@warren/core/portmap/io';
import type { Crypto } from '@warren/core/ports';
import { MachineTimer } from '../clock/machine-timer.js';
import type { Host } from '../net/host.js';
import type { Plug } from '../net/plug.js';
import type { StreamWorld } from '../net/stream.js';
import type { ControlStreamServer } from '../servers/control-wire.js';
import { ControlLink } from './control-link.js';
import { NatReports } from './nat-reports.js';
import { Plane } from './plane.js';
import { RelayLink, type RelayStreamServer } from './relay-link.js';
import { RouterLink } from './router-link.js';

/** WireGuard's usual port in this family. */
const LISTEN_PORT = 41_641;

export interface SimNodeOptions {
  readonly name: string;
  readonly world: StreamWorld;
  readonly crypto: Crypto;
  readonly random: SeededRandom;
  readonly host: Host;
  readonly control: ControlStreamServer;
  readonly relays: ReadonlyMap<RegionId, RelayStreamServer>;
  readonly authKey: string;
  readonly staticEndpoints: readonly Endpoint[];
  readonly threadMs: number;
}

/** Hears what a node does; checkers and applications listen. */
export interface SimNodeEvents {
  /** The node delivered an IP packet to its operating system. */
  onPacket(node: SimNode, packet: Uint8Array): void;
  /** The PacketEngine was told something. */
  onDown(node: SimNode, message: DownMessage): void;
  onPathChanged(node: SimNode, change: PathChange): void;
  onPingResult(node: SimNode, id: number, peer: NodeKey, result: PingResult): void;
}

interface Process {
  readonly engine: PathEngine;
  readonly timer: MachineTimer;
  readonly plane: Plane;
  readonly control: ControlLink;
  readonly router: RouterLink;
  readonly links: Map<RegionId, RelayLink>;
  draining: boolean;
}

export class SimNode {
  readonly name: string;
  readonly host: Host;
  netmap: Netmap | undefined;
  state: LoginState = 'NeedsLogin';
  /** Whether a datagram reached its port before anything had left from there. */
  dialledBack: DialBackVerdict | undefined;
  readonly #options: SimNodeOptions;
  readonly #events: SimNodeEvents;
  readonly #machineKey: MachinePrivateKey;
  /** From the state file: kept across restarts. */
  #nodeKey: NodePrivateKey | undefined;
  #publicKey: NodeKey | undefined;
  /** Undefined: not running. */
  #process: Process | undefined;
  #natReports: NatReports | undefined;
  /** Mappings at routers, from the state file. */
  #remembered: readonly RememberedMapping[] = [];
  /** What was learnt of networks, from the state file. */
  #networks: readonly RememberedNetwork[] = [];
  /** When its port was last used by an earlier process. */
  #stoppedAt: Instant | undefined;
  /** Its address in the mesh, also while nobody tells it. */
  #overlay: IpAddress | undefined;
  /** Where packets to each peer go now, as the PacketEngine was told. */
  readonly #paths = new Map<NodeKey, readonly Path[]>();

  constructor(options: SimNodeOptions, events: SimNodeEvents) {
    this.#options = options;
    this.#events = events;
    this.name = options.name;
    this.host = options.host;
    this.#machineKey = generatePrivateKey('machine', options.random);
  }

  get key(): NodeKey | undefined {
    if (this.#nodeKey === undefined) return undefined;
    // It is made once for all restarts; checkers ask at every packet.
    this.#publicKey ??= publicKeyOf(this.#options.crypto, 'node', this.#nodeKey);
    return this.#publicKey;
  }

  /** Its IPv4 address in the mesh, the last one that it was told. */
  get overlay(): IpAddress | undefined {
    return this.#overlay;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  get engine(): PathEngine | undefined {
    return this.#process?.engine;
  }

  get plane(): Plane | undefined {
    return this.#process?.plane;
  }

  get control(): ControlLink | undefined {
    return this.#process?.control;
  }

  get relayLinks(): number {
    return this.#process?.links.size ?? 0;
  }

  pathsTo(peer: NodeKey): readonly Path[] {
    return this.#paths.get(peer) ?? [];
  }

  isDirectTo(peer: NodeKey): boolean {
    const paths = this.pathsTo(peer);
    return paths.length === 1 && paths[0]?.kind === 'direct';
  }

  /** The daemon starts: a new disco key, new sockets; the profile is what it was. */
  start(): void {
    const { crypto, random, world, host, staticEndpoints, threadMs, control, authKey } =
      this.#options;
    // A node key is made before the first login; the daemon's profile keeps it the same way.
    this.#nodeKey ??= generatePrivateKey('node', random);
    const discoPrivateKey = generatePrivateKey('disco', random);
    const engine = new PathEngine(
      {
        crypto,
        random: random.fork(),
        nodePrivateKey: this.#nodeKey,
        discoPrivateKey,
        listenPort: LISTEN_PORT,
        staticEndpoints,
        networks: this.#networks,
        earlierUses:
          this.#stoppedAt === undefined
            ? []
            : [{ port: LISTEN_PORT, agoMs: world.clock.now - this.#stoppedAt, reached: [] }],
      },
      world.clock.now,
    );
    const process: Process = {
      engine,
      timer: new MachineTimer(engine, world.clock, () => this.input({ type: 'timeout' })),
      plane: new Plane({
        clock: world.clock,
        host,
        crypto,
        random: random.fork(),
        threadMs,
        onPacket: (packet) => this.#events.onPacket(this, packet),
        onUp: (message) => this.input({ type: 'up', message }),
        onDown: (message) => this.#noteDown(message),
      }),
      control: new ControlLink({
        world,
        host,
        server: control,
        machineKey: publicKeyOf(crypto, 'machine', this.#machineKey),
        client: {
          crypto,
          random: random.fork(),
          nodeKey: this.#nodeKey,
          discoKey: publicKeyOf(crypto, 'disco', discoPrivateKey),
          hostInfo: { OS: 'linux', Hostname: this.name, App: 'warren' },
          ephemeral: false,
          acceptRoutes: false,
        },
        onOutput: (output) => this.#onControl(output),
        onConnected: () => this.input({ type: 'retry-relays' }),
      }),
      router: new RouterLink({
        clock: world.clock,
        host,
        random: random.fork(),
        remembered: this.#remembered,
        onMappings: (mappings, services) => this.input({ type: 'port-map', mappings, services }),
        onRemember: (mappings) => {
          this.#remembered = mappings;
        },
      }),
      links: new Map(),
      draining: false,
    };
    this.#natReports = new NatReports(world.clock, engine, process.control);
    this.#process = process;
    this.#drain(process);
    this.input({ type: 'local-addresses', addresses: host.addresses });
    process.control.handle({ type: 'login', authKey });
  }

  /** The process ends as by a signal that it can't catch; the system closes its sockets. */
  stop(): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    this.#stoppedAt = this.#options.world.clock.now;
    this.dialledBack = undefined;
    this.netmap = undefined;
    this.state = 'NeedsLogin';
    this.#paths.clear();
    process.timer.close();
    process.plane.close();
    this.#natReports?.close();
    process.control.close();
    process.router.close();
    for (const link of process.links.values()) link.close();
  }

  restart(): void {
    this.stop();
    this.start();
  }

  /** Another network, or none. The link watcher notices at once. */
  move(plug: Plug | undefined): void {
    const before = this.host.addresses;
    this.host.plugInto(plug);
    const { addresses } = this.host;
    this.input({ type: 'local-addresses', addresses });
    this.input({ type: 'link-changed' });
    this.#process?.router.networkChanged();
    this.#process?.control.linkChanged(before.some((address) => !addresses.includes(address)));
  }

  /** The operating system sends an IP packet into the mesh. */
  transmit(packet: Uint8Array): void {
    this.#process?.plane.transmit(packet);
  }

  ping(peer: NodeKey, id: number): void {
    this.input({ type: 'ping', id, peer });
  }

  input(input: PathEngineInput): void {
    const process = this.#process;
    if (process === undefined) return;
    process.engine.handle(input, this.#options.world.clock.now);
    this.#drain(process);
  }

  #drain(process: Process): void {
    if (process.draining) return;
    process.draining = true;
    for (;;) {
      const output = this.#process === process ? process.engine.poll() : undefined;
      if (output === undefined) break;
      this.#carryOut(process, output);
    }
    process.draining = false;
    process.timer.rearm();
  }

  #carryOut(process: Process, output: PathEngineOutput): void {
    const { world } = this.#options;
    switch (output.type) {
      case 'down':
        process.plane.send(output.message);
        break;
      case 'relay-dial':
        this.#dial(process, output.regionId);
        break;
      case 'relay-hangup':
        process.links.get(output.regionId)?.close();
        process.links.delete(output.regionId);
        break;
      case 'relay-probe':
        process.links.get(output.regionId)?.probe();
        break;
      case 'relay-dial-back':
        process.links
          .get(output.regionId)
          ?.dialBack(output.token, output.port, output.fromAlternate);
        break;
      case 'relay-check-address':
        process.links.get(output.regionId)?.checkAddress(output.id, output.address, output.token);
        break;
      case 'dialled-back':
        this.dialledBack = output.verdict;
        world.trace.note('dialled-back', this.name, output.verdict.reason);
        break;
      case 'relay-prefer':
        process.links.get(output.regionId)?.prefer(output.home);
        break;
      case 'relay-transmit':
        process.links.get(output.regionId)?.send(output.peer, output.packet);
        break;
      case 'network-memory':
        this.#networks = output.networks;
        break;
      case 'udp-ports':
        process.router.ports(output.ipv4, output.ipv6);
        break;
      case 'mapping-verified':
        process.router.verified(output.external, output.works);
        break;
      case 'resolve':
        break; // every relay of a world has literal addresses
      case 'endpoints':
        process.control.handle({ type: 'endpoints', endpoints: output.endpoints });
        break;
      case 'net-info':
        if (this.#natReports !== undefined) this.#natReports.isMeasured = true;
        process.control.handle({ type: 'net-info', netInfo: output.netInfo });
        break;
      case 'ping-result':
        this.#events.onPingResult(this, output.id, output.peer, output.result);
        break;
      case 'path-changed':
        this.#notePath(output.change);
        break;
    }
  }

  #dial(process: Process, regionId: RegionId): void {
    process.links.get(regionId)?.close();
    process.links.delete(regionId);
    const { world, host, crypto, random, relays } = this.#options;
    const server = relays.get(regionId);
    const nodePrivateKey = this.#nodeKey;
    const closed = (reason: string): void => {
      world.trace.note('relay-closed', this.name, regionId, reason);
      if (this.#process === process) this.input({ type: 'relay-closed', regionId, reason });
    };
    if (server === undefined || nodePrivateKey === undefined) {
      world.clock.later(0, () => closed('region-not-in-map'));
      return;
    }
    const link = new RelayLink(
      { world, host, crypto, random: random.fork(), nodePrivateKey, server },
      {
        onReady: (dialsBack) => {
          this.input({ type: 'relay-connected', regionId, dialsBack });
          process.control.retry();
        },
        onDialBackAnswer: ({ token, outcome, target }) =>
          this.input({ type: 'dial-back-answer', regionId, token, outcome, target }),
        onAddressCheckAnswer: ({ id, outcome }) =>
          this.input({ type: 'address-check-answer', regionId, id, outcome }),
        onPacket: (source, packet) =>
          this.input({ type: 'relay-packet', regionId, source, packet }),
        onPeerGone: (peer) => this.input({ type: 'relay-peer-gone', regionId, peer }),
        onClosed: (reason) => {
          if (process.links.get(regionId) === link) process.links.delete(regionId);
          closed(reason);
        },
      },
    );
    process.links.set(regionId, link);
  }

  #onControl(output: ControlClientOutput): void {
    switch (output.type) {
      case 'netmap':
        this.netmap = output.netmap;
        this.#overlay = output.netmap.self.addresses
          .map(prefixAddress)
          .find((address) => familyOf(address) === 4);
        this.input({ type: 'netmap', netmap: output.netmap });
        break;
      case 'state':
        this.state = output.state;
        this.#options.world.trace.note('state', this.name, output.state);
        break;
      default:
        break;
    }
  }

  #noteDown(message: DownMessage): void {
    if (message.type === 'set-paths') this.#paths.set(message.peer, message.paths);
    else if (message.type === 'remove-peer') this.#paths.delete(message.peer);
    this.#events.onDown(this, message);
  }

  #notePath(change: PathChange): void {
    const show = (path: Path | undefined): string => (path ? formatPath(path) : 'none');
    const { trace } = this.#options.world;
    trace.note('path', this.name, show(change.from), show(change.to), change.cause);
    this.#events.onPathChanged(this, change);
  }
}
