/**
 * Settings of routes: what this machine announces to the network, and what it uses of others.
 *
 *     setting                  flag                            variable
 *     advertiseRoutes          --advertise-routes              WARREN_ADVERTISE_ROUTES, a comma list
 *     advertiseExitNode        --advertise-exit-node           WARREN_ADVERTISE_EXIT_NODE
 *     acceptRoutes             --accept-routes                 WARREN_ACCEPT_ROUTES
 *     exitNode                 --exit-node                     WARREN_EXIT_NODE
 *     exitNodeAllowLanAccess   --exit-node-allow-lan-access    WARREN_EXIT_NODE_ALLOW_LAN_ACCESS
 *     snatSubnetRoutes         --snat-subnet-routes            WARREN_SNAT_SUBNET_ROUTES
 *
 * Each has one value: what `set` or `up` said last, else flag, variable, configuration file, default. A list replaces
 * another as a whole. Names are those of Tailscale's flags.
 */
import { familyOf, parseAddress } from '@warren/core/ip/address';
import { isDefaultRoute, type Prefix, parsePrefix, prefixOf } from '@warren/core/ip/prefix';
import type { ConfigValue } from '@warren/shell/config/hujson';
import { NodeError } from '../errors.js';

/** Cloud networks that are announced one by one come to some dozens; control servers read as many. */
export const MAX_ADVERTISED_ROUTES = 256;
/** A full name has at most 253 characters. */
const MAX_EXIT_NODE_CHARACTERS = 255;

export const EXIT_ROUTES = ['0.0.0.0/0', '::/0'] as readonly string[] as readonly Prefix[];

/** What is to be changed, as texts say it; absent: stays. */
export interface RouteChange {
  readonly advertiseRoutes?: readonly string[] | undefined;
  readonly advertiseExitNode?: boolean | undefined;
  readonly acceptRoutes?: boolean | undefined;
  /** Name, address or stable id of a peer; empty: none. */
  readonly exitNode?: string | undefined;
  readonly exitNodeAllowLanAccess?: boolean | undefined;
  readonly snatSubnetRoutes?: boolean | undefined;
}

export interface RouteSettings {
  /** Without default routes. */
  readonly advertiseRoutes: readonly Prefix[];
  readonly advertiseExitNode: boolean;
  readonly acceptRoutes: boolean;
  readonly exitNode: string;
  readonly exitNodeAllowLanAccess: boolean;
  readonly snatSubnetRoutes: boolean;
}

export const DEFAULT_ROUTE_SETTINGS: RouteSettings = {
  advertiseRoutes: [],
  advertiseExitNode: false,
  acceptRoutes: false,
  exitNode: '',
  exitNodeAllowLanAccess: false,
  snatSubnetRoutes: true,
};

/** What control is told. */
export function announcedBy(settings: RouteSettings): readonly Prefix[] {
  const { advertiseRoutes, advertiseExitNode } = settings;
  return advertiseExitNode ? [...advertiseRoutes, ...EXIT_ROUTES] : advertiseRoutes;
}

