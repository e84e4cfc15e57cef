/**
 * A town: servers and homes, each home a router with one machine, all on access links of their own.
 *
 *     town
 *      ├─ hub, relay   (access)
 *      ├─ home-A   (access, NAT) ── A
 *      └─ home-B   (access, NAT) ── B
 *
 * What figures are measured in: round trips are what the access links say.
 */
import { cidr, ip } from './literals.js';
import type { Machine, Network, Topology } from './types.js';

/** The servers' addresses, of different clouds. */
const SERVER_ADDRESSES = ['3.210.5.10', '18.204.7.9', '44.230.7.10'];
/** Addresses of homes end in 12 and more; so do their LANs. */
const FIRST_HOME = 12;

/** What is in front of a home's machine, which has the home's name. */
export interface Home extends Pick<Network, 'nat' | 'portMapping' | 'carrier'> {
  readonly name: string;
  readonly crossTrafficPerSecond?: number;
}

export interface Town {
  readonly name: string;
  /** The first is the hub. */
  readonly servers: readonly string[];
  /** One way, of each server and of each home. */
  readonly serverAccessMs: number;
  readonly homeAccessMs: number;
  readonly homes: readonly Home[];
}

/** The router of a home is the place `router-` and this. */
export function homeNetwork(home: string): string {
  return `home-${home}`;
}

export function townOf({ name, servers, serverAccessMs, homeAccessMs, homes }: Town): Topology {
  const delay = (ms: number): { readonly accessOneWayMs?: number } =>
    ms > 0 ? { accessOneWayMs: ms } : {};
  return {
    name,
    regions: [{ name: 'town' }],
    links: [],
    hosts: servers.map((server, index) => ({
      name: server,
      region: 'town',
      addresses: [ip(SERVER_ADDRESSES[index] ?? '')],
      ...delay(serverAccessMs),
    })),
    networks: homes.map(({ name: home, ...router }, index) => ({
      name: homeNetwork(home),
      region: 'town',
      addresses: [ip(`54.160.20.${FIRST_HOME + index}`)],
      ...delay(homeAccessMs),
      lan: cidr(`192.168.${FIRST_HOME - 1 + index}.0/24`),
      ...router,
    })),
    machines: homes.map(
      ({ name: home }, index): Machine => ({
        name: home,
        at: {
          kind: 'lan',
          network: homeNetwork(home),
          address: ip(`192.168.${FIRST_HOME - 1 + index}.10`),
        },
      }),
    ),
  };
}

/** Round trips between two homes by the wires alone, and by way of a server. */
export function townRttMs({ serverAccessMs, homeAccessMs }: Town): {
  readonly directRttMs: number;
  readonly relayRttMs: number;
} {
  const directRttMs = 4 * homeAccessMs;
  return { directRttMs, relayRttMs: directRttMs + 4 * serverAccessMs };
}
