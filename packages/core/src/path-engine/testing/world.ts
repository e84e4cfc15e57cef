/**
 * A deterministic world: nodes with real PathEngines, NATs, an internet, relays and a control server, on one
 * virtual clock. The same seed gives the same events to the last byte; {@link World.fingerprint} proves it.
 */

import { EventHeap } from '../../base/event-heap.js';
import { after, type Instant, instant, type WallTime } from '../../base/instant.js';
import { SeededRandom } from '../../base/seeded-random.js';
import type { RegionId } from '../../engines/paths.js';
import type { IpAddress } from '../../ip/address.js';
import { hostPrefix } from '../../ip/prefix.js';
import type { EarlierUse } from '../../netcheck/dial-back.js';
import type { Netmap, NetmapNode, RelayMap } from '../../netmap/types.js';
import { Internet, type Place } from './internet.js';
import { Nat, type NatBehaviour } from './nat.js';
import { RelayModel } from './relay-model.js';
import { WorldNode } from './world-node.js';

/** From a node to control, and from control to a node. */
const controlMs = 40;
/** One way to the middle of the internet, unless said otherwise. */
const accessMs = 10;
const listenPort = 41_641;

/** Where a node is put. */
export interface NodeSpec {
  /** Undefined: a public address without firewall. */
  readonly nat?: NatBehaviour;
  readonly accessMs?: number;
  /** Behind the NAT of this node. */
  readonly besides?: WorldNode;
  /** Relays are asked to dial back; the uses of its port before its start. */
  readonly earlierUses?: readonly EarlierUse[];
}

export class World {
  readonly seed: number;
  readonly heap = new EventHeap();
  readonly internet: Internet;
  readonly relays = new Map<RegionId, RelayModel>();
  readonly nodes: WorldNode[] = [];
  /** Nodes that the network map leaves out. */
  readonly removed = new Set<WorldNode>();
  /** Every event since the start, when kept. */
  readonly log: string[] = [];
  keepLog = false;
  /** False: control neither hears nor speaks. */
  controlUp = true;

  readonly #random: SeededRandom;
  #relayMap: RelayMap = { regions: new Map() };
  #now = instant(0);
  #hash = 0x811c9dc5;
  #networks = 0;
  #netmapPlanned = false;

  constructor(seed: number) {
    this.seed = seed;
    this.#random = new SeededRandom(seed);
    this.internet = new Internet({
      heap: this.heap,
      random: this.#random.fork(),
      now: () => this.#now,
      trace: (line) => this.#trace(line),
    });
  }

  get now(): Instant {
    return this.#now;
  }

  /** Changes with every event: equal fingerprints mean equal histories. */
  get fingerprint(): string {
    return this.#hash.toString(16);
  }

  addRelay(regionId: RegionId, relayAccessMs = accessMs): RelayModel {
    const relay = new RelayModel({
      regionId,
      address: `198.51.100.${regionId % 250}` as IpAddress,
      accessMs: relayAccessMs,
      heap: this.heap,
      internet: this.internet,
      now: () => this.#now,
    });
    this.relays.set(regionId, relay);
    this.#relayMap = {
      regions: new Map([...this.relays].map(([id, { region }]) => [id, region])),
    };
    return relay;
  }

  addNode(name: string, spec: NodeSpec = {}): WorldNode {
    const node = new WorldNode({
      name,
      number: this.nodes.length,
      place: this.place(spec),
      listenPort,
      earlierUses: spec.earlierUses,
      heap: this.heap,
      random: this.#random.fork(),
      internet: this.internet,
      relays: this.relays,
      now: () => this.#now,
      peerOf: (number) => this.nodes[number]?.key,
      tellControl: () => this.tellAll(),
      trace: (line) => this.#trace(line),
    });
    this.nodes.push(node);
    this.tellAll();
    return node;
  }

  /** A new place of this kind; `besides`: another host of that node's network. */
  place(spec: NodeSpec): Place {
    const number = ++this.#networks;
    const latencyMs = spec.accessMs ?? accessMs;
    const neighbour = spec.besides?.place;
    if (neighbour !== undefined) {
      const network = neighbour.address.split('.').slice(0, 3).join('.');
      return { ...neighbour, address: `${network}.${100 + number}` as IpAddress };
    }
    const outside = `203.0.113.${number}` as IpAddress;
    const nat =
      spec.nat === undefined ? undefined : new Nat(outside, spec.nat, this.#random.fork());
    const address = nat === undefined ? outside : (`192.168.${number}.20` as IpAddress);
    return { address, nat, accessMs: latencyMs };
  }

  /** Control sends every node its network map, a moment later. */
  tellAll(): void {
    if (this.#netmapPlanned) return;
    this.#netmapPlanned = true;
    this.heap.plan(after(this.#now, 2 * controlMs), () => {
      this.#netmapPlanned = false;
      if (!this.controlUp) return;
      for (const node of this.nodes)
        if (!this.removed.has(node)) node.setNetmap(this.netmapFor(node));
    });
  }

  netmapFor(self: WorldNode): Netmap {
    const nodes = this.nodes.filter((node) => !this.removed.has(node));
    const peers = nodes.filter((node) => node !== self).map((node) => this.#netmapNode(node));
    return {
      self: this.#netmapNode(self),
      peers: new Map(peers.map((peer) => [peer.id, peer])),
      relayMap: this.#relayMap,
      users: new Map(),
      domain: 'example.com',
      packetFilter: [],
      filterSets: new Map(),
    };
  }

  /** Lets `ms` pass. */
  run(ms: number): void {
    const end = after(this.#now, ms);
    for (let at = this.heap.nextAt(); at !== undefined && at <= end; at = this.heap.nextAt()) {
      const event = this.heap.take();
      this.#now = event.at;
      event.run();
    }
    this.#now = end;
  }

  /** Runs until `condition` holds; the time that took, or undefined when it didn't within `limitMs`. */
  runUntil(condition: () => boolean, limitMs: number): number | undefined {
    const start = this.#now;
    while (!condition()) {
      const at = this.heap.nextAt();
      if (at === undefined || at > after(start, limitMs)) return undefined;
      const event = this.heap.take();
      this.#now = event.at;
      event.run();
    }
    return this.#now - start;
  }

  #netmapNode(node: WorldNode): NetmapNode {
    const address = hostPrefix(`100.64.0.${node.number + 1}` as IpAddress);
    return {
      id: node.number + 1,
      stableId: `n${node.number + 1}`,
      name: `${node.name}.example.com.`,
      key: node.key,
      machineKey: undefined,
      discoKey: node.discoKey,
      addresses: [address],
      allowedIps: [address],
      endpoints: node.endpoints.map((own) => own.endpoint),
      homeRegion: node.netInfo?.homeRegion,
      userId: 1,
      online: true,
      lastSeen: undefined,
      keyExpiry: 4e12 as WallTime,
      expired: false,
      machineAuthorized: true,
      capVersion: 113,
      isWireGuardOnly: false,
      tags: [],
      hostName: node.name,
      os: 'linux',
    };
  }

  #trace(line: string): void {
    const dated = `${this.#now.toFixed(3)} ${line}`;
    if (this.keepLog) this.log.push(dated);
    // FNV-1a over the lines.
    for (let i = 0; i < dated.length; i++) {
      this.#hash = Math.imul(this.#hash ^ dated.charCodeAt(i), 0x01000193) >>> 0;
    }
  }
}
