/**
 * The commands that make a planned topology real, as text for `ip -batch`, `tc -batch`, `nft -f` and
 * /proc/sys. Pure.
 *
 * The internet is routed, not bridged: each public place has a /32 and the same gateway 169.254.1.1 on its
 * link. All neighbours of these links are permanent, so no ARP has to cross a delay, and the first packet of
 * a connection takes as long as the second.
 */

import type { IpAddress } from '@warren/core/ip/address';
import { type Prefix, prefixBits } from '@warren/core/ip/prefix';
import type { Topology } from '@warren/sim/topology/types';
import { unroutedPrefixes } from './address-space.js';
import {
  hasIpv6,
  hubPortCommands6,
  ipv6Forwarding,
  lanMachineCommands6,
  ofFamily,
  transitCommands6,
} from './ipv6.js';
import { carrierRules, machineFirewall, routerRules } from './nat.js';
import { delaySpace, linkName, type Plan, type Space, type Wire, wiresOf } from './plan.js';
import { carrierCommands, lanGateway, routerCommands } from './router.js';
import { HUB_GATEWAY, uplinkCommands } from './uplink.js';

/** How delays are made: the kernel's own qdisc, or the copier of `delay/`. */
export type Delayer = 'netem' | 'copier';

/** Packets that netem holds back per direction: 2 Gbit/s of full frames at 50 ms. */
const netemLimit = 10_000;

/** What one namespace is told. Empty texts are not run. */
export interface SpaceCommands {
  readonly space: Space;
  /** Files under /proc/sys and what to write; those that the kernel lacks are skipped. */
  readonly sysctls: readonly (readonly [path: string, value: string])[];
  readonly ip: string;
  readonly tc: string;
  readonly nft: string;
}

/** A wire that the copier serves, by its two devices in the namespace `delay`. */
export interface CopierLink {
  readonly name: string;
  readonly a: string;
  readonly b: string;
  readonly oneWayMs: number;
}

export interface WorldCommands {
  /** `ip -batch`: all namespaces and wires, run first. */
  readonly create: string;
  /** Then these, in any order. */
  readonly spaces: readonly SpaceCommands[];
  readonly copierLinks: readonly CopierLink[];
}

function usesCopier(wire: Wire, delayer: Delayer): boolean {
  return wire.oneWayMs > 0 && delayer === 'copier';
}

function createWire(wire: Wire, delayer: Delayer): string[] {
  const { a, b, number } = wire;
  const pair = (left: string, right: string): string => `link add ${left} type veth peer ${right}`;
  const end = ({ space, device, mac }: Wire['a']): string =>
    `name ${device} address ${mac} netns ${space}`;
  if (!usesCopier(wire, delayer)) {
    return [pair(end(a), end(b))];
  }
  return [
    pair(end(a), `name w${number}a netns ${delaySpace}`),
    pair(end(b), `name w${number}b netns ${delaySpace}`),
  ];
}

/** What is behind an uplink: public addresses, a LAN's IPv6, and the region they are in. */
interface Place {
  readonly name: string;
  readonly region: string;
  readonly addresses: readonly IpAddress[];
  readonly lan: Prefix | undefined;
}

function attachments({ hosts, networks, machines }: Topology): Place[] {
  const publicMachines = machines.flatMap(({ name, at }) =>
    at.kind === 'public' ? [{ name, region: at.region, addresses: at.addresses }] : [],
  );
  return [
    ...[...hosts, ...publicMachines].map((place) => ({ ...place, lan: undefined })),
    ...networks.map((network) => ({ ...network, lan: network.ipv6?.lan })),
  ];
}

/** The address of a hub on the link to another region; `side` tells the two ends apart. */
function transitAddress(wire: Wire, side: 'a' | 'b'): string {
  return `169.254.${2 + (wire.number >> 7)}.${2 * (wire.number & 127) + (side === 'a' ? 0 : 1)}`;
}

function hubCommands(plan: Plan, region: string): string[] {
  const { topology } = plan;
  const commands = unroutedPrefixes.map((prefix) => `route add blackhole ${prefix}`);
  const places = attachments(topology);
  for (const place of places.filter((candidate) => candidate.region === region)) {
    const wire = plan.uplinks.get(place.name);
    if (wire === undefined) continue;
    const { device } = wire.b;
    commands.push(`addr add ${HUB_GATEWAY}/32 dev ${device}`, `link set ${device} up`);
    for (const address of ofFamily(place.addresses, 4)) {
      commands.push(
        `neigh replace ${address} lladdr ${wire.a.mac} dev ${device} nud permanent`,
        `route add ${address}/32 dev ${device}`,
      );
    }
    commands.push(...hubPortCommands6(wire, place));
  }
  for (const [index, wire] of plan.transits.entries()) {
    const [a, b] = topology.links[index]?.between ?? ['', ''];
    if (a !== region && b !== region) continue;
    const [near, far, farRegion, farSide] =
      a === region ? ([wire.a, wire.b, b, 'b'] as const) : ([wire.b, wire.a, a, 'a'] as const);
    const via = transitAddress(wire, farSide);
    commands.push(
      `addr add ${transitAddress(wire, farSide === 'a' ? 'b' : 'a')}/32 dev ${near.device}`,
      `link set ${near.device} up`,
      `neigh replace ${via} lladdr ${far.mac} dev ${near.device} nud permanent`,
    );
    const there = places.filter((candidate) => candidate.region === farRegion);
    for (const address of there.flatMap(({ addresses }) => ofFamily(addresses, 4))) {
      commands.push(`route add ${address}/32 via ${via} dev ${near.device} onlink`);
    }
    if (hasIpv6(topology)) {
      commands.push(...transitCommands6(wire, farSide === 'a' ? 'b' : 'a', there));
    }
  }
  return commands;
}

