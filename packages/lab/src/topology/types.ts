/**
 * What a lab world is made of, as data. `plan.ts` gives it namespaces and wires, `build.ts` the commands.
 *
 *     region ──── link (delay) ──── region          a region is an L3 hub: the internet of that place
 *      ├─ host (access delay)                        a public server: control, relay, STUN
 *      ├─ machine `public`                           public address on the interface, no firewall
 *      └─ network (NAT profile) ── machine `lan`     a router with a NAT, a LAN, machines behind it
 *
 * All of it is flat and named, so that what comes later has a place: port mapping servers and further WAN
 * addresses belong to a Network, load balancers are a forward on a Network, IPv6 adds addresses to the lists.
 */
import type { IpAddress } from '@warren/core/ip/address';
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
  /** Public addresses, the first is the source of what it sends by itself. At least one. */
  readonly addresses: readonly IpAddress[];
  /** Delay of its access link, one way. Absent: none. */
  readonly accessOneWayMs?: number;
}

/** A public server. */
export interface Host extends PublicAttachment {
  readonly name: string;
}

/**
 * How a router translates (RFC 4787 terms; verified by `probe/` and against coturn):
 *
 * - `easy`: endpoint-independent mapping that preserves ports, address-and-port-dependent filtering
 * - `hard`: address-and-port-dependent mapping to random ports, filtering likewise
 * - `full-cone`: endpoint-independent mapping and filtering
 * - `restricted-cone`: endpoint-independent mapping, address-dependent filtering
 */
export type NatProfile = 'easy' | 'hard' | 'full-cone' | 'restricted-cone';

/** A LAN behind a NAT router. */
export interface Network extends PublicAttachment {
  readonly name: string;
  readonly nat: NatProfile;
  /** IPv4 prefix of the LAN, /24 or shorter; the router is its first address. */
  readonly lan: Prefix;
}

/** Where a machine is plugged in. */
export type Attachment =
  | ({ readonly kind: 'public' } & PublicAttachment)
  | { readonly kind: 'lan'; readonly network: string; readonly address: IpAddress };

/** A machine that joins the mesh. */
export interface Machine {
  readonly name: string;
  readonly at: Attachment;
}

export interface Topology {
  readonly name: string;
  readonly regions: readonly Region[];
  readonly links: readonly RegionLink[];
  readonly hosts: readonly Host[];
  readonly networks: readonly Network[];
  readonly machines: readonly Machine[];
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
