/** From settings, the network map and the machine's networks to what engines and kernel are told of routes. Pure. */
import { familyOf, type IpAddress } from '@warren/core/ip/address';
import { type Prefix, prefixAddress } from '@warren/core/ip/prefix';
import { ownRoutes } from '@warren/core/netmap/own-routes';
import { type ChosenRoutes, chooseRoutes } from '@warren/core/netmap/route-choice';
import type { Netmap } from '@warren/core/netmap/types';
import { viaNetwork } from '@warren/core/via/via-prefix';
import { announcedBy, type RouteSettings } from '../config/route-settings.js';
import type { RoutePlan } from './route-desk.js';

export interface RouteSources {
  readonly netmap: Netmap;
  readonly settings: RouteSettings;
  /** Networks that the machine is directly connected to. */
  readonly networks: readonly Prefix[];
  /** Its addresses outside the tunnel. */
  readonly addresses: readonly IpAddress[];
  readonly udpPort: number | undefined;
}

export interface PlannedRoutes {
  /** For the engines: AllowedIPs as they are used, and what we take packets for. */
  readonly netmap: Netmap;
  readonly chosen: ChosenRoutes;
  readonly plan: RoutePlan;
}

export function planRoutes(sources: RouteSources): PlannedRoutes {
  const { netmap, settings, networks, addresses, udpPort } = sources;
  const { acceptRoutes, exitNode, exitNodeAllowLanAccess, snatSubnetRoutes } = settings;
  const announced = announcedBy(settings);
  const chosen = chooseRoutes(netmap, {
    ...{ acceptRoutes, exitNode, announced },
    ownNetworks: networks,
  });
  const { exit } = chosen;
  const families = new Set(announced.map((route) => familyOf(prefixAddress(route))));
  const translates = announced.some((route) => viaNetwork(route) !== undefined);
  const keepsLan = exit === undefined || exitNodeAllowLanAccess;
  return {
    chosen,
    netmap:
      announced.length === 0
        ? chosen.netmap
        : { ...chosen.netmap, ownRoutes: ownRoutes(announced, { networks, addresses }) },
    plan: {
      used: {
        subnets: chosen.subnets,
        kept: keepsLan ? networks : [],
        exit: exit === undefined ? undefined : { v4: exit.v4, v6: exit.v6 },
        ...(translates ? { via: true } : {}),
      },
      router:
        families.size === 0
          ? undefined
          : { v4: families.has(4) || translates, v6: families.has(6), snat: snatSubnetRoutes },
      udpPort,
    },
  };
}
