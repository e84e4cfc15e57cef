/**
 * Inputs and outputs of the PathEngine. It decides; shells around it dial relays, talk to control,
 * resolve names and arm its one timer.
 */

import type { Instant } from '../base/instant.js';
import type { AddressCheckAnswer } from '../engines/address-check.js';
import type { DialBackAnswer } from '../engines/dial-back.js';
import type { DownMessage, UpMessage } from '../engines/messages.js';
import type { Path, RegionId } from '../engines/paths.js';
import type { Endpoint, IpAddress } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import type { DialBackVerdict } from '../netcheck/dial-back.js';
import type { HttpProbeOutput } from '../netcheck/http-probes.js';
import type { NatVerdict } from '../netcheck/nat-class.js';
import type { NetcheckInput } from '../netcheck/netcheck.js';
import type { NetworkSummary, SummarizedEndpoint } from '../netcheck/summary.js';
import type { NatDescription } from '../netmap/nat-description.js';
import type { NetInfo, OwnEndpoint } from '../netmap/own.js';
import type { Netmap } from '../netmap/types.js';
import type { PortMapping, PortMapServices } from '../portmap/io.js';
import type { RememberedNetwork } from './remembered-network.js';

export type PathEngineInput =
  | { readonly type: 'up'; readonly message: UpMessage }
  /** A complete new state; the engine finds out what changed. */
  | { readonly type: 'netmap'; readonly netmap: Netmap }
  /** Addresses of the machine's usable interfaces, without loopback and overlay. */
  | { readonly type: 'local-addresses'; readonly addresses: readonly IpAddress[] }
  /** What people configured, with names looked up; replaces what was told before. */
  | { readonly type: 'static-endpoints'; readonly endpoints: readonly Endpoint[] }
  /** What the port mapper has now: the answer to `udp-ports`, again whenever it changes. */
  | {
      readonly type: 'port-map';
      readonly mappings: readonly PortMapping[];
      readonly services: PortMapServices;
    }
  /** Whether ports of hard NATs are foretold and guessed, ours and peers'. */
  | { readonly type: 'hard-nats'; readonly isOn: boolean }
  /** Interfaces or the default route changed: old paths can't be believed. */
  | { readonly type: 'link-changed' }
  /** Something else has just been reached after an outage: don't let relays wait out their pauses. */
  | { readonly type: 'retry-relays' }
  | {
      readonly type: 'relay-connected';
      readonly regionId: RegionId;
      /** The relay answers `relay-dial-back` and `relay-check-address`. */
      readonly dialsBack?: boolean;
    }
  /** A relay's word on a `relay-dial-back`. */
  | ({ readonly type: 'dial-back-answer'; readonly regionId: RegionId } & DialBackAnswer)
  /** A relay's word on a `relay-check-address`. */
  | ({ readonly type: 'address-check-answer'; readonly regionId: RegionId } & AddressCheckAnswer)
  /** Results of `https-probe` and `captive-probe`. */
  | Extract<NetcheckInput, { readonly type: 'https-result' | 'captive-result' }>
  /** A person wants a fresh and full check: answered by `netcheck-result` within some 5 s. */
  | { readonly type: 'netcheck'; readonly id: number }
  /** A dial failed or a connection ended. */
  | { readonly type: 'relay-closed'; readonly regionId: RegionId; readonly reason: string }
  | {
      readonly type: 'relay-packet';
      readonly regionId: RegionId;
      readonly source: NodeKey;
      readonly packet: Uint8Array;
    }
  | { readonly type: 'relay-peer-gone'; readonly regionId: RegionId; readonly peer: NodeKey }
  /** Answer to `resolve`; empty: the name has no address. */
  | { readonly type: 'resolved'; readonly host: string; readonly addresses: readonly IpAddress[] }
  /** A person's ping, one round: answered by `ping-result` within 5 s. It also wakes discovery. */
  | { readonly type: 'ping'; readonly id: number; readonly peer: NodeKey }
  /** The node goes down: everything that the PacketEngine was given is taken back. The engine ends with this. */
  | { readonly type: 'stop' }
  | { readonly type: 'timeout' };

/** One answered or lost ping of a person. */
export type PingResult =
  | {
      readonly outcome: 'pong';
      readonly path: Path;
      readonly latencyMs: number;
    }
  | { readonly outcome: 'lost'; readonly reason: 'timeout' | 'unknown-peer' | 'no-path' };

/** Why the way to a peer is now another one; kept in the history that status and why show. */
export interface PathChange {
  readonly at: Instant;
  readonly peer: NodeKey;
  readonly from: Path | undefined;
  readonly to: Path | undefined;
  /** Stable kebab-case, such as `pong`, `better-pong`, `ping-timeout`, `link-changed`, `netmap`. */
  readonly cause: string;
}

