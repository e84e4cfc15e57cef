/** Flags of routes, for `daemon`, `up` and `set`: names and meanings are those of Tailscale's. */
import { parseRoute, splitRoutes } from '@warren/node/config/route-settings';
import type { RoutesRequest } from '@warren/node/local-api/route-report';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseTruth } from './options.js';

export interface RouteOptions {
  readonly advertiseRoutes?: readonly string[];
  readonly advertiseExitNode?: boolean;
  readonly acceptRoutes?: boolean;
  readonly exitNode?: string;
  readonly exitNodeAllowLanAccess?: boolean;
  readonly snatSubnetRoutes?: boolean;
}

function parseRoutes(text: string): readonly string[] {
  return splitRoutes(text).map((part) => {
    const { route, problem } = parseRoute(part);
    if (route === undefined) throw new InvalidArgumentError(`${problem}.`);
    return route;
  });
}

function truthOption(flag: string, description: string): Option {
  return new Option(`${flag} [true|false]`, description).argParser(parseTruth).preset('true');
}

export function addRouteOptions(command: Command): void {
  command
    .addOption(
      new Option(
        '--advertise-routes <networks>',
        'networks behind this machine for others to use, a comma list such as 192.168.1.0/24; empty: none',
      ).argParser(parseRoutes),
    )
    .addOption(truthOption('--advertise-exit-node', 'offer this machine as a way to the internet'))
    .addOption(truthOption('--accept-routes', 'use the networks behind other machines'))
    .addOption(
      new Option(
        '--exit-node <peer>',
        'name or address of the peer to reach the internet through; empty: none',
      ),
    )
    .addOption(
      truthOption(
        '--exit-node-allow-lan-access',
        'reach the networks that this machine stands in beside an exit node',
      ),
    )
    .addOption(
      truthOption(
        '--snat-subnet-routes',
        'hide peers behind the address of this machine in the networks that it announces',
      ),
    );
}

/** What the flags ask for; undefined: nothing. */
export function routesOf(options: RouteOptions): RoutesRequest | undefined {
  const { advertiseRoutes, advertiseExitNode, acceptRoutes } = options;
  const { exitNode, exitNodeAllowLanAccess, snatSubnetRoutes } = options;
  const all = {
    ...{ advertiseRoutes, advertiseExitNode, acceptRoutes },
    ...{ exitNode, exitNodeAllowLanAccess, snatSubnetRoutes },
  };
  const said = Object.entries(all).filter(([, value]) => value !== undefined);
  return said.length === 0 ? undefined : Object.fromEntries(said);
}

/** Lines of settings that differ from the usual. */
export function renderRoutes(routes: Required<RoutesRequest>): string[] {
  const yes = (isOn: boolean): string => (isOn ? 'yes' : 'no');
  const { advertiseRoutes, exitNode } = routes;
  return [
    `announced routes: ${advertiseRoutes.length === 0 ? 'none' : advertiseRoutes.join(', ')}`,
    `offers to be an exit node: ${yes(routes.advertiseExitNode)}`,
    ...(routes.snatSubnetRoutes ? [] : ["peers keep their addresses in this machine's networks"]),
    `routes of others are used: ${yes(routes.acceptRoutes)}`,
    ...(exitNode === ''
      ? ['exit node: none']
      : [
          `exit node: ${exitNode}, networks here ${routes.exitNodeAllowLanAccess ? 'beside it' : 'shut out'}`,
        ]),
  ];
}
