/**
 * The world of a cell: two regions 62 ms round trip apart, a hub and a relay 15 ms away from theirs, and one
 * machine in each region, at a place that a profile describes.
 *
 *     east                                        west
 *      ├─ hub          control + relay             ├─ relay-west   relay
 *      └─ left-lan ── left                         └─ right-lan ── right
 *
 * Hub and relay have both families, so that a place with one alone joins too.
 */
import { cidr, ip, socket } from '../topology/literals.js';
import { regionsOneWayMs, relayAccessOneWayMs } from '../topology/seven-machines.js';
import type { Attachment, Machine, Network, Topology } from '../topology/types.js';
import type { MatrixCell } from './cell.js';
import type { Profile, ProfileBuild } from './profile.js';

/** The addresses that one side's places are built from. */
interface Plan {
  readonly machine: 'left' | 'right';
  readonly region: string;
  readonly publicV4: string;
  readonly publicV6: string;
  readonly wan: string;
  /** Further addresses of a network with a pool. */
  readonly pool: readonly string[];
  readonly balancer: string;
  readonly lan: string;
  readonly lanHost: string;
  readonly carrierLan: string;
  readonly lanV6: string;
  readonly lanV6Host: string;
}

const LEFT: Plan = {
  machine: 'left',
  region: 'east',
  publicV4: '52.20.10.11',
  publicV6: '2a02:8109:b513::6',
  wan: '54.160.20.12',
  pool: ['54.160.20.14', '54.160.20.15', '54.160.20.16'],
  balancer: '54.160.20.13',
  lan: '192.168.11.0/24',
  lanHost: '192.168.11.10',
  carrierLan: '100.64.11.0/24',
  lanV6: '2a02:8109:b511:1::/64',
  lanV6Host: '2a02:8109:b511:1::a',
};

const RIGHT: Plan = {
  machine: 'right',
  region: 'west',
  publicV4: '54.200.8.11',
  publicV6: '2a02:8109:b514::6',
  wan: '34.210.30.13',
  pool: ['34.210.30.15', '34.210.30.16', '34.210.30.17'],
  balancer: '34.210.30.14',
  lan: '192.168.12.0/24',
  lanHost: '192.168.12.10',
  carrierLan: '100.64.12.0/24',
  lanV6: '2a02:8109:b512:1::/64',
  lanV6Host: '2a02:8109:b512:1::a',
};

/** Of the daemon; the balancer forwards this port. */
const NODE_PORT = 41_641;

export function cellTopology({ left, right }: MatrixCell): Topology {
  const sites = [siteOf(left, LEFT), siteOf(right, RIGHT)];
  return {
    name: 'matrix-cell',
    regions: [{ name: 'east' }, { name: 'west' }],
    links: [{ between: ['east', 'west'], oneWayMs: regionsOneWayMs }],
    hosts: [
      {
        name: 'hub',
        region: 'east',
        addresses: [ip('3.210.5.10'), ip('2a02:8109:b510::10')],
        accessOneWayMs: relayAccessOneWayMs,
      },
      {
        name: 'relay-west',
        region: 'west',
        addresses: [ip('44.230.7.10'), ip('2a02:8109:b515::10')],
        accessOneWayMs: relayAccessOneWayMs,
      },
    ],
    networks: sites.flatMap(({ network }) => (network === undefined ? [] : [network])),
    machines: sites.map(({ machine }) => machine),
  };
}

interface Site {
  /** Undefined: a public place. */
  readonly network: Network | undefined;
  readonly machine: Machine;
}

function siteOf({ build }: Profile, plan: Plan): Site {
  const at = attachmentOf(build, plan);
  if (build.at === 'public') return { network: undefined, machine: { name: plan.machine, at } };
  const endpoint = socket(`${plan.balancer}:${NODE_PORT}`);
  return {
    network: networkOf(build, plan),
    machine: {
      name: plan.machine,
      at,
      ...(build.balancer === true ? { staticEndpoints: [endpoint] } : {}),
    },
  };
}

function attachmentOf(build: ProfileBuild, plan: Plan): Attachment {
  if (build.at === 'lan') {
    return {
      kind: 'lan',
      network: networkName(plan),
      address: ip(plan.lanHost),
      ...(build.ipv6 === undefined ? {} : { ipv6: ip(plan.lanV6Host) }),
    };
  }
  return {
    kind: 'public',
    region: plan.region,
    addresses: build.families.map((family) => ip(family === 4 ? plan.publicV4 : plan.publicV6)),
    firewalled: build.firewalled,
  };
}

function networkOf(build: Extract<ProfileBuild, { at: 'lan' }>, plan: Plan): Network {
  const { nat, ipv6, nat64, portMapping, carrier, hairpin, crossTrafficPerSecond } = build;
  const { rejects, bansAfter } = build;
  const pool = build.pool === true ? plan.pool : [];
  const balancer = build.balancer === true;
  return {
    name: networkName(plan),
    region: plan.region,
    addresses: [plan.wan, ...pool, ...(balancer ? [plan.balancer] : [])].map(ip),
    nat,
    lan: cidr(plan.lan),
    ...(ipv6 === undefined
      ? {}
      : { ipv6: { lan: cidr(plan.lanV6), firewalled: ipv6 === 'firewalled' } }),
    ...(balancer
      ? {
          balancers: [{ address: ip(plan.balancer), port: NODE_PORT, machine: plan.machine }],
        }
      : {}),
    ...(portMapping === undefined ? {} : { portMapping }),
    ...(carrier === undefined ? {} : { carrier: { nat: carrier, lan: cidr(plan.carrierLan) } }),
    ...(nat64 === undefined ? {} : { nat64 }),
    ...(hairpin === undefined ? {} : { hairpin }),
    ...(crossTrafficPerSecond === undefined ? {} : { crossTrafficPerSecond }),
    ...(rejects === undefined ? {} : { rejects }),
    ...(bansAfter === undefined ? {} : { bansAfter }),
  };
}

function networkName({ machine }: Plan): string {
  return `${machine}-lan`;
}