export type PathEngineOutput =
  | { readonly type: 'down'; readonly message: DownMessage }
  /** Dial the region's relay once; the answer is `relay-connected` or `relay-closed`. Back-off is the engine's. */
  | { readonly type: 'relay-dial'; readonly regionId: RegionId }
  | { readonly type: 'relay-hangup'; readonly regionId: RegionId }
  /** Ask the relay for a pong; if none comes the answer is `relay-closed`, else nothing. */
  | { readonly type: 'relay-probe'; readonly regionId: RegionId }
  /** Ask the region's relay for a datagram with this token to our UDP port. */
  | {
      readonly type: 'relay-dial-back';
      readonly regionId: RegionId;
      readonly token: Uint8Array;
      readonly port: number;
      /** From the relay's alternate STUN port, if it has one. */
      readonly fromAlternate?: boolean;
    }
  /** Ask the region's relay whether its STUN server gave this token for this address. */
  | {
      readonly type: 'relay-check-address';
      readonly regionId: RegionId;
      /** 8 bytes, for the answer. */
      readonly id: Uint8Array;
      readonly address: IpAddress;
      readonly token: Uint8Array;
    }
  /** The sockets' silence is over; what relays found. */
  | {
      readonly type: 'dialled-back';
      readonly verdict: DialBackVerdict;
      readonly heldUpMs: number;
    }
  /** All that is remembered of networks, whenever it changes, for the state file. */
  | { readonly type: 'network-memory'; readonly networks: readonly RememberedNetwork[] }
  | HttpProbeOutput
  /** Our sockets' ports, to be mapped at the router; undefined: there is none. */
  | {
      readonly type: 'udp-ports';
      readonly ipv4: number | undefined;
      readonly ipv6: number | undefined;
    }
  /** For the port mapper: strangers reach one of its mappings, or they don't. */
  | { readonly type: 'mapping-verified'; readonly external: Endpoint; readonly works: boolean }
  | { readonly type: 'netcheck-result'; readonly id: number; readonly summary: NetworkSummary }
  | { readonly type: 'relay-prefer'; readonly regionId: RegionId; readonly home: boolean }
  | {
      readonly type: 'relay-transmit';
      readonly regionId: RegionId;
      readonly peer: NodeKey;
      readonly packet: Uint8Array;
    }
  /** Look up a relay's host name for STUN; literals are never asked. */
  | { readonly type: 'resolve'; readonly host: string }
  /** The set of our endpoints changed: tell control. */
  | { readonly type: 'endpoints'; readonly endpoints: readonly OwnEndpoint[] }
  /** Something besides latency changed, or it is the first report: tell control. */
  | { readonly type: 'net-info'; readonly netInfo: NetInfo }
  | {
      readonly type: 'ping-result';
      readonly id: number;
      readonly peer: NodeKey;
      readonly result: PingResult;
    }
  | { readonly type: 'path-changed'; readonly change: PathChange };

/** The whole state for status. */
export interface PathEngineStatus {
  readonly endpoints: readonly SummarizedEndpoint[];
  readonly homeRegion: RegionId | undefined;
  /** Of the IPv4 socket, or of the IPv6 one if there is no other. */
  readonly udpPort: number | undefined;
  readonly nat: NatVerdict;
  readonly description: NatDescription;
  readonly relays: readonly RelayStatus[];
  readonly peers: readonly PeerPathStatus[];
  /** How peers saw our sockets, from their pongs; newest last. */
  readonly observed: readonly ObservedMapping[];
  /** Everything dropped, refused or held back, by reason; the PacketEngine's totals included. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface RelayStatus {
  readonly regionId: RegionId;
  readonly state: 'closed' | 'dialling' | 'connected';
}

/** Our address as one peer saw it: a STUN answer for free, and the truth about per-destination mappings. */
export interface ObservedMapping {
  readonly peer: NodeKey;
  /** Where our ping went. */
  readonly remote: Endpoint;
  readonly observed: Endpoint;
  readonly at: Instant;
}

/** A peer's connectivity for status. */
export interface PeerPathStatus {
  readonly peer: NodeKey;
  /** What data takes now; undefined: no way known. Relay while the direct path isn't trusted. */
  readonly path: Path | undefined;
  /** How the port of the direct path in use was found, where pings alone had not done it. */
  readonly portMethod?: 'predict' | 'birthday' | undefined;
  readonly latencyMs: number | undefined;
  readonly lastHandshakeAt: Instant | undefined;
  readonly rxBytes: number;
  readonly txBytes: number;
  /** Sent to within the last 45 s. */
  readonly active: boolean;
  readonly lastSentAt: Instant | undefined;
  /** Share of lost pings on the direct path in use, 0 to 1; undefined: there is none. */
  readonly loss: number | undefined;
}
