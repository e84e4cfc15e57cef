/**
 * The network as a node knows it: validated, immutable, independent of the wire's spelling.
 *
 * `netmap/decode.ts` makes these from control's JSON, `netmap/apply.ts` applies deltas.
 */
import type { WallTime } from '../base/instant.js';
import type { DnsConfig } from '../dns/dns-config.js';
import type { FilterRule } from '../engines/filter-rule.js';
import type { RegionId } from '../engines/paths.js';
import type { Endpoint, IpAddress } from '../ip/address.js';
import type { Prefix } from '../ip/prefix.js';
import type { DiscoKey, MachineKey, NodeKey } from '../keys/keys.js';
import type { NatDescription } from './nat-description.js';
import type { Warnings } from './warnings.js';

/** A node of the network, ourselves or a peer. */
export interface NetmapNode {
  /** Unique for ever on its control server, above 0. */
  readonly id: number;
  readonly stableId: string;
  /** Fully qualified with trailing dot, or a bare name without MagicDNS. */
  readonly name: string;
  readonly key: NodeKey;
  readonly machineKey: MachineKey | undefined;
  readonly discoKey: DiscoKey | undefined;
  /** Own overlay addresses as /32 and /128. */
  readonly addresses: readonly Prefix[];
  /** What WireGuard accepts from and routes to this node. */
  readonly allowedIps: readonly Prefix[];
  /** Default routes that it offers: nothing goes there until a person chooses it (route-choice.ts). Absent: none. */
  readonly exitRoutes?: readonly Prefix[];
  readonly endpoints: readonly Endpoint[];
  /** Undefined until the node has chosen a home relay. */
  readonly homeRegion: RegionId | undefined;
  readonly userId: number;
  readonly online: boolean | undefined;
  readonly lastSeen: WallTime | undefined;
  readonly keyExpiry: WallTime | undefined;
  readonly expired: boolean;
  readonly machineAuthorized: boolean;
  readonly capVersion: number;
  /** Plain WireGuard: no disco, no relay. */
  readonly isWireGuardOnly: boolean;
  /** Keep the way to it open although nothing is said. */
  readonly keepAlive?: true;
  /** It may answer us and begin nothing, whatever the packet filter says. */
  readonly isJailed?: true;
  readonly tags: readonly string[];
  readonly hostName: string;
  readonly os: string;
  /** Its NAT as it describes it; absent: a stock client, or nothing measured yet. */
  readonly nat?: NatDescription;
  /** What control lets it do beside talking; absent: nothing. */
  readonly capabilities?: readonly string[];
  /** `ssh-ed25519 AAAA...`; absent: it tells none. */
  readonly sshHostKeys?: readonly string[];
}

/** One relay server. */
export interface RelayNode {
  readonly name: string;
  readonly regionId: RegionId;
  /** DNS name or address literal; the TLS name too unless `certName` says otherwise. */
  readonly hostName: string;
  /** `sha256-raw:<64 hex>` pins a self-signed certificate; anything else overrides the TLS name. */
  readonly certName: string | undefined;
  /** Literal; null: the family is off; undefined: look `hostName` up. */
  readonly ipv4: IpAddress | null | undefined;
  readonly ipv6: IpAddress | null | undefined;
  /** TCP; 443 by default. */
  readonly relayPort: number;
  /** UDP; 3478 by default, undefined: no STUN. */
  readonly stunPort: number | undefined;
  readonly stunOnly: boolean;
  /** It answers `GET /generate_204` on TCP port 80, without TLS. */
  readonly canPort80?: boolean;
  /** It sends datagrams back to who asks for them (Warren's own). */
  readonly dialsBack?: boolean;
  /** STUN requests are answered from this port too when they ask for it (RFC 5780, CHANGE-REQUEST). */
  readonly alternateStunPort?: number;
  /** And from this address, on both ports. */
  readonly alternateIpv4?: IpAddress;
  readonly alternateIpv6?: IpAddress;
}

export interface RelayRegion {
  readonly id: RegionId;
  readonly code: string;
  readonly name: string;
  readonly noMeasureNoHome: boolean;
  readonly nodes: readonly RelayNode[];
}

/** All relay regions, by id. */
export interface RelayMap {
  readonly regions: ReadonlyMap<RegionId, RelayRegion>;
}

export interface UserProfile {
  readonly id: number;
  readonly loginName: string;
  readonly displayName: string;
}

/** One consistent state of the network. */
export interface Netmap {
  readonly self: NetmapNode;
  /** By node id; never holds `self`. */
  readonly peers: ReadonlyMap<number, NetmapNode>;
  readonly relayMap: RelayMap;
  readonly users: ReadonlyMap<number, UserProfile>;
  readonly domain: string;
  /** Who may send what to us; nothing is let in that no rule names. */
  readonly packetFilter: readonly FilterRule[];
  /** The same rules by the names under which control changes them. */
  readonly filterSets: ReadonlyMap<string, readonly FilterRule[]>;
  /** Absent: control has said nothing of it. */
  readonly dns?: DnsConfig;
  /** Networks that we take packets for beside our own addresses (own-routes.ts); absent: none. */
  readonly ownRoutes?: readonly Prefix[];
  /** Absent: none. */
  readonly warnings?: Warnings;
}
