/**
 * The description of our NAT (netmap/nat-description.ts): puts together what reports, dial-backs and the sweeps of
 * netcheck/nat-behaviour.ts found, and gives the sweeps their sockets and relays.
 *
 *     report ----> sweep due? --open-socket, send--> PacketEngine
 *     datagrams and dial-backs of those sockets ---> sweep --over--> description
 */

import type { Counters } from '../base/counters.js';
import { earliest, type Instant } from '../base/instant.js';
import type { DialBackAnswer } from '../engines/dial-back.js';
import type { UpMessage } from '../engines/messages.js';
import type { RegionId, SocketId } from '../engines/paths.js';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  familyOf,
  type IpAddress,
  type IpFamily,
} from '../ip/address.js';
import { carrierGradeNat } from '../netcheck/carrier-nat.js';
import type { DialBackVerdict } from '../netcheck/dial-back.js';
import { NatBehaviour } from '../netcheck/nat-behaviour.js';
import type { NatVerdict } from '../netcheck/nat-class.js';
import { sweepSockets } from '../netcheck/nat-sweep.js';
import { ipv4OnlyName, Nat64Probe } from '../netcheck/nat64-probe.js';
import type { NetcheckReport } from '../netcheck/report.js';
import {
  type FamilyDescription,
  type FilteringBehaviour,
  type MappingBehaviour,
  type NatDescription,
  UNKNOWN_NAT,
} from '../netmap/nat-description.js';
import type { RelayMap } from '../netmap/types.js';
import type { Random } from '../ports.js';
import { Nat64Mapping } from './nat64-mapping.js';
import type { NetworkMemory } from './network-memory.js';
import type { EngineOutputs } from './outputs.js';
import { OwnLifetime } from './own-lifetime.js';
import { socketIdOf } from './sockets.js';

/** Sockets of sweeps: this, and ten times the family, and the socket's number in the sweep. */
const socketIdBase = 100;
/** Asks by IPv4 addresses over IPv6. */
const nat64SocketId: SocketId = 199;

export interface OwnNatDescriptionOptions {
  readonly random: Random;
  readonly counters: Counters;
  readonly outputs: EngineOutputs;
  readonly memory: NetworkMemory;
  /** Nothing is being measured any more that a person would wait for. */
  readonly onQuiet: (now: Instant) => void;
}

export class OwnNatDescription {
  /** What port mapping found; its owner keeps it. */
  portMapping: NatDescription['portMapping'] = UNKNOWN_NAT.portMapping;
  /** What our router calls its external address, mapping or no mapping; the same owner keeps it. */
  routerAddress: IpAddress | undefined;
  readonly #outputs: EngineOutputs;
  readonly #onQuiet: (now: Instant) => void;
  readonly #behaviour: NatBehaviour;
  readonly #nat64: Nat64Probe;
  readonly #nat64Mapping: Nat64Mapping;
  readonly #lifetime: OwnLifetime;
  readonly #memory: NetworkMemory;
  /** Connected relays that dial back; bounded by the relay map. */
  readonly #dialBackRegions = new Set<RegionId>();
  #relayMap: RelayMap | undefined;
  #localAddresses: readonly IpAddress[] = [];
  #report: NetcheckReport | undefined;

  constructor({ random, counters, outputs, memory, onQuiet }: OwnNatDescriptionOptions) {
    this.#outputs = outputs;
    this.#onQuiet = onQuiet;
    this.#behaviour = new NatBehaviour({ random, counters });
    this.#nat64 = new Nat64Probe({ random, counters });
    this.#nat64Mapping = new Nat64Mapping(random);
    this.#memory = memory;
    this.#lifetime = new OwnLifetime({ random, counters, outputs, memory });
  }

  /** The /96 that IPv4 is reached through; undefined: none was found, or IPv4 is there. */
  get nat64(): IpAddress | undefined {
    return this.#nat64.prefix;
  }

  /** Our IPv4 endpoint behind it. */
  get behindNat64(): Endpoint | undefined {
    return this.#nat64.prefix === undefined ? undefined : this.#nat64Mapping.mapped;
  }

  /** Something is being measured that a person would want to wait for. */
  get isBusy(): boolean {
    return this.#behaviour.isBusy || this.#nat64.isBusy;
  }

  set relayMap(relayMap: RelayMap) {
    this.#relayMap = relayMap;
  }

  set localAddresses(addresses: readonly IpAddress[]) {
    this.#localAddresses = addresses;
  }

  relayConnected(regionId: RegionId, dialsBack: boolean): void {
    if (dialsBack) this.#dialBackRegions.add(regionId);
  }

