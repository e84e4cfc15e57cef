/**
 * The search by ports that are foretold or guessed (paths/port-searches.ts) among the engine's other parts: what it knows of our
 * network, whom it seeks, and how its plans and pings travel.
 *
 * A plan makes us send many pings to one address, so it counts only when that address is one that the peer is
 * known by (the network map or a call says so) and that may be a candidate at all; if it asks for many, it also
 * has to be proven (plan-proofs.ts).
 *
 * Searches are of IPv4. Where that is reached through a NAT64 alone, their sockets are of IPv6, and what goes out and
 * comes in is translated here.
 */
import type { Counters } from '../base/counters.js';
import { earliest, type Instant } from '../base/instant.js';
import type { AddressProof, PortPlan } from '../disco/ping-extension.js';
import type { UpMessage } from '../engines/messages.js';
import type { DirectPath, Path, RegionId, SocketId } from '../engines/paths.js';
import { type Endpoint, endpointAddress, endpointPort, type IpAddress } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { translated, untranslated } from '../netcheck/nat64-probe.js';
import type { NetcheckReport } from '../netcheck/report.js';
import type { NatDescription } from '../netmap/nat-description.js';
import type { RelayMap } from '../netmap/types.js';
import { isCondemned } from '../paths/choice.js';
import type { OwnMapping } from '../paths/own-mapping.js';
import { PortSearches } from '../paths/port-searches.js';
import { type PortSearchOutput, searchSocketsFrom } from '../paths/running-attempts.js';
import type { PortMethod } from '../paths/sought-peer.js';
import type { Random } from '../ports.js';
import type { PortSearchEvidence } from '../why/evidence.js';
import type { AddressProofs } from './address-proofs.js';
import type { DiscoDesk } from './disco-desk.js';
import { askingForToken, keepProof } from './measured-proofs.js';
import type { NetworkMemory } from './network-memory.js';
import type { EngineOutputs } from './outputs.js';
import { stunServersV4 } from './own-nat-description.js';
import { cantBePunched, ownMapping, stockEndpointOf } from './own-port-mapping.js';
import type { Peer } from './peers.js';
import { PlanProofs } from './plan-proofs.js';
import { searchEvidence, searchesOff } from './search-evidence.js';

export interface PortSearchDeskOptions {
  readonly random: Random;
  readonly counters: Counters;
  readonly ownKey: NodeKey;
  readonly outputs: EngineOutputs;
  readonly desk: () => DiscoDesk;
  readonly peer: (key: NodeKey) => Peer | undefined;
  readonly ownNat: () => NatDescription;
  readonly memory: Pick<NetworkMemory, 'hardNat' | 'noteHardNat'>;
  /** Why nothing may be sent there; undefined when it may. */
  readonly refusal: (remote: Endpoint) => string | undefined;
  readonly relayMap: () => RelayMap | undefined;
  /** Have the region's relay connected. */
  readonly useRelay: (regionId: RegionId, now: Instant) => void;
}

export class PortSearchDesk {
  readonly #options: PortSearchDeskOptions;
  readonly #searches: PortSearches;
  #servers: readonly Endpoint[] = [];
  /** IPv4 is reached through this /96 alone, as of the last look. */
  #nat64: IpAddress | undefined;
  readonly #proofs: PlanProofs;