function machineCommands(plan: Plan, name: string): string[] {
  const { topology } = plan;
  const at = topology.machines.find((machine) => machine.name === name)?.at;
  if (at?.kind !== 'lan') {
    const uplink = plan.uplinks.get(name);
    const place = attachments(topology).find((candidate) => candidate.name === name);
    if (uplink === undefined || place === undefined) return [];
    return uplinkCommands(uplink, place);
  }
  const network = topology.networks.find((candidate) => candidate.name === at.network);
  if (network === undefined) return [];
  const isIpv6Only = network.nat64 === true;
  return [
    ...(isIpv6Only ? [] : [`addr add ${at.address}/${prefixBits(network.lan)} dev eth0`]),
    'link set eth0 up',
    ...(isIpv6Only ? [] : [`route add default via ${lanGateway(network)} dev eth0`]),
    ...lanMachineCommands6(network, at.ipv6),
  ];
}

function isFirewalled({ machines }: Topology, name: string): boolean {
  const at = machines.find((machine) => machine.name === name)?.at;
  return at?.kind === 'public' && at.firewalled === true;
}

const forwarding = ['net/ipv4/ip_forward', '1'] as const;

/** Bridged frames must not pass the router's own chains a second time. */
const bridgeSysctls = [
  ['net/bridge/bridge-nf-call-iptables', '0'],
  ['net/bridge/bridge-nf-call-ip6tables', '0'],
] as const;

function spaceCommands(plan: Plan, space: Space, delayer: Delayer): SpaceCommands {
  const { role } = space;
  const ip = ['link set lo up'];
  const sysctls: (readonly [string, string])[] = [];
  const forwards = hasIpv6(plan.topology) ? [forwarding, ipv6Forwarding] : [forwarding];
  let nft = '';
  switch (role.is) {
    case 'hub':
      sysctls.push(...forwards);
      ip.push(...hubCommands(plan, role.region));
      break;
    case 'router':
    case 'carrier': {
      const network = plan.topology.networks.find(({ name }) => name === role.network);
      if (network === undefined) break;
      const isRouter = role.is === 'router';
      sysctls.push(...forwards, ...bridgeSysctls);
      ip.push(...(isRouter ? routerCommands(plan, network) : carrierCommands(plan, network)));
      nft = isRouter ? routerRules(plan.topology, network) : carrierRules(network);
      break;
    }
    case 'host':
    case 'machine':
      ip.push(...machineCommands(plan, space.name));
      if (isFirewalled(plan.topology, space.name)) nft = machineFirewall;
      break;
    case 'delay':
      for (const wire of wiresOf(plan).filter((candidate) => usesCopier(candidate, delayer))) {
        ip.push(`link set w${wire.number}a up`, `link set w${wire.number}b up`);
      }
      break;
  }
  const tc =
    delayer === 'copier'
      ? []
      : wiresOf(plan).flatMap(({ a, b, oneWayMs }) =>
          [a, b]
            .filter((end) => end.space === space.name && oneWayMs > 0)
            .map(
              ({ device }) =>
                `qdisc add dev ${device} root netem delay ${oneWayMs}ms limit ${netemLimit}`,
            ),
        );
  return { space, sysctls, ip: text(ip), tc: text(tc), nft };
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** All commands of a plan. */
export function buildCommands(plan: Plan, delayer: Delayer): WorldCommands {
  const spaces = plan.spaces.filter(({ role }) => role.is !== 'delay' || delayer === 'copier');
  const wires = wiresOf(plan);
  return {
    create: text([
      ...spaces.map(({ name }) => `netns add ${name}`),
      ...wires.flatMap((wire) => createWire(wire, delayer)),
    ]),
    spaces: spaces.map((space) => spaceCommands(plan, space, delayer)),
    copierLinks: wires
      .filter((wire) => usesCopier(wire, delayer))
      .map((wire) => ({
        name: linkName(wire),
        a: `w${wire.number}a`,
        b: `w${wire.number}b`,
        oneWayMs: wire.oneWayMs,
      })),
  };
}

/** The script that runs one namespace's commands, for `sh -s` inside it. */
export function spaceScript({ sysctls, ip, tc, nft }: SpaceCommands): string {
  const feed = (command: string, input: string): string =>
    input === '' ? '' : `${command} <<'WARREN-EOF'\n${input}WARREN-EOF\n`;
  return [
    'set -e\n',
    ...sysctls.map(
      ([path, value]) =>
        `if [ -e /proc/sys/${path} ]; then echo ${value} > /proc/sys/${path}; fi\n`,
    ),
    feed('ip -batch -', ip),
    feed('tc -batch -', tc),
    feed('nft -f -', nft),
  ].join('');
}
