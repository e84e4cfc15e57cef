/**
 * A world built from a topology: regions and NATs, servers and machines, on one virtual clock and one seed.
 * The same topology, seed and events give the same history to the last byte (trace.fingerprint).
 *
 * The first host runs control and a relay (a hub), every other host a relay.
 */
import { assert } from '@warren/core/base/assert';
import { SeededRandom } from '@warren/core/base/seeded-random';
import type { Crypto } from '@warren/core/ports';
import { SimClock } from '../clock/sim-clock.js';
import { Trace } from '../clock/trace.js';
import type { NatBehaviour } from '../nat/behaviour.js';
import type { NatVariation } from '../nat/profiles.js';
import { Host } from '../net/host.js';
import { Internet } from '../net/internet.js';
import type { Plug } from '../net/plug.js';
import { PublicPlug } from '../net/public-plug.js';
import type { Router } from '../net/router.js';
import type { StreamWorld } from '../net/stream.js';
import { SimNode, type SimNodeEvents } from '../node/sim-node.js';
import { ControlProcess } from '../servers/control-process.js';
import { RelayProcess } from '../servers/relay-process.js';
import type { Attachment, Machine, PublicAttachment, Topology } from '../topology/types.js';
import { decodePacket, encodePacket, type MessageKind } from '../traffic/message.js';
import { buildNetwork } from './network-builder.js';
import type { Observer } from './observer.js';

/** Of the first host; further ones count on. As in the demo of the lab. */
const FIRST_REGION_ID = 901;
/** Longer than any mailbox between two engines. */
const JOIN_SETTLE_MS = 100;
/** A message between two threads of one process. */
const THREAD_MS = 0.05;

export interface SimWorldOptions {
  readonly topology: Topology;
  readonly seed: number;
  readonly crypto: Crypto;
  /** One way between the two engines of each node. */
  readonly threadMs?: number;
  /** What a network's router does beyond its kind of NAT. */
  readonly variations?: ReadonlyMap<string, NatVariation | Partial<NatBehaviour>>;
}

export class SimWorld {
  readonly topology: Topology;
  readonly seed: number;
  readonly clock = new SimClock();
  readonly trace = new Trace(this.clock);
  readonly random: SeededRandom;
  readonly internet: Internet;
  readonly control: ControlProcess;
  readonly relays: readonly RelayProcess[];
  readonly nodes: readonly SimNode[];
  readonly routers = new Map<string, Router>();
  /** Of networks behind a carrier's NAT, by the network's name. */
  readonly carriers = new Map<string, Router>();
  readonly observers: Observer[] = [];
  readonly #streams: StreamWorld;
  #messages = 0;

