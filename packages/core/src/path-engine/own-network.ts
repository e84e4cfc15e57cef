/**
 * Our side of the network: the two sockets, how they look from outside, what of it is told to whom, and
 * which addresses of others can be used from here.
 */
import { earliest, type Instant } from '../base/instant.js';
import type { UpMessage } from '../engines/messages.js';
import type { DirectPath, RegionId, SocketId } from '../engines/paths.js';
import type { Endpoint, IpAddress, IpFamily } from '../ip/address.js';
import type { EarlierUse } from '../netcheck/dial-back.js';
import type { NatVerdict } from '../netcheck/nat-class.js';
import { Netcheck, type NetcheckInput } from '../netcheck/netcheck.js';
import type { NetcheckReport } from '../netcheck/report.js';
import type { NetworkSummary, SummarizedEndpoint } from '../netcheck/summary.js';
import type { NatDescription } from '../netmap/nat-description.js';
import type { OwnEndpoint } from '../netmap/own.js';
import type { RelayMap } from '../netmap/types.js';
import { CandidateGate } from './candidate-gate.js';
import { CheckAskers } from './check-askers.js';
import { EndpointProving } from './endpoint-proving.js';
import { FirstDatagrams } from './first-datagrams.js';
import type { PathEngineInput } from './io.js';
import { NetInfoReporter } from './net-info-reporter.js';
import { OwnEndpoints } from './own-endpoints.js';
import { OwnMappings } from './own-mappings.js';
import { OwnNat } from './own-nat.js';
import { OwnNatDescription, type OwnNatDescriptionOptions } from './own-nat-description.js';
import { Sockets, socketIdOf } from './sockets.js';

/** Peers are told our endpoints only if they were checked this recently, else after a new check. */
export const endpointsFreshMs = 27_000;
/** What was checked this recently is not doubted: peers go away one by one, and each takes a path along. */
export const endpointsCertainMs = 3_000;

export interface OwnNetworkOptions extends Omit<OwnNatDescriptionOptions, 'onQuiet'> {
  readonly listenPort: number;
  readonly staticEndpoints: readonly Endpoint[];
  readonly homeSeed: number;
  /** See {@link FirstDatagrams}. */
  readonly earlierUses: readonly EarlierUse[] | undefined;
  /** A relay is to be connected for a dial-back. */
  readonly useRelay: (regionId: RegionId, now: Instant) => void;
  /** A check is done; `home` is the region to call home. */
  readonly onReport: (home: RegionId | undefined, now: Instant) => void;
  /** What servers saw of our sockets. */
  readonly onMappings: (report: NetcheckReport) => void;
  /** Control was told other endpoints than before. */
  readonly onEndpointsChanged: (now: Instant) => void;
  /** Other addresses of peers than before can be used. */
  readonly onFilterChanged: (now: Instant) => void;
}

export class OwnNetwork {
  readonly #options: OwnNetworkOptions;
  readonly #sockets: Sockets;
  readonly #netcheck: Netcheck;
  readonly #endpoints: OwnEndpoints;
  readonly #netInfo: NetInfoReporter;
  readonly #nat = new OwnNat();
  /** Keeps the sockets silent at the start. */
  readonly first: FirstDatagrams;
  readonly #description: OwnNatDescription;
  readonly #askers = new CheckAskers();
  /** Whether strangers reach our endpoints. */
  readonly proving: EndpointProving;
  readonly mappings: OwnMappings;
  readonly gate: CandidateGate;
  #localAddresses: readonly IpAddress[] = [];
  #lostAddress = false;
  #doubtedAt: Instant | undefined;

