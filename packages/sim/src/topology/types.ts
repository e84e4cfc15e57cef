/**
 * What a world is made of, as data; the simulator and the lab build the same one, each in its own way.
 *
 *     region ──── link (delay) ──── region          a region is an L3 hub: the internet of that place
 *      ├─ host (access delay)                        a public server: control, relay, STUN
 *      ├─ machine `public`                           public address on the interface
 *      └─ network (NAT profile) ── machine `lan`     a router with a NAT, a LAN, machines behind it
 *
 * All of it is flat and named: further WAN addresses, load balancers and port mapping belong to a Network.
 * IPv6 adds addresses to the lists of public places, and to a Network the /64 of its LAN.
 */
import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import type { Prefix } from '@warren/core/ip/prefix';

/** A piece of the internet. Everything inside is next to each other, apart from access delays. */
export interface Region {
  readonly name: string;
}

/** The way between two regions. Every two regions need one. */
export interface RegionLink {
  readonly between: readonly [string, string];
  readonly oneWayMs: number;
}

/** A place on the public internet. */
export interface PublicAttachment {
  readonly region: string;
  /** Public addresses, the first of each family is the source of what it sends by itself. At least one. */
  readonly addresses: readonly IpAddress[];
  /** Delay of its access link, one way. Absent: none. */
  readonly accessOneWayMs?: number;
}

/** A public server. */
export interface Host extends PublicAttachment {
  readonly name: string;
}

/**
 * How a router translates (RFC 4787 terms: EIM / ADM / APDM and EIF / ADF / APDF are endpoint-independent,
 * address-dependent, address-and-port-dependent mapping and filtering):
 *
 *     easy               EIM  APDF  keeps ports              a home router
 *     easy-range         EIM  APDF  ports of a small range
 *     hard               APDM APDF  random ports             a cloud's NAT gateway
 *     hard-range         APDM APDF  random in a small range
 *     full-cone          EIM  EIF   keeps ports
 *     restricted-cone    EIM  ADF   keeps ports
 *     cone-other-ports   EIM  EIF   never keeps ports
 *     hard-pool          APDM APDF  random ports, of any of the network's addresses (arbitrary pooling)
 *     port-block         APDM APDF  random in a block of 512 ports, as carriers hand them out
 *     port-parity        APDM APDF  random ports, even ones for even ones (RFC 4787 section 4.2.2)
 *     sequential         APDM APDF  each mapping takes the next port
 *     address-dependent  ADM  APDF
 *     address-dependent-loose  ADM ADF
 *     one-to-one         EIM  EIF   an elastic IP, nothing filtered; for a LAN of one machine
 *     one-to-one-firewalled  EIM APDF  an elastic IP behind a stateful security group; for a LAN of one machine
 *     udp-blocked        no UDP passes, TCP as easy
 */
export const NAT_PROFILES = [
  'easy',
  'easy-range',
  'hard',
  'hard-range',
  'hard-pool',
  'port-block',
  'port-parity',
  'full-cone',
  'restricted-cone',
  'cone-other-ports',
  'sequential',
  'address-dependent',
  'address-dependent-loose',
  'one-to-one',
  'one-to-one-firewalled',
  'udp-blocked',
] as const;
export type NatProfile = (typeof NAT_PROFILES)[number];

/**
 * A UDP load balancer in front of one machine of a LAN: what reaches `address:port` goes to the machine's
 * `port` with the sender's address kept, and answers leave from `address:port` again. The machine's own flows
 * still leave through the network's NAT.
 */
export interface UdpBalancer {
  /** One of the network's further addresses, not the one that its NAT uses. */
  readonly address: IpAddress;
  readonly port: number;
  readonly machine: string;
}

/** IPv6 of a LAN: never translated. */
export interface NativeIpv6 {
  /** A /64 of public addresses; the router is its first. */
  readonly lan: Prefix;
  /** Nothing comes in unasked (APDF); else everything does. */
  readonly firewalled: boolean;
}

/** How a router may be asked for a mapping. */
export const PORT_MAPPING_PROTOCOLS = ['pcp', 'natpmp', 'upnp'] as const;
export type PortMappingProtocol = (typeof PORT_MAPPING_PROTOCOLS)[number];

/** A port mapping server on a router. */
export interface PortMappingService {
  /** What it speaks; the others are silent. */
  readonly protocols: readonly PortMappingProtocol[];
  /** A liar, or a router behind another one: the external address that it tells instead of its own. */
  readonly tells?: IpAddress;
  /** Mappings are granted and listed, and nothing arrives through them. */
  readonly dead?: boolean;
}

/**
 * A carrier's NAT between the internet and a network's router, so that its machines are behind two. The
 * network's public addresses are the carrier's; its router has an address of the carrier's LAN (RFC 6598).
 */
export interface CarrierNat {
  readonly nat: NatProfile;
  /** IPv4 prefix between the two; the carrier is its first address, the network's router its second. */
  readonly lan: Prefix;
}

