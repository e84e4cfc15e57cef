/**
 * The node's configuration file, `/etc/warren/node.hujson`:
 *
 *     {
 *       // The load balancer in front of this machine, an address per zone.
 *       "staticEndpoints": ["192.0.2.20:41641", "vpn.example.com:41641"],
 *       // What that balancer checks, because it can't check UDP.
 *       "healthPort": 41642,
 *       // Routers are not asked to forward our port.
 *       "portMapping": false,
 *       "hardNats": false,
 *       // The system's DNS stays as it is.
 *       "acceptDns": false,
 *       // Packets inside the tunnel may be larger where all paths between the machines carry jumbo frames.
 *       "mtu": 8920,
 *       // Networks behind this machine, told to control (route-settings.ts has all settings of routes).
 *       "advertiseRoutes": ["192.168.1.0/24"],
 *     }
 *
 * Every setting may be absent. A new one is a field of NodeConfig and its reader below.
 */
import { type ConfigValue, parseHujson } from '@warren/shell/config/hujson';
import { readFileIfPresent, readFileStrict } from '@warren/shell/files/atomic-file';
import { MAX_MTU_BYTES, MIN_MTU_BYTES } from './mtu.js';
import { noRoutes, type RouteConfig, routeReaders } from './route-settings.js';
import {
  MAX_STATIC_ENDPOINTS,
  parseStaticEndpoint,
  type StaticEndpoint,
} from './static-endpoints.js';

/** Where the file is unless told otherwise; it need not exist. */
export const DEFAULT_CONFIG_PATH = '/etc/warren/node.hujson';

export interface NodeConfig extends RouteConfig {
  readonly staticEndpoints: readonly StaticEndpoint[];
  /** TCP; undefined: none. */
  readonly healthPort: number | undefined;
  /** Whether routers are asked to forward our port. */
  readonly portMapping: boolean;
  /** Whether ports of hard NATs are foretold and guessed. */
  readonly hardNats: boolean;
  /** Whether the network's DNS settings are used, and the system is told of our resolver. */
  readonly acceptDns: boolean;
  /** Of the tunnel's device; undefined: the usual. */
  readonly mtu: number | undefined;
}

const empty: NodeConfig = {
  staticEndpoints: [],
  healthPort: undefined,
  portMapping: true,
  hardNats: true,
  acceptDns: true,
  mtu: undefined,
  ...noRoutes,
};

type Readers = { readonly [Name in keyof NodeConfig]: (value: ConfigValue) => NodeConfig[Name] };

const readers: Readers = {
  staticEndpoints: (value) => {
    const list = value.list();
    if (list.length > MAX_STATIC_ENDPOINTS) {
      throw value.error(`at most ${MAX_STATIC_ENDPOINTS} static endpoints are possible`);
    }
    return list.map((member) => {
      const { endpoint, problem } = parseStaticEndpoint(member.text());
      if (endpoint === undefined) throw member.error(problem);
      return endpoint;
    });
  },
  healthPort: (value) => value.integer(1, 65_535),
  portMapping: (value) => value.flag(),
  hardNats: (value) => value.flag(),
  acceptDns: (value) => value.flag(),
  mtu: (value) => value.integer(MIN_MTU_BYTES, MAX_MTU_BYTES),
  ...routeReaders,
};

/** What the bytes of a file say; `path` is for errors. Throws CONFIG_INVALID. */
export function parseNodeConfig(path: string, bytes: Uint8Array): NodeConfig {
  const names = Object.keys(readers) as (keyof NodeConfig)[];
  const fields = parseHujson(path, bytes).fields(names);
  const read = <Name extends keyof NodeConfig>(name: Name): NodeConfig[Name] => {
    const value = fields.get(name);
    return value === undefined ? empty[name] : readers[name](value);
  };
  return {
    staticEndpoints: read('staticEndpoints'),
    healthPort: read('healthPort'),
    portMapping: read('portMapping'),
    hardNats: read('hardNats'),
    acceptDns: read('acceptDns'),
    mtu: read('mtu'),
    advertiseRoutes: read('advertiseRoutes'),
    advertiseExitNode: read('advertiseExitNode'),
    acceptRoutes: read('acceptRoutes'),
    exitNode: read('exitNode'),
    exitNodeAllowLanAccess: read('exitNodeAllowLanAccess'),
    snatSubnetRoutes: read('snatSubnetRoutes'),
  };
}

/** Reads the file; one that a person named must exist. Throws CONFIG_INVALID and FileError. */
export function loadNodeConfig(path: string, isNamed: boolean): NodeConfig {
  const bytes = isNamed ? readFileStrict(path, 'the configuration') : readFileIfPresent(path);
  return bytes === undefined ? empty : parseNodeConfig(path, bytes);
}
