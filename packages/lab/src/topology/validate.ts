/** Refuses a topology that contradicts itself, with a sentence about what is wrong. */
import { familyOf, type IpAddress } from '@warren/core/ip/address';
import { prefixAddress, prefixBits, prefixContains } from '@warren/core/ip/prefix';
import type { Network, PublicAttachment, Topology } from '@warren/sim/topology/types';
import { isReserved } from './address-space.js';
import { refuse } from './refusal.js';
import { checkRouter } from './validate-router.js';

/** Machines, hosts and networks together: the interface numbers and MAC bytes of a plan hold this many. */
export const maxPlaces = 250;

const namePattern = /^[a-z][a-z0-9-]{0,30}$/;

/** Names of places that the plan itself makes. */
const takenName = /^(world|delay|inet-.*|router-.*|cgn-.*)$/;

function checkDelay(oneWayMs: number | undefined, of: string): void {
  if (oneWayMs === undefined) return;
  if (!(oneWayMs >= 0 && oneWayMs <= 10_000)) refuse(`the delay of ${of} is not 0 to 10000 ms`);
}

/** Throws LAB_TOPOLOGY unless the topology can be built. */
export function checkTopology(topology: Topology): void {
  const regions = new Set<string>();
  const names = new Set<string>();
  const addresses = new Set<IpAddress>();

  const checkName = (name: string, known: Set<string>): void => {
    if (!namePattern.test(name)) {
      refuse(`"${name}" is no name (a small letter, then letters, digits, hyphens; at most 31)`);
    }
    if (takenName.test(name)) refuse(`the name "${name}" is one of the lab's own`);
    if (known.has(name)) refuse(`the name "${name}" is used twice`);
    known.add(name);
  };
  const checkAttachment = (name: string, at: PublicAttachment): void => {
    if (!regions.has(at.region))
      refuse(`${name} is in region "${at.region}", which does not exist`);
    if (at.addresses.length === 0) refuse(`${name} has no public address`);
    for (const address of at.addresses) {
      if (isReserved(address)) refuse(`${name}: ${address} is reserved, not a public address`);
      if (addresses.has(address)) refuse(`the address ${address} is used twice`);
      addresses.add(address);
    }
    checkDelay(at.accessOneWayMs, name);
  };

  const { hosts, networks, machines } = topology;
  if (hosts.length + networks.length + machines.length > maxPlaces) {
    refuse(`more than ${maxPlaces} hosts, networks and machines`);
  }
  for (const { name } of topology.regions) checkName(name, regions);
  checkLinks(topology, regions);
  for (const host of hosts) {
    checkName(host.name, names);
    checkAttachment(host.name, host);
  }
  for (const network of networks) {
    checkName(network.name, names);
    checkAttachment(network.name, network);
    checkNetwork(topology, network);
    checkIpv6(network, addresses);
    checkRouter(topology, network);
    if (familyOf(prefixAddress(network.lan)) !== 4 || prefixBits(network.lan) > 24) {
      refuse(`the LAN of ${network.name} is not an IPv4 prefix of /24 or shorter`);
    }
  }
  const lanAddresses = new Set<string>();
  for (const { name, at } of machines) {
    checkName(name, names);
    if (at.kind === 'public') {
      checkAttachment(name, at);
      continue;
    }
    const network = networks.find((candidate) => candidate.name === at.network);
    if (network === undefined)
      refuse(`${name} is in network "${at.network}", which does not exist`);
    if (!prefixContains(network.lan, at.address)) {
      refuse(`${name}: ${at.address} is not in ${network.lan}`);
    }
    if (/\.[01]$/.test(at.address)) refuse(`${name}: ${at.address} is not free for a machine`);
    const key = `${network.name} ${at.address}`;
    if (lanAddresses.has(key)) refuse(`two machines of ${network.name} have ${at.address}`);
    lanAddresses.add(key);
    if (at.ipv6 === undefined) continue;
    if (network.ipv6 === undefined || !prefixContains(network.ipv6.lan, at.ipv6)) {
      refuse(`${name}: ${at.ipv6} is not in an IPv6 prefix of ${network.name}`);
    }
    if (/::1?$/.test(at.ipv6)) refuse(`${name}: ${at.ipv6} is not free for a machine`);
    if (addresses.has(at.ipv6)) refuse(`the address ${at.ipv6} is used twice`);
    addresses.add(at.ipv6);
  }
}

/** Which families a network has, and its native IPv6; `taken` are the addresses of the world so far. */
function checkIpv6({ name, addresses, ipv6 }: Network, taken: Set<IpAddress>): void {
  const [outside] = addresses;
  if (outside === undefined || familyOf(outside) !== 4) {
    refuse(`the NAT of ${name} needs an IPv4 address, as the first`);
  }
  if (ipv6 === undefined) return;
  const first = prefixAddress(ipv6.lan);
  if (familyOf(first) !== 6 || prefixBits(ipv6.lan) !== 64) {
    refuse(`the IPv6 prefix of ${name} is not a /64`);
  }
  if (isReserved(first)) refuse(`${name}: ${ipv6.lan} is reserved, not public`);
  if (taken.has(first)) refuse(`the prefix ${ipv6.lan} is used twice`);
  taken.add(first);
}

/** What depends on the machines of a network. */
function checkNetwork({ machines }: Topology, network: Network): void {
  const { name, nat, addresses, balancers = [] } = network;
  const members = machines.filter(({ at }) => at.kind === 'lan' && at.network === name);
  const translatesOne = nat === 'one-to-one' || nat === 'one-to-one-firewalled';
  if (translatesOne && members.length > 1) {
    refuse(`${name} is ${nat}: its LAN has one machine, not ${members.length}`);
  }
  const taken = new Set<string>();
  for (const { address, port, machine } of balancers) {
    const label = `the balancer ${address}:${port} of ${name}`;
    // The NAT's own address would answer for both.
    if (!addresses.slice(1).includes(address))
      refuse(`${label} is at none of its further addresses`);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) refuse(`${label} has no UDP port`);
    if (!members.some((member) => member.name === machine)) {
      refuse(`${label} serves "${machine}", which is not in its LAN`);
    }
    const key = `${address} ${port}`;
    if (taken.has(key)) refuse(`${label} exists twice`);
    taken.add(key);
  }
}

function checkLinks({ regions, links }: Topology, known: ReadonlySet<string>): void {
  const linked = new Set<string>();
  for (const { between, oneWayMs } of links) {
    const [a, b] = between;
    if (!known.has(a) || !known.has(b) || a === b) {
      refuse(`a link is between "${a}" and "${b}", which are not two regions`);
    }
    checkDelay(oneWayMs, `the link ${a} - ${b}`);
    const key = [a, b].sort().join(' ');
    if (linked.has(key)) refuse(`${a} and ${b} are linked twice`);
    linked.add(key);
  }
  for (const [index, { name: a }] of regions.entries()) {
    for (const { name: b } of regions.slice(index + 1)) {
      if (!linked.has([a, b].sort().join(' '))) refuse(`regions ${a} and ${b} have no link`);
    }
  }
}
