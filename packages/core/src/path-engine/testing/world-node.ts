/**
 * One node of the world: a PathEngine with its shell (timer, relay connections, control) and a data plane,
 * on a host that can be moved, restarted and cut off.
 */

import type { EventHeap } from '../../base/event-heap.js';
import { after, type Instant, instant } from '../../base/instant.js';
import type { SeededRandom } from '../../base/seeded-random.js';
import { nobleCrypto } from '../../crypto/noble.js';
import { formatPath, type Path, type RegionId, type SocketId } from '../../engines/paths.js';
import {
  type DiscoKey,
  type DiscoPrivateKey,
  generatePrivateKey,
  type NodeKey,
  type NodePrivateKey,
  publicKeyOf,
} from '../../keys/keys.js';
import type { DialBackVerdict, EarlierUse } from '../../netcheck/dial-back.js';
import type { NetInfo, OwnEndpoint } from '../../netmap/own.js';
import type { Netmap } from '../../netmap/types.js';
import type { PathChange, PathEngineInput, PathEngineOutput, PingResult } from '../io.js';
import { PathEngine } from '../path-engine.js';
import type { RememberedNetwork } from '../remembered-network.js';
import { DataPlane } from './data-plane.js';
import type { Host, Internet, Place } from './internet.js';
import type { Nat } from './nat.js';
import { dialRoundTrips, NodeRelays } from './node-relays.js';
import type { RelayModel } from './relay-model.js';

/** A message between the two engines' threads. */
const threadMs = 0.05;

export interface WorldNodeOptions {
  readonly name: string;
  readonly number: number;
  readonly place: Place;
  readonly listenPort: number;
  readonly earlierUses: readonly EarlierUse[] | undefined;
  readonly heap: EventHeap;
  readonly random: SeededRandom;
  readonly internet: Internet;
  readonly relays: ReadonlyMap<RegionId, RelayModel>;
  readonly now: () => Instant;
  readonly peerOf: (number: number) => NodeKey | undefined;
  /** Control should hear of something this node said. */
  readonly tellControl: (node: WorldNode) => void;
  readonly trace: (line: string) => void;
}

export class WorldNode {
  readonly name: string;
  readonly number: number;
  readonly key: NodeKey;
  /** The latest that the engine told control. */
  endpoints: readonly OwnEndpoint[] = [];
  netInfo: NetInfo | undefined;
  readonly changes: PathChange[] = [];
  /** For the next start. */
  earlierUses: readonly EarlierUse[] | undefined;
  /** For the next start, as the state file has it. */
  networks: readonly RememberedNetwork[] = [];
  dialBack: DialBackVerdict | undefined;
  /** When the first datagram left, and relays' word on it came. */
  firstDatagramAt: Instant | undefined;
  readonly pingResults: { readonly peer: NodeKey; readonly result: PingResult }[] = [];
  readonly outputs = new Map<string, number>();

  readonly #options: WorldNodeOptions;
  readonly #privateKey: NodePrivateKey;
  #discoKey: DiscoPrivateKey;
  #place: Place;
  #host: Host;
  #engine: PathEngine;
  #plane: DataPlane;
  #netmap: Netmap | undefined;
  /** Port by socket. */
  readonly #sockets = new Map<SocketId, number>();
  readonly #relays: NodeRelays;
  #timerAt: Instant | undefined;
  #life = 0;
  #draining = false;

  constructor(options: WorldNodeOptions) {
    this.#options = options;
    this.name = options.name;
    this.earlierUses = options.earlierUses;
    this.number = options.number;
    this.#place = options.place;
    this.#privateKey = generatePrivateKey('node', options.random);
    this.#discoKey = generatePrivateKey('disco', options.random);
    this.key = publicKeyOf(nobleCrypto, 'node', this.#privateKey);
    this.#relays = new NodeRelays({
      name: options.name,
      key: this.key,
      relays: options.relays,
      place: () => this.#place,
      later: (ms, run) => this.#later(ms, run),
      input: (input) => this.input(input),
      trace: options.trace,
    });
    this.#host = this.#attach();
    [this.#engine, this.#plane] = this.#start();
  }

