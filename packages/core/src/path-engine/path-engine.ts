/**
 * The PathEngine: every decision about where packets go, composed of small machines.
 *
 *     netmap ---------> peers --------> set-peer, remove-peer
 *              \------> filter feed --> set-filter
 *     STUN -----------> own network --> own endpoints, home region
 *     disco ----------> disco desk ---> one path machine per peer ---> set-paths, pings, calls
 *     relay frames ---> links --------> packets up and down, the route back
 *
 * What peers say is checked in disco-inbox.ts, paths are chosen in paths/; this file only passes things on.
 * The PacketEngine moves the packets; see engines/messages.ts for what the two tell each other.
 */
import { Counters } from '../base/counters.js';
import { earliest, type Instant } from '../base/instant.js';
import { isDisco } from '../disco/classify.js';
import type { RegionId } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import {
  type DiscoPrivateKey,
  type NodeKey,
  type NodePrivateKey,
  publicKeyOf,
} from '../keys/keys.js';
import type { EarlierUse } from '../netcheck/dial-back.js';
import type { NatDescription } from '../netmap/nat-description.js';
import type { OwnEndpoint } from '../netmap/own.js';
import type { Netmap, RelayMap } from '../netmap/types.js';
import { PeerPath } from '../paths/peer-path.js';
import type { PeerPathInput } from '../paths/peer-path-io.js';
import type { Crypto, Machine, Random } from '../ports.js';
import type { AttemptsEvidence } from '../why/evidence.js';
import { Activity } from './activity.js';
import { DiscoContacts } from './disco-contacts.js';
import { DiscoDesk } from './disco-desk.js';
import { FilterFeed } from './filter-feed.js';
import type {
  PathChange,
  PathEngineInput,
  PathEngineOutput,
  PathEngineStatus,
  PeerPathStatus,
} from './io.js';
import { MappingSamples } from './mapping-samples.js';
import { meshAddresses } from './mesh-addresses.js';
import { NetworkMemory } from './network-memory.js';
import { EngineOutputs } from './outputs.js';
import { OwnNetwork } from './own-network.js';
import { PathHistory } from './path-history.js';
import { attemptsOf } from './peer-attempts.js';
import { PeerDriver } from './peer-driver.js';
import { type Peer, Peers } from './peers.js';
import { PortSearchDesk } from './port-search-desk.js';
import { RelayLinks } from './relay-links.js';
import { regionsWithRelay, sameRelayMap } from './relay-maps.js';
import type { RememberedNetwork } from './remembered-network.js';
import { UpMessages } from './up-messages.js';

export interface PathEngineOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly nodePrivateKey: NodePrivateKey;
  /** Fresh for every process. */
  readonly discoPrivateKey: DiscoPrivateKey;
  /** 0: any. */
  readonly listenPort: number;
  /** Told to peers beside what is discovered; never checked. */
  readonly staticEndpoints?: readonly Endpoint[];
  /** Lets relays dial back before the first datagram leaves, judged by these uses; absent: they aren't asked. */
  readonly earlierUses?: readonly EarlierUse[] | undefined;
  /** False: ports of hard NATs are neither foretold nor guessed, as input `hard-nats` says. */
  readonly hardNats?: boolean | undefined;
  /** What an earlier engine had handed out as `network-memory`. */
  readonly networks?: readonly RememberedNetwork[] | undefined;
}

export class PathEngine implements Machine<PathEngineInput, PathEngineOutput> {
  readonly #counters = new Counters();
  readonly #outputs = new EngineOutputs();
  readonly #activity = new Activity();
  readonly #samples = new MappingSamples();
  readonly #history = new PathHistory();
  readonly #network: OwnNetwork;
  readonly #links: RelayLinks;
  readonly #desk: DiscoDesk;
  readonly #peers: Peers;
  readonly #driver: PeerDriver;
  readonly #filter: FilterFeed;
  readonly #searches: PortSearchDesk;
  readonly #up: UpMessages;
  #relayMap: RelayMap | undefined;

