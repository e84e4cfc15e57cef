/**
 * The routers of a network: its own and, where a carrier translates in between, the carrier's.
 *
 *     internet ── home router ── LAN
 *     internet ── carrier ── 100.64.0.0/10 ── home router ── LAN
 */
import { assert } from '@warren/core/base/assert';
import type { SeededRandom } from '@warren/core/base/seeded-random';
import {
  addressBytes,
  addressFromBytes,
  endpoint,
  familyOf,
  type IpAddress,
} from '@warren/core/ip/address';
import type { SimClock } from '../clock/sim-clock.js';
import type { Trace } from '../clock/trace.js';
import { Balancer } from '../nat/balancer.js';
import type { NatBehaviour } from '../nat/behaviour.js';
import { type InboundRule, Nat } from '../nat/nat.js';
import { PortMappings } from '../nat/port-mappings.js';
import { type NatVariation, natBehaviours, natVariations } from '../nat/profiles.js';
import type { Internet } from '../net/internet.js';
import { gatewayOf, Lan } from '../net/lan.js';
import type { Plug } from '../net/plug.js';
import { PublicPlug } from '../net/public-plug.js';
import { Router } from '../net/router.js';
import { PortMappingServer } from '../servers/port-mapping/port-mapping-server.js';
import { type CarrierNat, type Network, portMappingOf, type Topology } from '../topology/types.js';

/** What a network is built into. */
export interface NetworkSite {
  readonly topology: Topology;
  readonly clock: SimClock;
  readonly trace: Trace;
  readonly internet: Internet;
  readonly random: SeededRandom;
}

export interface NetworkRouters {
  readonly home: Router;
  readonly carrier: Router | undefined;
}

export function buildNetwork(
  site: NetworkSite,
  network: Network,
  variation: NatVariation | Partial<NatBehaviour>,
): NetworkRouters {
  const { name, region, addresses, accessOneWayMs: accessMs = 0, ipv6 } = network;
  const routed = ipv6 === undefined ? [] : [ipv6.lan];
  const outermost = new PublicPlug({
    ...site,
    name,
    region,
    accessMs,
    addresses,
    routed,
    firewalled: false,
  });
  const carrier =
    network.carrier === undefined
      ? undefined
      : buildCarrier(site, network, network.carrier, outermost);
  const wan = carrier?.plug([homeAddress(carrier)], routed) ?? outermost;
  return { home: buildHome(site, network, variation, wan), carrier };
}

function buildCarrier(
  site: NetworkSite,
  network: Network,
  { nat, lan: prefix }: CarrierNat,
  wan: Plug,
): Router {
  const { clock, trace, random } = site;
  const { name, hairpin = false, ipv6 } = network;
  const lan = new Lan([prefix]);
  return new Router({
    name: `${name}-carrier`,
    lan,
    wan,
    nat: new Nat({ ...natBehaviours[nat], hairpin }, random.fork(), {
      ...natOptions(network, lan, nat),
      places: placesOf(network),
    }),
    balancers: [],
    // Passed on as it is: the home router has the firewall.
    ipv6: ipv6 === undefined ? undefined : { lan: ipv6.lan, firewalled: false },
    clock,
    trace,
  });
}

function buildHome(
  site: NetworkSite,
  network: Network,
  variation: NatVariation | Partial<NatBehaviour>,
  wan: Plug,
): Router {
  const { clock, trace, topology, random } = site;
  const { name, nat, hairpin = false, ipv6, nat64 = false } = network;
  const behaviour: NatBehaviour = {
    ...natBehaviours[nat],
    hairpin,
    ...(typeof variation === 'string' ? natVariations[variation] : variation),
  };
  const lan = new Lan(ipv6 === undefined ? [network.lan] : [network.lan, ipv6.lan]);
  const service = portMappingOf(network);
  const portMapping =
    service &&
    new PortMappingServer({
      service,
      mappings: new PortMappings(service.dead === true),
      gateway: gatewayOf(network.lan),
      wan: () => wan.sourceFor(4),
      startedAt: clock.now,
      index: topology.networks.indexOf(network),
    });
  const mapped: InboundRule[] =
    portMapping === undefined
      ? []
      : [(port, now): ReturnType<InboundRule> => portMapping.mappings.target(port, now)];
  const options = natOptions(network, lan, nat);
  const places = network.carrier === undefined ? placesOf(network) : 1;
  return new Router({
    name,
    lan,
    wan,
    nat: new Nat(behaviour, random.fork(), { ...options, places, rules: mapped }),
    balancers: (network.balancers ?? []).map(
      ({ address, port, machine }) =>
        new Balancer(endpoint(address, port), endpoint(lanAddress(topology, machine), port)),
    ),
    ipv6,
    nat64,
    portMapping,
    unasked: network,
    clock,
    trace,
  });
}

/** An elastic IP is its only host's; others' flows pass every NAT on the way. */
function natOptions({ crossTrafficPerSecond = 0 }: Network, lan: Lan, nat: Network['nat']) {
  const onlyHost = () => lan.onlyPlug?.sourceFor(4);
  return { crossTrafficPerSecond, ...(natBehaviours[nat].exposed && { onlyHost }) };
}

/** Addresses outside that a pool has. */
function placesOf({ addresses, balancers = [] }: Network): number {
  const taken = new Set(balancers.map(({ address }) => address));
  return addresses.filter((address) => familyOf(address) === 4 && !taken.has(address)).length;
}

/** The second address of a carrier's LAN. */
function homeAddress({ gateways }: Router): IpAddress {
  const [gateway] = gateways;
  assert(gateway !== undefined && familyOf(gateway) === 4, 'a carrier has an IPv4 LAN');
  const bytes = addressBytes(gateway);
  bytes[3] = (bytes[3] ?? 0) + 1;
  return addressFromBytes(bytes);
}

function lanAddress(topology: Topology, name: string): IpAddress {
  const at = topology.machines.find((machine) => machine.name === name)?.at;
  assert(at?.kind === 'lan', 'a balancer serves a machine of a LAN');
  return at.address;
}
