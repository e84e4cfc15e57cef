/**
 * Control's JSON as a server writes it. Names are exactly the wire's; an absent field is left out, never
 * null, unless null says so. Clients read these through decode.ts and trust nothing.
 */
import type { JsonObject, JsonValue } from '../base/json.js';

export interface WireNode {
  readonly ID: number;
  readonly StableID: string;
  readonly Name: string;
  readonly User: number;
  readonly Key: string;
  readonly KeyExpiry?: string;
  readonly Machine?: string;
  readonly DiscoKey?: string;
  readonly Addresses: readonly string[];
  readonly AllowedIPs: readonly string[];
  readonly PrimaryRoutes?: readonly string[];
  readonly Endpoints?: readonly string[];
  readonly HomeDERP?: number;
  /** The same for clients below capability version 111: `127.3.3.40:` and the region. */
  readonly DERP?: string;
  readonly Hostinfo?: JsonObject;
  readonly Created?: string;
  readonly Cap?: number;
  readonly Tags?: readonly string[];
  readonly Online?: boolean;
  readonly LastSeen?: string;
  readonly MachineAuthorized?: boolean;
  readonly Expired?: boolean;
  /** Plain WireGuard: no disco, no relay. */
  readonly IsWireGuardOnly?: boolean;
  readonly KeepAlive?: boolean;
  /** It may begin nothing towards who is told this. */
  readonly IsJailed?: boolean;
  readonly CapMap?: Readonly<Record<string, readonly unknown[] | null>>;
  /** Warren's own: the NAT in front of the node (nat-json.ts). */
  readonly WarrenNat?: JsonValue;
}

export interface WirePeerChange {
  readonly NodeID: number;
  readonly DERPRegion?: number;
  readonly Cap?: number;
  readonly Endpoints?: readonly string[];
  readonly Key?: string;
  readonly DiscoKey?: string;
  readonly Online?: boolean;
  readonly LastSeen?: string;
  readonly KeyExpiry?: string;
  readonly WarrenNat?: JsonValue;
}

export interface WireUserProfile {
  readonly ID: number;
  readonly LoginName: string;
  readonly DisplayName: string;
  readonly ProfilePicURL?: string;
}

export interface WireRelayNode {
  readonly Name: string;
  readonly RegionID: number;
  readonly HostName: string;
  readonly CertName?: string;
  readonly IPv4?: string;
  readonly IPv6?: string;
  readonly STUNPort?: number;
  readonly STUNOnly?: boolean;
  readonly DERPPort?: number;
  readonly CanPort80?: boolean;
  /** Warren's own; unknown to official clients. */
  readonly WarrenDialBack?: boolean;
  readonly WarrenStunAlternatePort?: number;
  readonly WarrenStunAlternateIPv4?: string;
  readonly WarrenStunAlternateIPv6?: string;
}

export interface WireRegion {
  readonly RegionID: number;
  readonly RegionCode: string;
  readonly RegionName: string;
  readonly NoMeasureNoHome?: boolean;
  readonly Nodes: readonly WireRelayNode[];
}

export interface WireRelayMap {
  readonly Regions: Readonly<Record<string, WireRegion>>;
  readonly omitDefaultRegions?: boolean;
}

export interface WireFilterTarget {
  readonly IP: string;
  readonly Ports: { readonly First: number; readonly Last: number };
}

/** One of DstPorts and CapGrant. */
export interface WireFilterRule {
  readonly SrcIPs: readonly string[];
  readonly DstPorts?: readonly WireFilterTarget[];
  readonly IPProto?: readonly number[];
  readonly CapGrant?: readonly {
    readonly Dsts: readonly string[];
    readonly CapMap: Readonly<Record<string, readonly unknown[] | null>>;
  }[];
}

export interface WireSshAction {
  readonly accept?: boolean;
  readonly reject?: boolean;
  readonly message?: string;
  /** Nanoseconds; 0: without end. */
  readonly sessionDuration?: number;
  readonly allowAgentForwarding?: boolean;
  readonly allowLocalPortForwarding?: boolean;
  readonly allowRemotePortForwarding?: boolean;
  /** Asked over the control connection before the session begins. */
  readonly holdAndDelegate?: string;
}

export interface WireSshRule {
  readonly principals: readonly { readonly nodeIP: string }[];
  /** Login names by those asked for: `=` is the same name, empty is none. */
  readonly sshUsers: Readonly<Record<string, string>>;
  readonly action: WireSshAction;
  readonly acceptEnv?: readonly string[];
}

/** Who may log in on a node; the first rule that fits counts. */
export interface WireSshPolicy {
  readonly rules: readonly WireSshRule[];
}

export interface WireDnsResolver {
  /** An address, with or without port, or an `https://` URL. */
  readonly Addr: string;
}

export interface WireDnsRecord {
  readonly Name: string;
  readonly Type?: string;
  readonly Value: string;
}

export interface WireDnsConfig {
  readonly Proxied?: boolean;
  readonly Domains?: readonly string[];
  readonly Resolvers?: readonly WireDnsResolver[];
  readonly FallbackResolvers?: readonly WireDnsResolver[];
  readonly Routes?: Readonly<Record<string, readonly WireDnsResolver[]>>;
  readonly ExtraRecords?: readonly WireDnsRecord[];
  readonly CertDomains?: readonly string[];
}

/** A rule list by name; null deletes the name. */
export type WirePacketFilters = Readonly<Record<string, readonly WireFilterRule[] | null>>;

/** One message of a map stream, or the answer to a single map request. */
export interface WireMapResponse {
  readonly PingRequest?: { readonly URL: string; readonly URLIsNoise: boolean };
  readonly Node?: WireNode;
  readonly DERPMap?: WireRelayMap;
  readonly Peers?: readonly WireNode[];
  readonly PeersChanged?: readonly WireNode[];
  readonly PeersRemoved?: readonly number[];
  readonly PeersChangedPatch?: readonly WirePeerChange[];
  readonly DNSConfig?: WireDnsConfig;
  readonly Domain?: string;
  readonly PacketFilters?: WirePacketFilters;
  readonly SSHPolicy?: WireSshPolicy;
  readonly UserProfiles?: readonly WireUserProfile[];
  readonly Debug?: { readonly DisableLogTail: boolean };
  readonly ControlTime?: string;
  /** Warren's own: only what differs from what the client said it holds (map-tags.ts). */
  readonly WarrenResumed?: boolean;
  /** Warren's own: the tags of what this message states. */
  readonly WarrenTags?: WireMapTags;
}

/** Parts of a map besides its peers that have tags. */
export type WireHeadPart = 'Node' | 'DERPMap' | 'DNSConfig' | 'PacketFilters' | 'SSHPolicy';

/** Tags by part, and by node id. */
export interface WireMapTags {
  readonly Head?: Readonly<Partial<Record<WireHeadPart, string>>>;
  readonly Peers?: Readonly<Record<string, string>>;
}