  constructor(options: PathEngineOptions, now: Instant) {
    const { crypto, random, listenPort, staticEndpoints = [], networks = [] } = options;
    const [outputs, counters] = [this.#outputs, this.#counters];
    const memory = new NetworkMemory(outputs, networks, now);
    const ownKey = publicKeyOf(crypto, 'node', options.nodePrivateKey);
    const contacts = new DiscoContacts(options);
    const [samples, history] = [this.#samples, this.#history];
    const onDirectLost = (now: Instant): void => this.#network.doubtEndpoints(now);
    this.#driver = new PeerDriver({
      ...{ outputs, samples, history, onDirectLost },
      desk: () => this.#desk,
      searches: () => this.#searches,
    });
    const drive = (peer: Peer, input: PeerPathInput, now: Instant): void =>
      this.#driver.drive(peer, input, now);
    this.#filter = new FilterFeed(outputs, counters);
    outputs.down({ type: 'set-identity', privateKey: options.nodePrivateKey });
    this.#links = new RelayLinks({ outputs, random, counters });
    this.#network = new OwnNetwork({
      random,
      counters,
      outputs,
      memory,
      listenPort,
      staticEndpoints,
      homeSeed: Number.parseInt(ownKey.slice(0, 8), 16),
      earlierUses: options.earlierUses,
      useRelay: (regionId, now) => this.#links.use(regionId, now),
      onReport: (home, now) => {
        this.#links.setHome(home, now);
        this.#desk.sendWaitingCalls(now);
      },
      onMappings: (report) => this.#searches.report(report),
      onEndpointsChanged: (now) => this.#driver.driveAwake({ type: 'own-endpoints-changed' }, now),
      onFilterChanged: (now) => this.#peers.refreshCandidates(now),
    });
    this.#desk = new DiscoDesk({
      ownKey,
      contacts,
      counters,
      outputs,
      network: this.#network,
      links: this.#links,
      peers: () => this.#peers,
      random,
      onPlan: (...plan) => this.#searches.plan(...plan),
      drive,
    });
    this.#peers = new Peers({
      ownKey,
      outputs,
      contacts,
      links: this.#links,
      newMachine: () => new PeerPath({ random, counters }),
      drive,
      pathsTo: (endpoints) => this.#network.pathsTo(endpoints),
      plainMoved: (peer, from, cause, at) =>
        this.#driver.changed({ at, peer: peer.key, from, to: peer.plainPath, cause }),
      added: (peer) => this.#activity.add(peer.key),
      removed: (peer, now) => this.#forget(peer, now),
    });
    this.#searches = new PortSearchDesk({
      ...{ random, counters, ownKey, outputs },
      desk: () => this.#desk,
      peer: (key) => this.#peers.get(key),
      ownNat: () => this.#network.description,
      memory,
      refusal: (remote) => this.#network.gate.refusal(remote),
      relayMap: () => this.#relayMap,
      useRelay: (regionId, now) => this.#links.use(regionId, now),
    });
    if (options.hardNats === false) this.#searches.setOn(false, now);
    this.#up = new UpMessages({
      ...{ counters, activity: this.#activity, network: this.#network, desk: this.#desk },
      ...{ searches: this.#searches, links: this.#links, peers: this.#peers, driver: this.#driver },
    });
  }

  handle(input: PathEngineInput, now: Instant): void {
    switch (input.type) {
      case 'up':
        this.#up.handle(input.message, now);
        break;
      case 'netmap':
        this.#netmap(input.netmap, now);
        break;
      case 'local-addresses':
        this.#network.setLocalAddresses(input.addresses, now);
        break;
      case 'static-endpoints':
        this.#network.setStaticEndpoints(input.endpoints, now);
        break;
      case 'hard-nats':
        this.#searches.setOn(input.isOn, now);
        break;
      case 'port-map':
        this.#network.mappings.update(input.mappings, input.services, now);
        break;
      case 'link-changed':
        this.#linkChanged(now);
        break;
      case 'retry-relays':
        this.#links.retry(now);
        break;
      case 'relay-connected':
        this.#links.connected(input.regionId, now);
        this.#network.relayConnected(input.regionId, input.dialsBack === true, now);
        this.#searches.addressProofs.relayConnected(input.regionId, input.dialsBack === true, now);
        this.#peers.reroute(now);
        break;
      case 'relay-closed':
        this.#links.closed(input.regionId, now);
        this.#network.relayClosed(input.regionId, now);
        this.#searches.addressProofs.relayClosed(input.regionId);
        this.#peers.reroute(now);
        if (input.regionId === this.#links.home && this.#links.isHomeUnusable(now)) {
          this.#network.avoidHome(input.regionId, now);
        }
        break;
      case 'relay-packet':
        this.#relayPacket(input.regionId, input.source, input.packet, now);
        break;
      case 'relay-peer-gone': {
        const peer = this.#peers.get(input.peer);
        if (peer !== undefined) this.#peers.gone(peer, input.regionId, now);
        break;
      }
      case 'dial-back-answer':
        this.#network.dialBackAnswered(input, now);
        break;
      case 'address-check-answer':
        this.#searches.addressProofs.answered(input.regionId, input, now);
        break;
      case 'https-result':
      case 'captive-result':
        this.#network.probed(input, now);
        break;
      case 'netcheck':
        this.#network.ask(input.id, now);
        break;
      case 'resolved':
        this.#network.resolved(input.host, input.addresses, now);
        break;
      case 'ping':
        this.#personPing(input.id, input.peer, now);
        break;
      case 'stop':
        this.#stop(now);
        break;
      case 'timeout':
        this.#runTimers(now);
        break;
    }
  }

  poll(): PathEngineOutput | undefined {
    return this.#outputs.poll();
  }

  nextTimeout(): Instant | undefined {
    return earliest(
      this.#network.nextTimeout(),
      this.#links.nextTimeout(),
      this.#activity.nextTimeout(),
      this.#searches.nextTimeout(),
      this.#driver.nextTimeout(),
    );
  }

  /** Our endpoints as peers are told them now. */
  ownEndpoints(now: Instant): readonly OwnEndpoint[] {
    return this.#network.endpoints(now);
  }

  /** What is known of our NAT. */
  get description(): NatDescription {
    return this.#network.description;
  }

  /** What was tried to reach a peer directly; undefined: no such peer. */
  attempts(key: NodeKey, now: Instant): AttemptsEvidence | undefined {
    const peer = this.#peers.get(key);
    const portSearch = this.#searches.evidence(key, now);
    return peer === undefined ? undefined : { ...attemptsOf(peer.machine, now), portSearch };
  }

  /** The latest path changes, oldest first. */
  history(): readonly PathChange[] {
    return this.#history.list();
  }

  status(now: Instant): PathEngineStatus {
    return {
      endpoints: this.#network.summarizedEndpoints(now),
      homeRegion: this.#links.home,
      udpPort: this.#network.udpPort,
      nat: this.#network.nat,
      description: this.#network.description,
      relays: [...this.#links.states()].map(([regionId, state]) => ({ regionId, state })),
      peers: [...this.#peers].map((peer) => this.#peerStatus(peer, now)),
      observed: this.#samples.list(),
      counters: { ...this.#activity.totals, ...this.#counters.snapshot() },
    };
  }

  #peerStatus(peer: Peer, now: Instant): PeerPathStatus {
    const path = peer.machine === undefined ? peer.plainPath : peer.machine.path;
    return {
      peer: peer.key,
      path,
      portMethod: this.#searches.method(peer.key, path),
      latencyMs: peer.machine?.latencyMs,
      loss: peer.machine?.loss,
      ...this.#activity.status(peer.key, now),
    };
  }

  #runTimers(now: Instant): void {
    this.#network.runTimers(now);
    if (this.#links.runTimers(now)) this.#peers.reroute(now);
    if (this.#activity.takeAsk(now)) this.#outputs.down({ type: 'report-counters' });
    this.#driver.runTimers(now);
    this.#searches.runTimers(now);
  }

  #linkChanged(now: Instant): void {
    this.#samples.clear();
    const lostAddress = this.#network.linkChanged(now);
    this.#searches.networkChanged(lostAddress, now);
    if (lostAddress) {
      this.#links.redial(now);
      this.#peers.reroute(now);
    } else {
      this.#links.probe(now);
    }
    for (const peer of this.#peers) {
      this.#driver.drive(peer, { type: 'reset', cause: 'link-changed' }, now);
    }
  }

  #netmap(netmap: Netmap, now: Instant): void {
    this.#filter.apply(netmap);
    this.#setRelayMap(netmap.relayMap, now);
    this.#network.setMeshAddresses(meshAddresses(netmap), now);
    this.#peers.apply(netmap, now);
    this.#network.setPeriodic(this.#peers.size > 0, now);
  }

  /** The PacketEngine lives on: it must neither send nor answer for a node that is down. */
  #stop(now: Instant): void {
    this.#peers.clear(now);
    this.#searches.stop(now);
    this.#filter.stop();
    this.#links.stop();
    this.#network.stop();
  }

  #setRelayMap(relayMap: RelayMap, now: Instant): void {
    const before = this.#relayMap;
    this.#relayMap = relayMap;
    if (before !== undefined && sameRelayMap(before, relayMap)) return;
    this.#links.setRegions(regionsWithRelay(relayMap));
    this.#peers.reroute(now);
    this.#network.setRelayMap(relayMap, now);
  }

  #relayPacket(regionId: RegionId, source: NodeKey, packet: Uint8Array, now: Instant): void {
    this.#links.heard(regionId, now);
    this.#network.relayHeard(regionId, now);
    const peer = this.#peers.get(source);
    if (peer?.machine === undefined) {
      this.#counters.add('relay-unknown-peer');
      return;
    }
    this.#peers.heard(peer, regionId, now);
    if (isDisco(packet, 0, packet.length)) {
      this.#desk.receive(packet, { kind: 'relay', regionId, source }, now, now);
    } else {
      this.#outputs.relayed({ peer: source, regionId, bytes: packet });
    }
  }

  #personPing(id: number, key: NodeKey, now: Instant): void {
    const peer = this.#peers.get(key);
    if (peer?.machine !== undefined) {
      this.#driver.drive(peer, { type: 'person-ping', id }, now);
      return;
    }
    const reason = peer === undefined ? 'unknown-peer' : 'no-path';
    const result = { outcome: 'lost', reason } as const;
    this.#outputs.push({ type: 'ping-result', id, peer: key, result });
  }

  #forget(peer: Peer, now: Instant): void {
    this.#searches.forget(peer.key, now);
    this.#activity.remove(peer.key);
    this.#driver.forget(peer);
    this.#desk.forget(peer);
  }
}
