/**
 * What a daemon is told at its start, from flags, environment and configuration file together. A list is
 * the sum of its sources; flags come first.
 */
import { NodeError } from '../errors.js';
import { DEFAULT_MTU_BYTES, MAX_MTU_BYTES, MIN_MTU_BYTES, parseMtu } from './mtu.js';
import { DEFAULT_CONFIG_PATH, loadNodeConfig } from './node-config.js';
import {
  changedRoutes,
  DEFAULT_ROUTE_SETTINGS,
  mergeChanges,
  type RouteChange,
  type RouteSettings,
  routesOfEnvironment,
} from './route-settings.js';
import {
  MAX_STATIC_ENDPOINTS,
  parseStaticEndpoint,
  type StaticEndpoint,
  splitEndpointList,
} from './static-endpoints.js';

/** A comma list. */
export const STATIC_ENDPOINTS_VARIABLE = 'WARREN_STATIC_ENDPOINTS';
/** A TCP port. */
export const HEALTH_PORT_VARIABLE = 'WARREN_HEALTH_PORT';
/** Bytes of a packet inside the tunnel. */
export const MTU_VARIABLE = 'WARREN_MTU';
/** Anything but nothing, `0` and `false`: routers are not asked to forward our port. */
export const DISABLE_PORT_MAPPER_VARIABLE = 'WARREN_DISABLE_PORTMAPPER';

/** Anything but nothing, `0` and `false`: ports of hard NATs are neither foretold nor guessed. */
export const DISABLE_HARD_NATS_VARIABLE = 'WARREN_DISABLE_HARD_NATS';

export interface SettingSources {
  /** `--config`; undefined: the default path, where nothing need be. */
  readonly configFile: string | undefined;
  /** `--static-endpoint`. */
  readonly staticEndpoints: readonly StaticEndpoint[];
  /** `--health-port`. */
  readonly healthPort?: number | undefined;
  /** `--no-port-mapping` is false. */
  readonly portMapping?: boolean | undefined;
  /** `--mtu`. */
  readonly mtuBytes?: number | undefined;
  /** `--advertise-routes` and the other flags of routes. */
  readonly routes?: RouteChange;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface NodeSettings {
  /** The file that was looked for. */
  readonly configFile: string;
  readonly staticEndpoints: readonly StaticEndpoint[];
  /** Where load balancers ask over TCP; undefined: nowhere. */
  readonly healthPort: number | undefined;
  /** Routers are asked to forward our port. */
  readonly portMapping: boolean;
  /** Ports of hard NATs are foretold and guessed. */
  readonly hardNats: boolean;
  /** The network's DNS settings are used, and the system is told of our resolver. */
  readonly acceptDns: boolean;
  /** Of the tunnel's device. */
  readonly mtuBytes: number;
  /** What is announced to the network, and what is used of others' routes. */
  readonly routes: RouteSettings;
}

/** Reads everything. Throws CONFIG_INVALID, STATIC_ENDPOINT, HEALTH_PORT, MTU, ROUTES and FileError. */
export function readSettings(sources: SettingSources): NodeSettings {
  const configFile = sources.configFile ?? DEFAULT_CONFIG_PATH;
  const config = loadNodeConfig(configFile, sources.configFile !== undefined);
  const all = new Set([
    ...sources.staticEndpoints,
    ...endpointsOfEnvironment(sources.environment),
    ...config.staticEndpoints,
  ]);
  if (all.size > MAX_STATIC_ENDPOINTS) {
    throw new NodeError(
      'STATIC_ENDPOINT',
      `there are ${all.size} static endpoints in flags, environment and ${configFile}`,
      `give at most ${MAX_STATIC_ENDPOINTS}`,
    );
  }
  const healthPort =
    sources.healthPort ?? healthPortOfEnvironment(sources.environment) ?? config.healthPort;
  const isDisabled = isSaid(sources.environment[DISABLE_PORT_MAPPER_VARIABLE]);
  const hardNats = config.hardNats && !isSaid(sources.environment[DISABLE_HARD_NATS_VARIABLE]);
  const portMapping = sources.portMapping !== false && !isDisabled && config.portMapping;
  const mtuBytes =
    sources.mtuBytes ?? mtuOfEnvironment(sources.environment) ?? config.mtu ?? DEFAULT_MTU_BYTES;
  const { acceptDns } = config;
  return {
    ...{ configFile, staticEndpoints: [...all], healthPort, portMapping },
    ...{ hardNats, acceptDns, mtuBytes },
    routes: routesOf(config, sources),
  };
}

/** The file's, changed by the environment's, changed by the flags'. */
function routesOf(
  config: RouteChange,
  { environment, routes = {} }: SettingSources,
): RouteSettings {
  const { advertiseRoutes, advertiseExitNode, acceptRoutes } = config;
  const { exitNode, exitNodeAllowLanAccess, snatSubnetRoutes } = config;
  const ofFile: RouteChange = {
    ...{ advertiseRoutes, advertiseExitNode, acceptRoutes },
    ...{ exitNode, exitNodeAllowLanAccess, snatSubnetRoutes },
  };
  const merged = mergeChanges(mergeChanges(ofFile, routesOfEnvironment(environment)), routes);
  return changedRoutes(DEFAULT_ROUTE_SETTINGS, merged);
}

function isSaid(text: string | undefined): boolean {
  return !['', '0', 'false'].includes(text?.trim() ?? '');
}

/** The port of WARREN_HEALTH_PORT; undefined: not set. Throws HEALTH_PORT. */
function healthPortOfEnvironment(environment: SettingSources['environment']): number | undefined {
  const text = environment[HEALTH_PORT_VARIABLE]?.trim() ?? '';
  if (text === '') return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new NodeError(
    'HEALTH_PORT',
    `${HEALTH_PORT_VARIABLE}: "${text}" is no TCP port`,
    `write it as ${HEALTH_PORT_VARIABLE}=41642`,
  );
}

/** The MTU of WARREN_MTU; undefined: not set. Throws MTU. */
function mtuOfEnvironment(environment: SettingSources['environment']): number | undefined {
  const text = environment[MTU_VARIABLE]?.trim() ?? '';
  if (text === '') return undefined;
  const mtuBytes = parseMtu(text);
  if (mtuBytes !== undefined) return mtuBytes;
  throw new NodeError(
    'MTU',
    `${MTU_VARIABLE}: "${text}" is no MTU of a tunnel`,
    `write a whole number from ${MIN_MTU_BYTES} to ${MAX_MTU_BYTES}, such as ${MTU_VARIABLE}=1420`,
  );
}

/** The endpoints of WARREN_STATIC_ENDPOINTS. Throws STATIC_ENDPOINT. */
export function endpointsOfEnvironment(
  environment: SettingSources['environment'],
): StaticEndpoint[] {
  return splitEndpointList(environment[STATIC_ENDPOINTS_VARIABLE] ?? '').map((text) => {
    const { endpoint, problem } = parseStaticEndpoint(text);
    if (endpoint !== undefined) return endpoint;
    throw new NodeError(
      'STATIC_ENDPOINT',
      `${STATIC_ENDPOINTS_VARIABLE}: ${problem}`,
      `write it as ${STATIC_ENDPOINTS_VARIABLE}=192.0.2.20:41641,192.0.2.21:41641`,
    );
  });
}