/** Members of a comma list. */
export function splitRoutes(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** A network as people write it, or what is wrong with it. */
export function parseRoute(text: string): { readonly route?: Prefix; readonly problem: string } {
  const route = parsePrefix(text);
  if (route !== undefined) return { route, problem: '' };
  const [address = '', bits = ''] = text.split('/');
  const parsed = parseAddress(address);
  const length = /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  const isMisplaced =
    parsed !== undefined && length >= 0 && length <= (familyOf(parsed) === 4 ? 32 : 128);
  return {
    problem: isMisplaced
      ? `"${text}" has bits behind its length; ${prefixOf(parsed, length)} is meant, or another length`
      : `"${text}" is no network such as 192.168.1.0/24`,
  };
}

function wrong(problem: string): NodeError {
  return new NodeError('ROUTES', problem, 'see `warren set --help`, and docs/routes.md');
}

interface Advertised {
  readonly routes: readonly Prefix[];
  /** Both default routes were among them. */
  readonly isExit: boolean;
}

/** Throws ROUTES. */
export function readAdvertised(texts: readonly string[]): Advertised {
  if (texts.length > MAX_ADVERTISED_ROUTES) {
    throw wrong(`${texts.length} routes are announced; ${MAX_ADVERTISED_ROUTES} are possible`);
  }
  const routes = texts.map((text) => {
    const { route, problem } = parseRoute(text);
    if (route === undefined) throw wrong(problem);
    return route;
  });
  const defaults = new Set(routes.filter(isDefaultRoute));
  if (defaults.size === 1) {
    const [only] = defaults;
    const other = EXIT_ROUTES.find((route) => route !== only);
    throw wrong(`${only} is announced without ${other}: an exit node takes both`);
  }
  return {
    routes: [...new Set(routes.filter((route) => !isDefaultRoute(route)))],
    isExit: defaults.size > 0,
  };
}

/** `before` with the changes made, checked. Throws ROUTES. */
export function changedRoutes(before: RouteSettings, change: RouteChange): RouteSettings {
  const advertised =
    change.advertiseRoutes === undefined ? undefined : readAdvertised(change.advertiseRoutes);
  const exitNode = change.exitNode ?? before.exitNode;
  const advertiseExitNode =
    advertised?.isExit === true || (change.advertiseExitNode ?? before.advertiseExitNode);
  if (exitNode.length > MAX_EXIT_NODE_CHARACTERS) throw wrong('that is no name of an exit node');
  if (exitNode !== '' && advertiseExitNode) {
    throw wrong(
      'a machine that is an exit node can use none itself: one of --exit-node and --advertise-exit-node',
    );
  }
  return {
    advertiseRoutes: advertised?.routes ?? before.advertiseRoutes,
    advertiseExitNode,
    acceptRoutes: change.acceptRoutes ?? before.acceptRoutes,
    exitNode,
    exitNodeAllowLanAccess: change.exitNodeAllowLanAccess ?? before.exitNodeAllowLanAccess,
    snatSubnetRoutes: change.snatSubnetRoutes ?? before.snatSubnetRoutes,
  };
}

/** Undefined: not said. */
const given = <T>(value: T | undefined, name: string): Record<string, T> =>
  value === undefined ? {} : { [name]: value };

/** `later` over `earlier`: what it doesn't say stays. */
export function mergeChanges(earlier: RouteChange, later: RouteChange): RouteChange {
  const said = Object.entries(later).filter(([, value]) => value !== undefined);
  return { ...earlier, ...Object.fromEntries(said) };
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says. Throws ROUTES. */
export function routesOfEnvironment(environment: Environment): RouteChange {
  const flag = (name: string): boolean | undefined => {
    const text = environment[name]?.trim() ?? '';
    if (text === '') return undefined;
    if (['1', 'true', 'on'].includes(text)) return true;
    if (['0', 'false', 'off'].includes(text)) return false;
    throw wrong(`${name}: "${text}" is neither true nor false`);
  };
  const routes = environment['WARREN_ADVERTISE_ROUTES'];
  return {
    ...given(routes === undefined ? undefined : splitRoutes(routes), 'advertiseRoutes'),
    ...given(flag('WARREN_ADVERTISE_EXIT_NODE'), 'advertiseExitNode'),
    ...given(flag('WARREN_ACCEPT_ROUTES'), 'acceptRoutes'),
    ...given(environment['WARREN_EXIT_NODE']?.trim(), 'exitNode'),
    ...given(flag('WARREN_EXIT_NODE_ALLOW_LAN_ACCESS'), 'exitNodeAllowLanAccess'),
    ...given(flag('WARREN_SNAT_SUBNET_ROUTES'), 'snatSubnetRoutes'),
  };
}

/** Of the configuration file, where every setting has its place; undefined: not said. */
export type RouteConfig = { readonly [Name in keyof RouteChange]-?: RouteChange[Name] | undefined };

export const noRoutes: RouteConfig = {
  advertiseRoutes: undefined,
  advertiseExitNode: undefined,
  acceptRoutes: undefined,
  exitNode: undefined,
  exitNodeAllowLanAccess: undefined,
  snatSubnetRoutes: undefined,
};

export const routeReaders = {
  advertiseRoutes: (value: ConfigValue): readonly string[] =>
    value.list().map((member) => {
      const { route, problem } = parseRoute(member.text());
      if (route === undefined) throw member.error(problem);
      return route;
    }),
  advertiseExitNode: (value: ConfigValue) => value.flag(),
  acceptRoutes: (value: ConfigValue) => value.flag(),
  exitNode: (value: ConfigValue) => value.text(),
  exitNodeAllowLanAccess: (value: ConfigValue) => value.flag(),
  snatSubnetRoutes: (value: ConfigValue) => value.flag(),
};

/** A change out of JSON that others wrote; undefined: it is none. */
export function readRouteChange(value: unknown): RouteChange | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const { advertiseRoutes, exitNode } = fields;
  const isText = (text: unknown): text is string => typeof text === 'string';
  if (advertiseRoutes !== undefined) {
    if (!Array.isArray(advertiseRoutes) || advertiseRoutes.length > MAX_ADVERTISED_ROUTES) {
      return undefined;
    }
    if (!advertiseRoutes.every(isText)) return undefined;
  }
  if (exitNode !== undefined && (!isText(exitNode) || exitNode.length > MAX_EXIT_NODE_CHARACTERS)) {
    return undefined;
  }
  const change: Record<string, unknown> = {
    ...given(advertiseRoutes, 'advertiseRoutes'),
    ...given(exitNode, 'exitNode'),
  };
  for (const name of FLAGS) {
    const flag = fields[name];
    if (flag !== undefined && typeof flag !== 'boolean') return undefined;
    if (flag !== undefined) change[name] = flag;
  }
  return change;
}

const FLAGS = [
  'advertiseExitNode',
  'acceptRoutes',
  'exitNodeAllowLanAccess',
  'snatSubnetRoutes',
] as const;