  constructor(options: PortSearchDeskOptions) {
    const { random, counters, ownKey } = options;
    this.#options = options;
    const emit = (output: PortSearchOutput, now: Instant): void => this.#carryOut(output, now);
    const lastHeard = (key: NodeKey, socketId: SocketId): Instant | undefined =>
      lastHeardOn(options.peer(key), socketId);
    const mapping = (peer: NodeKey, failures: number): OwnMapping =>
      ownMapping(options.ownNat(), options.peer(peer)?.node.nat, failures, this.#servers);
    const isHopeless = (peer: NodeKey): boolean =>
      cantBePunched(options.ownNat(), options.peer(peer)?.node.nat);
    this.#searches = new PortSearches({
      ...{ random, counters, ownKey, emit, lastHeard, mapping },
      cantBePunched: isHopeless,
      stockEndpoint: (key) => {
        const peer = options.peer(key);
        if (peer === undefined) return undefined;
        return stockEndpointOf(peer.node, (remote) => options.refusal(remote) !== undefined);
      },
      memory: {
        recall: () => options.memory.hardNat,
        note: (lesson, now) => options.memory.noteHardNat(lesson, now),
      },
    });
    this.#proofs = new PlanProofs({
      ...options,
      costOf: (key, plan) => this.#searches.costOf(key, plan),
      onProven: (key, plan, now) => this.plan(key, plan, undefined, now),
    });
  }

  /** Questions to relays about peers' addresses. */
  get addressProofs(): AddressProofs {
    return this.#proofs.peers;
  }

  /** How the port of the peer's path was found; undefined: it took no search. */
  method(peer: NodeKey, path: Path | undefined): PortMethod | undefined {
    return path === undefined ? undefined : this.#searches.method(peer, path);
  }

  /** What came of the attempts with a peer; undefined: there was never one. */
  evidence(peer: NodeKey, now: Instant): PortSearchEvidence | undefined {
    if (!this.#searches.isOn) return searchesOff;
    const record = this.#searches.record(peer);
    return record === undefined ? undefined : searchEvidence(record, now);
  }

  /** Whether there are any attempts; paths that were found stay. */
  setOn(isOn: boolean, now: Instant): void {
    this.#searches.setOn(isOn, now);
  }

  /** True for sockets of attempts. */
  owns(socketId: SocketId): boolean {
    return socketId >= searchSocketsFrom;
  }

  /** A check is done: who answered, over IPv4 and on different addresses, is asked for mappings. */
  report(report: NetcheckReport): void {
    this.#proofs.own.report(report);
    const seen = report.observations.filter(({ family }) => family === 4);
    const ports = seen.map(({ mapped }) => endpointPort(mapped));
    this.#searches.ownPorts.pongs.setAddresses(seen.map(({ mapped }) => endpointAddress(mapped)));
    this.#setServers(
      seen.map(({ server }) => server),
      ports,
    );
    this.#lookForNat64();
  }

  /** Who is asked for mappings: servers on different addresses. */
  #setServers(servers: readonly Endpoint[], ports: readonly number[]): void {
    this.#servers = [...new Map(servers.map((one) => [endpointAddress(one), one])).values()];
    this.#searches.setNetwork(this.#servers.length > 0, ports);
  }

  /** It is found after the report that shows no IPv4; nobody has answered over it then but the one that found it. */
  #lookForNat64(): void {
    const { ownNat, relayMap } = this.#options;
    this.#nat64 = ownNat().nat64;
    const map = relayMap();
    if (this.#nat64 !== undefined && map !== undefined) this.#setServers(stunServersV4(map), []);
  }

  /** The peer's machine has done something. */
  observe(peer: Peer, now: Instant): void {
    if (this.#options.ownNat().nat64 !== this.#nat64) this.#lookForNat64();
    const isLooking = peer.machine?.isLooking === true && peer.contact !== undefined;
    this.#searches.setLooking(peer.key, isLooking && !isDataRefused(peer, now), now);
    if (isLooking) this.#showProof(peer, now);
  }

  /** Before it is needed: a relay has to be asked what it is worth. */
  #showProof(peer: Peer, now: Instant): void {
    if (peer.machine?.relay === undefined) return;
    const proof = this.#proofs.toShow(peer.key, peer.node.nat, now);
    if (proof !== undefined) this.#options.desk().sendPlan(peer, undefined, proof, now);
  }

  /** A pong to a ping of ours told how our NAT maps us towards the peer. */
  observed(peer: NodeKey, observed: Endpoint): void {
    this.#searches.ownPorts.pongs.note(peer, observed);
  }

  /** A ping of the peer came directly. */
  reached(peer: Peer, path: DirectPath, now: Instant): void {
    this.#searches.reached(peer.key, path.socketId, now);
  }

  pathChanged(peer: NodeKey, path: Path | undefined, now: Instant): void {
    this.#searches.pathChanged(peer, path, now);
  }

  /** A plan or a proof came over a relay. */
  plan(
    key: NodeKey,
    plan: PortPlan | undefined,
    proof: AddressProof | undefined,
    now: Instant,
  ): void {
    this.#searches.heardPlan(key);
    const { counters, peer: peerOf, refusal } = this.#options;
    const peer = peerOf(key);
    if (plan === undefined) {
      this.#proofs.shown(key, peer?.node.nat, proof, now);
      // It looks for us, and we may not look for it yet.
      if (peer !== undefined) this.#showProof(peer, now);
      return;
    }
    const address = endpointAddress(this.#outward(plan.first));
    const isKnown = [...(peer?.machine?.candidates ?? [])].some(
      ({ path }) => endpointAddress(path.remote) === address,
    );
    if (peer?.machine === undefined || !isKnown || refusal(plan.first) !== undefined) {
      counters.add('port-plan-refused');
    } else if (peer.machine.path?.kind === 'direct') {
      counters.add('port-plan-needless');
    } else if (this.#proofs.admits(key, plan, proof, now)) {
      this.#searches.plan(key, plan.attempt, plan.isAnswer, plan, now);
    }
  }

  /** A message about one of our sockets. */
  up(
    message: Extract<UpMessage, { type: 'socket-open' | 'socket-failed' | 'datagram' }>,
    now: Instant,
  ): void {
    const { socketId } = message;
    if (message.type === 'socket-open') this.#searches.socketOpened(socketId, now);
    else if (message.type === 'socket-failed') this.#searches.socketFailed(socketId, now);
    else {
      const server = this.#inward(message.source);
      keepProof(this.#proofs.own, this.#options.relayMap(), server, message.bytes, now);
      this.#searches.stun(socketId, server, message.bytes, now);
    }
  }

  networkChanged(lostAddress: boolean, now: Instant): void {
    this.#servers = [];
    this.#proofs.networkChanged(now);
    this.#searches.networkChanged(lostAddress, now);
  }

  forget(peer: NodeKey, now: Instant): void {
    this.#proofs.forget(peer);
    this.#searches.forget(peer, now);
  }

  stop(now: Instant): void {
    this.#searches.stop(now);
  }

  runTimers(now: Instant): void {
    this.#proofs.peers.runTimers(now);
    this.#searches.runTimers(now);
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#searches.nextTimeout(), this.#proofs.peers.nextTimeout());
  }

  /** Where our sockets send to reach an endpoint of IPv4. */
  #outward(remote: Endpoint): Endpoint {
    return this.#nat64 === undefined ? remote : translated(this.#nat64, remote);
  }

  /** Who it is that our sockets hear. */
  #inward(source: Endpoint): Endpoint {
    return this.#nat64 === undefined ? source : untranslated(this.#nat64, source);
  }

  #carryOut(output: PortSearchOutput, now: Instant): void {
    const { outputs, desk, peer: peerOf } = this.#options;
    switch (output.type) {
      case 'open-socket':
        outputs.down({
          type: 'open-socket',
          socketId: output.socketId,
          family: this.#nat64 === undefined ? 4 : 6,
          port: 0,
        });
        break;
      case 'close-socket':
        outputs.down({ type: 'close-socket', socketId: output.socketId });
        break;
      case 'send': {
        const { socketId, remote } = output;
        const bytes = askingForToken(this.#options.relayMap(), remote, output.bytes);
        outputs.down({ type: 'send', socketId, remote: this.#outward(remote), bytes });
        break;
      }
      case 'probe': {
        const peer = peerOf(output.peer);
        const { socketId, ttl } = output;
        const remote = this.#outward(output.remote);
        const path = { kind: 'direct', socketId, remote } as const;
        if (peer !== undefined) desk().probe(peer, path, ttl, now);
        break;
      }
      case 'call': {
        const peer = peerOf(output.peer);
        if (peer !== undefined) desk().sendGuesses(peer, output.endpoints, now);
        break;
      }
      case 'plan': {
        const peer = peerOf(output.peer);
        const { attempt, isAnswer, ports } = output;
        const proof = this.#proofs.own.of(endpointAddress(ports.first), now);
        if (peer !== undefined) desk().sendPlan(peer, { attempt, isAnswer, ...ports }, proof, now);
        break;
      }
    }
  }
}

/** Pings reached the peer and data did not: another port of the same way would carry no more. */
function isDataRefused(peer: Peer, now: Instant): boolean {
  return [...(peer.machine?.candidates ?? [])].some((candidate) => isCondemned(candidate, now));
}

/** When a ping or a pong of the peer last came to our socket. */
function lastHeardOn(peer: Peer | undefined, socketId: SocketId): Instant | undefined {
  let last: Instant | undefined;
  for (const { path, pingedUsAt, answeredAt } of peer?.machine?.candidates ?? []) {
    if (path.socketId === socketId) last = latest(last, latest(pingedUsAt, answeredAt));
  }
  return last;
}

function latest(a: Instant | undefined, b: Instant | undefined): Instant | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a;
}