  constructor(options: SimWorldOptions) {
    const { topology, seed, crypto } = options;
    this.topology = topology;
    this.seed = seed;
    this.random = new SeededRandom(seed);
    const { clock, trace } = this;
    this.internet = new Internet({ clock, trace, random: this.random.fork() });
    this.#streams = { clock, trace, internet: this.internet };
    for (const { between, oneWayMs } of topology.links) {
      this.internet.setRegionDelay(...between, oneWayMs);
    }
    for (const network of topology.networks) {
      const variation = options.variations?.get(network.name) ?? 'plain';
      const { home, carrier } = buildNetwork(this, network, variation);
      this.routers.set(network.name, home);
      if (carrier !== undefined) this.carriers.set(network.name, carrier);
    }
    const hosts = topology.hosts.map((host) => {
      const plug = this.publicPlug(host.name, host, false);
      return new Host(host.name, plug, trace);
    });
    const [hub] = hosts;
    assert(hub !== undefined, 'a world has a hub');
    const shared = { world: this.#streams, crypto };
    this.relays = hosts.map(
      (host, index) =>
        new RelayProcess({
          ...shared,
          host,
          random: this.random.fork(),
          regionId: FIRST_REGION_ID + index,
          admit: host === hub ? (key) => this.control.isMember(key) : undefined,
        }),
    );
    this.control = new ControlProcess({
      ...shared,
      host: hub,
      random: this.random.fork(),
      regions: () => this.relays.map(({ region }) => region),
      onMembersChanged: () => this.relays[0]?.recheckAdmission(),
    });
    const authKey = this.control.createKey();
    const relayStreams = new Map(this.relays.map(({ regionId, streams }) => [regionId, streams]));
    const threadMs = options.threadMs ?? THREAD_MS;
    this.nodes = this.topology.machines.map(
      (machine) =>
        new SimNode(
          {
            ...shared,
            name: machine.name,
            random: this.random.fork(),
            host: new Host(machine.name, this.#plugOf(machine), trace),
            control: this.control.streams,
            relays: relayStreams,
            authKey,
            staticEndpoints: machine.staticEndpoints ?? [],
            threadMs,
          },
          this.#nodeEvents(),
        ),
    );
  }

  /** Servers and machines start, the machines within a second. */
  start(): void {
    for (const node of this.nodes) {
      node.host.onArrival = (datagram) => {
        for (const observer of this.observers) observer.onDatagram?.(node, datagram);
      };
    }
    for (const relay of this.relays) relay.start();
    this.control.start();
    for (const node of this.nodes) {
      this.clock.later(this.random.below(1000), () => node.start());
    }
  }

  /** Starts and waits until every machine has all others as peers; false: that took longer than `limitMs`. */
  join(limitMs: number): boolean {
    this.start();
    if (this.clock.runUntil(() => this.isJoined, limitMs) === undefined) return false;
    // What the control client knows still has to reach the PacketEngine.
    this.clock.run(JOIN_SETTLE_MS);
    return true;
  }

  node(name: string): SimNode {
    const node = this.nodes.find((candidate) => candidate.name === name);
    assert(node !== undefined, `${name} is a machine of this world`);
    return node;
  }

  router(name: string): Router {
    const router = this.routers.get(name);
    assert(router !== undefined, `${name} is a network of this world`);
    return router;
  }

  numberOf(node: SimNode): number {
    return this.nodes.indexOf(node);
  }

  /** True when every machine has its address and knows all others. */
  get isJoined(): boolean {
    return this.nodes.every(
      (node) => node.overlay !== undefined && node.netmap?.peers.size === this.nodes.length - 1,
    );
  }

  /** One machine's operating system sends a packet to another's. Its number; undefined: it knows no address. */
  say(
    from: SimNode,
    to: SimNode,
    kind: MessageKind = 'said',
    filler?: Uint8Array,
    number: number = this.#messages++,
  ): number | undefined {
    const [source, target] = [from.overlay, to.overlay];
    if (source === undefined || target === undefined) return undefined;
    const message = { kind, from: this.numberOf(from), to: this.numberOf(to), number };
    for (const observer of this.observers) observer.onSaid?.(message);
    from.transmit(encodePacket(source, target, message, filler));
    return number;
  }

  /** A new place for a machine. */
  plug(name: string, at: Attachment): Plug {
    if (at.kind === 'public') return this.publicPlug(name, at, at.firewalled === true);
    const network = this.topology.networks.find(({ name: candidate }) => candidate === at.network);
    const ipv4 = network?.nat64 === true ? [] : [at.address];
    return this.router(at.network).plug(at.ipv6 === undefined ? ipv4 : [...ipv4, at.ipv6]);
  }

  publicPlug(name: string, at: PublicAttachment, firewalled: boolean): PublicPlug {
    const { clock, internet, trace } = this;
    const { region, addresses, accessMs } = { accessMs: at.accessOneWayMs ?? 0, ...at };
    return new PublicPlug({
      name,
      region,
      addresses,
      accessMs,
      firewalled,
      clock,
      internet,
      trace,
    });
  }

  #plugOf(machine: Machine): Plug {
    return this.plug(machine.name, machine.at);
  }

  #nodeEvents(): SimNodeEvents {
    const { observers, trace } = this;
    return {
      onPacket: (node, packet) => {
        const message = decodePacket(packet);
        trace.note('tun', node.name, packet);
        for (const observer of observers) observer.onMessage?.(node, message, packet);
      },
      onDown: (node, message) => {
        for (const observer of observers) observer.onDown?.(node, message);
      },
      onPathChanged: (node, change) => {
        for (const observer of observers) observer.onPathChanged?.(node, change);
      },
      onPingResult: (node, id, peer, result) => {
        for (const observer of observers) observer.onPingResult?.(node, id, peer, result);
      },
    };
  }
}