  get engine(): PathEngine {
    return this.#engine;
  }

  get plane(): DataPlane {
    return this.#plane;
  }

  get place(): Place {
    return this.#place;
  }

  /** For messages in its name that its engine would not send. */
  get discoPrivateKey(): DiscoPrivateKey {
    return this.#discoKey;
  }

  get discoKey(): DiscoKey {
    return publicKeyOf(nobleCrypto, 'disco', this.#discoKey);
  }

  /** Sockets that the engine has open. */
  get openSockets(): readonly SocketId[] {
    return [...this.#sockets.keys()];
  }

  /** Where packets to `peer` go, as text. */
  pathsTo(peer: WorldNode): string {
    return this.#plane.pathsTo(peer.key).map(formatPath).join(' + ');
  }

  isDirectTo(peer: WorldNode): boolean {
    const paths = this.#plane.pathsTo(peer.key);
    return paths.length === 1 && paths[0]?.kind === 'direct';
  }

  talkTo(peer: WorldNode, everyMs = 100): void {
    this.#plane.talk(peer.key, everyMs);
  }

  hushTo(peer: WorldNode): void {
    this.#plane.hush(peer.key);
  }

  ping(peer: WorldNode, id: number): void {
    this.input({ type: 'ping', id, peer: peer.key });
  }

  /** Control's word arrives. */
  setNetmap(netmap: Netmap): void {
    this.#netmap = netmap;
    this.input({ type: 'netmap', netmap });
  }

  /** The process ends and starts again: a new disco key, new sockets, nothing remembered. */
  restart(): void {
    this.stop();
    this.#discoKey = generatePrivateKey('disco', this.#options.random);
    [this.#engine, this.#plane] = this.#start();
    if (this.#netmap !== undefined) this.setNetmap(this.#netmap);
    this.#options.tellControl(this);
  }

  stop(): void {
    this.#life++;
    this.#plane.stop();
    this.#timerAt = undefined;
    this.#sockets.clear();
    this.#relays.hangUpAll();
  }

  /** Another network: connections die without a word, as with a pulled cable. */
  move(place: Place): void {
    this.#options.internet.detach(this.#host);
    this.#place = place;
    this.#host = this.#attach();
    this.#relays.hangUpAll();
    this.input({ type: 'local-addresses', addresses: [place.address] });
    this.input({ type: 'link-changed' });
  }

  /** The router has another address; nobody here is told. */
  moveRouter(nat: Nat): void {
    this.#options.internet.detach(this.#host);
    this.#place = { ...this.#place, nat };
    this.#host = this.#attach();
  }

  input(input: PathEngineInput): void {
    this.#engine.handle(input, this.#options.now());
    this.#drain();
  }

  #start(): [PathEngine, DataPlane] {
    const { heap, now, peerOf, internet, number } = this.#options;
    const life = this.#life;
    const plane = new DataPlane({
      heap,
      now,
      number,
      life,
      peerOf,
      sendUdp: (socketId, remote, bytes) => {
        const port = this.#sockets.get(socketId);
        if (port === undefined) return;
        this.firstDatagramAt ??= now();
        internet.send(this.#host, port, remote, bytes);
      },
      openSocket: ({ socketId, family, port }) => {
        const opened = port === 0 ? 32_768 + this.#options.random.below(28_000) : port;
        if (family === 4) this.#sockets.set(socketId, opened);
        const message =
          family === 4
            ? ({ type: 'socket-open', socketId, port: opened } as const)
            : ({ type: 'socket-failed', socketId, reason: 'EAFNOSUPPORT' } as const);
        this.#later(threadMs, () => this.input({ type: 'up', message }));
      },
      closeSocket: (socketId) => this.#sockets.delete(socketId),
      up: (message) => {
        this.#later(threadMs, () => this.input({ type: 'up', message }));
      },
    });
    const engine = new PathEngine(
      {
        crypto: nobleCrypto,
        random: this.#options.random,
        nodePrivateKey: this.#privateKey,
        discoPrivateKey: this.#discoKey,
        listenPort: this.#options.listenPort,
        earlierUses: this.earlierUses,
        networks: this.networks,
      },
      now(),
    );
    heap.plan(now(), () => {
      if (life !== this.#life) return;
      this.input({ type: 'local-addresses', addresses: [this.#place.address] });
    });
    return [engine, plane];
  }

  #attach(): Host {
    const { address, nat, accessMs } = this.#place;
    const host: Host = {
      address,
      nat,
      accessMs,
      receive: (port, source, bytes) => {
        for (const [socketId, bound] of this.#sockets) {
          if (bound === port) this.#plane.datagram(socketId, source, bytes);
        }
      },
    };
    this.#options.internet.attach(host);
    return host;
  }

  /** Runs unless the process ended meanwhile. */
  #later(ms: number, run: () => void): void {
    const life = this.#life;
    this.#options.heap.plan(after(this.#options.now(), ms), () => {
      if (life === this.#life) run();
    });
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    for (let out = this.#engine.poll(); out !== undefined; out = this.#engine.poll()) {
      this.outputs.set(out.type, (this.outputs.get(out.type) ?? 0) + 1);
      this.#carryOut(out);
    }
    this.#draining = false;
    this.#arm();
  }

  #carryOut(output: PathEngineOutput): void {
    switch (output.type) {
      case 'down': {
        const { message } = output;
        this.#later(threadMs, () => this.#plane.down(message));
        break;
      }
      case 'relay-dial':
        this.#relays.dial(output.regionId);
        break;
      case 'relay-hangup':
        this.#relays.hangUp(output.regionId);
        break;
      case 'relay-transmit':
        this.#relays.transmit(output.regionId, output.peer, output.packet);
        break;
      case 'endpoints':
        this.endpoints = output.endpoints;
        this.#options.tellControl(this);
        break;
      case 'net-info':
        this.netInfo = output.netInfo;
        this.#options.tellControl(this);
        break;
      case 'ping-result':
        this.pingResults.push({ peer: output.peer, result: output.result });
        break;
      case 'path-changed':
        this.changes.push(output.change);
        this.#traceChange(output.change);
        break;
      case 'https-probe': {
        const { probe, regionId } = output;
        const relay = this.#options.relays.get(regionId);
        const latencyMs = 2 * (this.#place.accessMs + (relay?.accessMs ?? 0));
        const result = relay?.up === true ? ({ latencyMs, family: 4 } as const) : undefined;
        this.#later(dialRoundTrips * latencyMs, () =>
          this.input({ type: 'https-result', probe, result }),
        );
        break;
      }
      case 'relay-dial-back':
        this.#relays.dialBack(output);
        break;
      case 'relay-check-address':
        this.#relays.checkAddress(output);
        break;
      case 'dialled-back':
        this.dialBack = output.verdict;
        break;
      case 'network-memory':
        this.networks = output.networks;
        break;
      case 'captive-probe':
      case 'cancel-probes':
      case 'netcheck-result':
      case 'relay-prefer':
      case 'relay-probe':
      case 'resolve':
        break;
    }
  }

  #traceChange({ from, to, cause }: PathChange): void {
    const show = (path: Path | undefined): string =>
      path === undefined ? 'none' : formatPath(path);
    this.#options.trace(`${this.name} ${cause}: ${show(from)} -> ${show(to)}`);
  }

  #arm(): void {
    const at = this.#engine.nextTimeout();
    if (at === undefined || at === this.#timerAt) return;
    this.#timerAt = at;
    const life = this.#life;
    this.#options.heap.plan(instant(Math.max(at, this.#options.now())), () => {
      if (life !== this.#life || this.#timerAt !== at) return;
      this.#timerAt = undefined;
      this.input({ type: 'timeout' });
    });
  }
}