/** A LAN behind a NAT router. */
export interface Network extends PublicAttachment {
  readonly name: string;
  readonly nat: NatProfile;
  /** IPv4 prefix of the LAN, /24 or shorter; the router is its first address. */
  readonly lan: Prefix;
  readonly ipv6?: NativeIpv6;
  readonly balancers?: readonly UdpBalancer[];
  /** The router runs a port mapping server; true: it speaks all three protocols (UPnP IGD, NAT-PMP, PCP). */
  readonly portMapping?: boolean | PortMappingService;
  /** Machines of the LAN reach each other by their outer endpoints. Absent: they don't. */
  readonly hairpin?: boolean;
  readonly carrier?: CarrierNat;
  /**
   * Machines have IPv6 alone (`ipv6` is given, `address` of a machine is never configured), and the router
   * translates 64:ff9b::/96 to IPv4 (RFC 6146) by its `nat`.
   */
  readonly nat64?: boolean;
  /** New outward UDP flows of others behind the same NAT, a second: they use up ports. Absent: none. */
  readonly crossTrafficPerSecond?: number;
  /** The router answers IPv4 UDP that comes unasked with an ICMP error. Absent: it drops it. */
  readonly rejects?: boolean;
  /**
   * The router drops everything from an IPv4 address for {@link BAN_MS} when so many UDP packets came from it
   * unasked within a minute. Absent: never.
   */
  readonly bansAfter?: number;
}

/** As long as intrusion prevention of small firewalls does. */
export const BAN_MS = 60_000;

/** The port mapping service of a network; undefined: none. */
export function portMappingOf({ portMapping }: Network): PortMappingService | undefined {
  if (portMapping === undefined || portMapping === false) return undefined;
  return portMapping === true ? { protocols: PORT_MAPPING_PROTOCOLS } : portMapping;
}

/** Where a machine is plugged in. */
export type Attachment =
  | ({
      readonly kind: 'public';
      /** A stateful firewall on the machine: nothing comes in unasked (no translation, APDF). */
      readonly firewalled?: boolean;
    } & PublicAttachment)
  | {
      readonly kind: 'lan';
      readonly network: string;
      readonly address: IpAddress;
      /** One of the network's /64. */
      readonly ipv6?: IpAddress;
    };

/** A machine that joins the mesh. */
export interface Machine {
  readonly name: string;
  readonly at: Attachment;
  /** Endpoints that its owner configures because the machine can't find them itself. */
  readonly staticEndpoints?: readonly Endpoint[];
}

export interface Topology {
  readonly name: string;
  readonly regions: readonly Region[];
  readonly links: readonly RegionLink[];
  readonly hosts: readonly Host[];
  readonly networks: readonly Network[];
  readonly machines: readonly Machine[];
}

/** What a topology is made of, in words. */
export function describeTopology({ regions, networks, machines, hosts }: Topology): string {
  const count = (number: number, one: string): string =>
    `${number} ${one}${number === 1 ? '' : 's'}`;
  return `${count(regions.length, 'region')}, ${count(networks.length, 'NAT')}, ${count(machines.length, 'machine')} and ${count(hosts.length, 'server')}`;
}

/** What kind of NAT a machine is behind. */
export function natOf(topology: Topology, machine: string): NatProfile | 'none' {
  const at = topology.machines.find(({ name }) => name === machine)?.at;
  if (at?.kind !== 'lan') return 'none';
  return topology.networks.find(({ name }) => name === at.network)?.nat ?? 'none';
}

/** The region that a machine is in. */
export function regionOf(topology: Topology, machine: string): string | undefined {
  const at = topology.machines.find(({ name }) => name === machine)?.at;
  if (at === undefined || at.kind === 'public') return at?.region;
  return topology.networks.find(({ name }) => name === at.network)?.region;
}

/** The address that a machine or host has on its own interface. */
export function addressOf(topology: Topology, name: string): IpAddress | undefined {
  const host = topology.hosts.find((candidate) => candidate.name === name);
  if (host !== undefined) return host.addresses[0];
  const at = topology.machines.find((candidate) => candidate.name === name)?.at;
  return at?.kind === 'lan' ? at.address : at?.addresses[0];
}

/** The address under which the internet sees a machine or host. */
export function publicAddressOf(topology: Topology, name: string): IpAddress | undefined {
  const at = topology.machines.find((candidate) => candidate.name === name)?.at;
  if (at?.kind !== 'lan') return addressOf(topology, name);
  return topology.networks.find((network) => network.name === at.network)?.addresses[0];
}

/** All addresses under which the internet sees a machine or host, of both families. */
export function publicAddressesOf(topology: Topology, name: string): readonly IpAddress[] {
  const host = topology.hosts.find((candidate) => candidate.name === name);
  if (host !== undefined) return host.addresses;
  const at = topology.machines.find((candidate) => candidate.name === name)?.at;
  if (at?.kind !== 'lan') return at?.addresses ?? [];
  const [outside] =
    topology.networks.find((network) => network.name === at.network)?.addresses ?? [];
  return [outside, at.ipv6].filter((address) => address !== undefined);
}