  constructor(options: OwnNetworkOptions) {
    const { outputs, listenPort, staticEndpoints } = options;
    this.#options = options;
    this.#sockets = new Sockets(outputs, listenPort);
    this.gate = new CandidateGate(options.counters, this.#sockets);
    this.#netcheck = new Netcheck(options);
    this.#description = new OwnNatDescription({ ...options, onQuiet: (now) => this.#answer(now) });
    this.#netInfo = new NetInfoReporter(outputs);
    this.proving = new EndpointProving(options);
    this.first = new FirstDatagrams({
      ...options,
      onOpen: (verdict, heldUpMs, now) => {
        outputs.push({ type: 'dialled-back', verdict, heldUpMs });
        this.#nat.dialledBack(verdict);
        this.proving.dialledBack(verdict);
        this.#firstMayLeave(now);
      },
    });
    this.#endpoints = new OwnEndpoints({
      listenPort,
      staticEndpoints,
      portOf: (family) => this.#sockets.port(family),
      verified: (of) => this.proving.verified(of),
    });
    this.mappings = new OwnMappings({
      ...{ outputs, proving: this.proving, nat: this.#nat, netInfo: this.#netInfo },
      ...{ endpoints: this.#endpoints, description: this.#description },
      onChange: (now) => this.#tellEndpoints(now),
    });
  }

  get udpPort(): number | undefined {
    return this.#sockets.port(4) ?? this.#sockets.port(6);
  }

  get nat(): NatVerdict {
    return this.#nat.verdict;
  }

  /** All that is known of our NAT. */
  get description(): NatDescription {
    const { verdict, dialBack } = this.#nat;
    return this.#description.describe(verdict, dialBack, this.proving.proven(dialBack));
  }

  /** Our endpoints as peers are told them now. */
  endpoints(now: Instant): readonly OwnEndpoint[] {
    return this.#endpoints.list(now);
  }

  /** The same, with what is proven of each. */
  summarizedEndpoints(now: Instant): readonly SummarizedEndpoint[] {
    return this.proving.summarize(this.endpoints(now), (of) => this.#nat.verified(of));
  }

  /** True when the endpoints were checked lately; else a check is under way after this. */
  ensureFresh(now: Instant): boolean {
    if (this.#isFresh(now)) return true;
    if (!this.#netcheck.busy) this.#check({ type: 'check', full: false }, now);
    return this.#isFresh(now);
  }

  /** A direct path was lost: perhaps the router has another address now, or forgot our mapping. */
  doubtEndpoints(now: Instant): void {
    const { reportedAt } = this.#endpoints;
    if (reportedAt === undefined || now - reportedAt < endpointsCertainMs) return;
    this.#doubtedAt = now;
  }

  /** Paths to the endpoints that can be used from our sockets; refusals are counted. */
  pathsTo(endpoints: readonly Endpoint[]): DirectPath[] {
    return this.first.areAllowed ? this.gate.pathsTo(endpoints) : [];
  }

  socketOpen(socketId: SocketId, port: number, now: Instant): void {
    if (this.#description.socketOpen(socketId, port, now)) return;
    this.#socketChanged(this.#sockets.opened(socketId, port), true, now);
  }

  socketFailed(socketId: SocketId, now: Instant): void {
    if (this.#description.socketFailed(socketId, now)) return;
    this.#options.counters.add('socket-failed');
    this.#socketChanged(this.#sockets.failed(socketId, now), false, now);
  }

  stun(message: Extract<UpMessage, { type: 'datagram' }>, now: Instant): void {
    if (this.#description.stun(message, now)) {
      this.#tellEndpoints(now);
      return;
    }
    const { source, bytes, receivedAt } = message;
    if (this.first.areAllowed && this.proving.datagram(bytes, source, now)) return;
    if (this.first.datagram(bytes, receivedAt, now)) return;
    this.#check({ type: 'datagram', source, bytes, receivedAt }, now);
  }

  unreachable(remote: Endpoint, now: Instant): void {
    this.#check({ type: 'unreachable', remote }, now);
  }

  relayConnected(regionId: RegionId, dialsBack: boolean, now: Instant): void {
    this.#description.relayConnected(regionId, dialsBack);
    this.first.handle({ type: 'connected', regionId, dialsBack }, now);
    this.proving.relay(regionId, dialsBack, now);
  }

  relayClosed(regionId: RegionId, now: Instant): void {
    this.#description.relayClosed(regionId);
    this.first.handle({ type: 'failed', regionId }, now);
    this.proving.handle({ type: 'relay-gone', regionId }, now);
  }

  /** A relay's word on a `relay-dial-back`. */
  dialBackAnswered(
    input: Extract<PathEngineInput, { readonly type: 'dial-back-answer' }>,
    now: Instant,
  ): void {
    if (this.#description.dialBackTold(input, now)) return;
    this.proving.handle({ ...input, type: 'answer' }, now);
    this.first.handle({ ...input, type: 'answer' }, now);
  }

  /** A person's check: the next thorough report is the answer. */
  ask(id: number, now: Instant): void {
    this.#askers.ask(id, now);
    this.#check({ type: 'check', full: true, thorough: true }, now);
  }

  /** A result of a probe over HTTP. */
  probed(
    input: Extract<NetcheckInput, { readonly type: 'https-result' | 'captive-result' }>,
    now: Instant,
  ): void {
    this.#check(input, now);
  }

  resolved(host: string, addresses: readonly IpAddress[], now: Instant): void {
    this.#description.resolved(host, addresses);
    this.#check({ type: 'resolved', host, addresses }, now);
  }

  relayHeard(regionId: RegionId, now: Instant): void {
    this.#check({ type: 'relay-heard', regionId }, now);
  }

  /** The relay of the region answers STUN but takes no connection: call another one home. */
  avoidHome(regionId: RegionId, now: Instant): void {
    this.#check({ type: 'avoid-home', regionId }, now);
  }

  setRelayMap(relayMap: RelayMap, now: Instant): void {
    this.#description.relayMap = relayMap;
    this.#check({ type: 'relay-map', relayMap }, now);
    this.first.ready(this.#sockets, relayMap, now);
  }

  /** Checks repeat while there is anybody who could want to reach us. */
  setPeriodic(on: boolean, now: Instant): void {
    this.#check({ type: 'periodic', on }, now);
  }

  setLocalAddresses(addresses: readonly IpAddress[], now: Instant): void {
    this.#lostAddress ||= this.#localAddresses.some((address) => !addresses.includes(address));
    this.#localAddresses = addresses;
    this.#endpoints.setLocalAddresses(addresses);
    this.#description.localAddresses = addresses;
    this.#addressesChanged(now);
  }

  /** Of all known peers and our own. */
  setMeshAddresses(addresses: ReadonlySet<IpAddress>, now: Instant): void {
    this.gate.meshAddresses = addresses;
    this.#addressesChanged(now);
  }

  setStaticEndpoints(endpoints: readonly Endpoint[], now: Instant): void {
    this.#endpoints.setStaticEndpoints(endpoints);
    this.#tellEndpoints(now);
  }

  /** Starts over; true when an address vanished since the last change, and with it its connections. */
  linkChanged(now: Instant): boolean {
    const lostAddress = this.#lostAddress;
    this.#lostAddress = false;
    this.#sockets.retryFailed();
    this.#endpoints.networkChanged();
    this.#netInfo.networkChanged();
    this.#nat.networkChanged(lostAddress);
    this.#description.networkChanged();
    this.mappings.networkChanged();
    this.proving.networkChanged(lostAddress, now);
    this.#check({ type: 'network-changed' }, now);
    return lostAddress;
  }

  /** Closes the sockets, for good. */
  stop(): void {
    this.#sockets.close();
  }

  runTimers(now: Instant): void {
    this.#sockets.runTimers(now);
    this.first.handle({ type: 'timeout' }, now);
    this.#check({ type: 'timeout' }, now);
    this.#description.run(now);
    this.proving.handle({ type: 'timeout' }, now);
    this.#answer(now);
    this.#endpoints.expire(now);
    this.#tellEndpoints(now);
  }

  nextTimeout(): Instant | undefined {
    return earliest(
      this.#sockets.nextTimeout(),
      this.#netcheck.nextTimeout(),
      this.#description.nextTimeout(),
      this.#askers.nextTimeout(),
      this.proving.nextTimeout(),
      this.first.nextTimeout(),
      this.#endpoints.nextTimeout(),
    );
  }

  #isFresh(now: Instant): boolean {
    const { reportedAt } = this.#endpoints;
    if (reportedAt === undefined || now - reportedAt > endpointsFreshMs) return false;
    return this.#doubtedAt === undefined || reportedAt > this.#doubtedAt;
  }

  #socketChanged(family: IpFamily | undefined, open: boolean, now: Instant): void {
    if (family === undefined) return;
    // While it is silent a socket is none for the check, which would write the first datagram.
    const mayAsk = this.first.areAllowed;
    if (mayAsk || !open) this.#check({ type: 'socket', family, open }, now);
    this.#addressesChanged(now);
    if (!this.#sockets.settled) return;
    this.first.ready(this.#sockets, undefined, now);
    this.#netInfo.osHasIpv6(this.#sockets.osHasIpv6);
    if (mayAsk) this.mappings.want(this.#sockets);
    if (mayAsk) this.#check({ type: 'check', full: true }, now);
  }

  #firstMayLeave(now: Instant): void {
    for (const family of [4, 6] as const) {
      if (this.#sockets.isOpen(family)) this.#check({ type: 'socket', family, open: true }, now);
    }
    this.#check({ type: 'check', full: true }, now);
    this.mappings.want(this.#sockets);
    this.#options.onFilterChanged(now);
  }

  /** Our own addresses or ports are other ones: what we tell, and what we take for a peer's, changes. */
  #addressesChanged(now: Instant): void {
    const { onlyLoopback } = this.#endpoints;
    const localSockets = this.#endpoints.localSockets();
    const localAddresses = this.#localAddresses;
    const { nat64 } = this.#description;
    if (this.gate.update({ onlyLoopback, localSockets, localAddresses, nat64 })) {
      this.#netcheck.allowLoopback = onlyLoopback;
      this.#options.onFilterChanged(now);
    }
    this.#tellEndpoints(now);
  }

  #check(input: NetcheckInput, now: Instant): void {
    this.#netcheck.handle(input, now);
    for (let out = this.#netcheck.poll(); out !== undefined; out = this.#netcheck.poll()) {
      if (out.type === 'send') {
        const { family, remote, bytes } = out;
        const socketId = socketIdOf(family);
        this.#options.outputs.down({ type: 'send', socketId, remote, bytes });
      } else if (out.type === 'report') {
        this.#report(out.report, now);
      } else {
        this.#options.outputs.push(out);
      }
    }
  }

  #report(report: NetcheckReport, now: Instant): void {
    this.#options.memory.report(report);
    this.mappings.report(report);
    this.#netInfo.report(report);
    this.#endpoints.report(report, now);
    this.#nat.report(report, this.#endpoints.localSockets());
    this.#tellEndpoints(now);
    this.#options.onMappings(report);
    this.#options.onReport(report.homeRegion, now);
    this.#description.report(report, this.#netcheck.allowLoopback, now);
    this.#askers.report(report, now);
    this.#answer(now);
  }

  /** Who waits for a check is answered when all that is quick is known. */
  #answer(now: Instant): void {
    if (this.gate.nat64 !== this.#description.nat64) this.#addressesChanged(now);
    const due = this.#askers.due(this.#description.isBusy, now);
    if (due === undefined) return;
    const summary = this.#summary(due.report, now);
    for (const id of due.ids) this.#options.outputs.push({ type: 'netcheck-result', id, summary });
  }

  #summary(report: NetcheckReport, now: Instant): NetworkSummary {
    return {
      report,
      nat: this.#nat.verdict,
      description: this.description,
      ...{ dialBack: this.#nat.dialBack, portMapErrors: this.mappings.errors },
      osHasIpv6: this.#sockets.osHasIpv6,
      udpPort: this.udpPort,
      endpoints: this.summarizedEndpoints(now),
    };
  }

  #tellEndpoints(now: Instant): void {
    this.#endpoints.behindNat64 = this.#description.behindNat64;
    const endpoints = this.#endpoints.takeChange(now);
    if (endpoints === undefined) return;
    this.proving.claim(endpoints, now);
    this.#options.outputs.push({ type: 'endpoints', endpoints });
    this.#options.onEndpointsChanged(now);
  }
}