  relayClosed(regionId: RegionId): void {
    this.#dialBackRegions.delete(regionId);
    this.#lifetime.relayClosed(regionId);
  }

  report(report: NetcheckReport, allowLoopback: boolean, now: Instant): void {
    this.#report = report;
    if (this.#relayMap === undefined) return;
    const context = {
      relayMap: this.#relayMap,
      localAddresses: this.#localAddresses,
      dialBackRegions: this.#dialBackRegions,
      allowLoopback,
    };
    this.#behaviour.report(report, context, now);
    const has = (wanted: IpFamily): boolean =>
      report.observations.some(({ family }) => family === wanted) ||
      (wanted === 6 && this.#localAddresses.some((address) => familyOf(address) === 6));
    if (!has(4) && has(6)) this.#nat64.look(stunServersV4(this.#relayMap), now);
    else this.#nat64.forget();
    this.#askBehindNat64();
    this.#drain(now);
  }

  #askBehindNat64(): void {
    const { prefix } = this.#nat64;
    if (prefix === undefined || this.#relayMap === undefined) return;
    const socketId = socketIdOf(6);
    for (const { remote, bytes } of this.#nat64Mapping.ask(prefix, stunServersV4(this.#relayMap))) {
      this.#outputs.down({ type: 'send', socketId, remote, bytes });
    }
  }

  /** Addresses of a name that was looked up; of a relay's they are somebody else's business. */
  resolved(host: string, addresses: readonly IpAddress[]): void {
    if (host === ipv4OnlyName) this.#nat64.resolved(addresses);
  }

  /** True when the socket is one of a sweep's. */
  socketOpen(socketId: SocketId, port: number, now: Instant): boolean {
    const of = socketOf(socketId);
    if (of !== undefined) this.#behaviour.opened(of.family, of.socket, port, now);
    else if (socketId === nat64SocketId) this.#nat64.opened(now);
    else return this.#lifetime.socketOpen(socketId, now);
    this.#drain(now);
    return true;
  }

  /** True when the socket is one of a sweep's. */
  socketFailed(socketId: SocketId, now: Instant): boolean {
    const of = socketOf(socketId);
    if (of !== undefined) this.#behaviour.failed(of.family, of.socket, now);
    else if (socketId === nat64SocketId) this.#nat64.failed();
    else return this.#lifetime.socketFailed(socketId);
    this.#drain(now);
    return true;
  }

  /** True when it came to a sweep's socket. */
  stun(message: Extract<UpMessage, { type: 'datagram' }>, now: Instant): boolean {
    const { socketId, source, bytes } = message;
    const of = socketOf(socketId);
    if (of !== undefined) this.#behaviour.datagram(of.family, of.socket, source, bytes, now);
    else if (socketId === nat64SocketId) {
      this.#nat64.datagram(source, bytes);
      if (!this.#nat64.isBusy) this.#askBehindNat64();
    } else if (this.#nat64Mapping.datagram(source, bytes)) return true;
    else return this.#lifetime.stun(socketId, source, bytes, now);
    this.#drain(now);
    return true;
  }

  /** True when a sweep had asked. */
  dialBackTold(answer: DialBackAnswer, now: Instant): boolean {
    if (this.#lifetime.told(answer, now)) return true;
    const isOurs = this.#behaviour.dialBackTold(answer, now);
    if (isOurs) this.#drain(now);
    return isOurs;
  }

  networkChanged(): void {
    this.#report = undefined;
    this.portMapping = UNKNOWN_NAT.portMapping;
    this.routerAddress = undefined;
    this.#behaviour.networkChanged();
    this.#nat64.forget();
    this.#nat64Mapping.forget();
    this.#memory.networkChanged();
    this.#lifetime.networkChanged();
    this.#drain(undefined);
  }

  run(now: Instant): void {
    this.#behaviour.run(now);
    this.#nat64.run(now);
    this.#lifetime.run(now);
    this.#drain(now);
  }

  nextTimeout(): Instant | undefined {
    return earliest(
      this.#behaviour.nextTimeout(),
      this.#nat64.nextTimeout(),
      this.#lifetime.nextTimeout(),
    );
  }

  /** All that is known now. */
  describe(
    verdict: NatVerdict,
    dialBack: DialBackVerdict | undefined,
    reachable: readonly Endpoint[],
  ): NatDescription {
    const mapped = this.#report?.globalV4;
    return {
      class: verdict.class,
      ipv4: this.#family(4, verdict, dialBack),
      ipv6: this.#family(6, verdict, dialBack),
      cgnat: carrierGradeNat({
        localAddresses: this.#localAddresses,
        mapped: mapped === undefined ? undefined : endpointAddress(mapped),
        external: this.routerAddress,
      }),
      nat64: this.#nat64.prefix,
      portMapping: this.portMapping,
      reachable,
    };
  }

  #family(
    family: IpFamily,
    verdict: NatVerdict,
    dialBack: DialBackVerdict | undefined,
  ): FamilyDescription {
    const report = this.#report;
    const works = report?.observations.some((one) => one.family === family) === true;
    const mapped = family === 4 ? report?.globalV4 : report?.globalV6;
    if (!works) return { ...UNKNOWN_NAT.ipv4, mapped };
    const findings = this.#behaviour.findings(family);
    const isProven =
      dialBack?.verified === 'yes' &&
      dialBack.target !== undefined &&
      familyOf(endpointAddress(dialBack.target)) === family;
    const filtering: FilteringBehaviour | undefined = isProven ? 'none' : findings?.filtering;
    return {
      works,
      mapping: mappingOf(findings?.mapping, verdict, family),
      filtering,
      portAllocation: findings?.allocation?.portAllocation,
      portDelta: findings?.allocation?.portDelta,
      portRange: findings?.allocation?.portRange,
      lifetimeMs: family === 4 && !isProven ? this.#lifetime.lifetimeMs : undefined,
      hairpin: findings?.hairpin,
      tablePressure: findings?.tablePressure,
      mapped,
    };
  }

  #drain(now: Instant | undefined): void {
    for (let out = this.#behaviour.poll(); out !== undefined; out = this.#behaviour.poll()) {
      if (out.type === 'ask') {
        const { regionId, token, port } = out;
        this.#outputs.push({ type: 'relay-dial-back', regionId, token, port });
        continue;
      }
      const { family } = out;
      const socketId = socketIdBase + 10 * family + out.socket;
      if (out.type === 'open-socket') {
        this.#outputs.down({ type: 'open-socket', socketId, family, port: 0 });
      } else if (out.type === 'close-socket') {
        this.#outputs.down({ type: 'close-socket', socketId });
      } else {
        this.#outputs.down({ type: 'send', socketId, remote: out.remote, bytes: out.bytes });
      }
    }
    this.#drainNat64();
    if (now === undefined || this.isBusy) return;
    // A check without a daemon is all thorough, and over before anything could be found.
    const report = this.#report;
    if (report?.thorough === false) this.#lifetime.report(report, this.#dialBackRegions, now);
    this.#onQuiet(now);
  }

  #drainNat64(): void {
    const socketId = nat64SocketId;
    for (let out = this.#nat64.poll(); out !== undefined; out = this.#nat64.poll()) {
      if (out.type === 'resolve') this.#outputs.push(out);
      else if (out.type === 'open-socket') {
        this.#outputs.down({ type: 'open-socket', socketId, family: 6, port: 0 });
      } else if (out.type === 'close-socket') {
        this.#outputs.down({ type: 'close-socket', socketId });
      } else {
        this.#outputs.down({ type: 'send', socketId, remote: out.remote, bytes: out.bytes });
      }
    }
  }
}

/** The relays' STUN servers, as far as the map tells their IPv4 addresses. */
export function stunServersV4(relayMap: RelayMap): readonly Endpoint[] {
  const nodes = [...relayMap.regions.values()].flatMap((region) => region.nodes);
  return nodes.flatMap(({ ipv4, stunPort }) =>
    ipv4 === undefined || ipv4 === null || stunPort === undefined ? [] : endpoint(ipv4, stunPort),
  );
}

function socketOf(
  socketId: SocketId,
): { readonly family: IpFamily; readonly socket: number } | undefined {
  for (const family of [4, 6] as const) {
    const socket = socketId - socketIdBase - 10 * family;
    if (socket >= 0 && socket < sweepSockets) return { family, socket };
  }
  return undefined;
}

/**
 * What is shown is true of the socket that peers meet: where its own mappings differ (another machine behind the
 * NAT may have its port) a fresh socket's word does not count.
 */
function mappingOf(
  swept: MappingBehaviour | undefined,
  verdict: NatVerdict,
  family: IpFamily,
): MappingBehaviour | undefined {
  const told = verdict.family === family ? verdict.mapping : undefined;
  const isRefined = swept !== 'endpoint-independent' && swept !== 'none';
  if (told === 'endpoint-dependent') return isRefined && swept !== undefined ? swept : told;
  return swept ?? told;
}
