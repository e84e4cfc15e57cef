/**
 * What a daemon is told at its start, from flags, environment and configuration file together. A list is
 * the sum of its sources; flags come first.
 */
import type { Endpoint } from '@warren/core/ip/address';
import { NodeError } from '../errors.js';
import { DEFAULT_CONFIG_PATH, loadNodeConfig } from './node-config.js';
import {
  MAX_STATIC_ENDPOINTS,
  parseStaticEndpoint,
  splitEndpointList,
} from './static-endpoints.js';

/** A comma list. */
export const STATIC_ENDPOINTS_VARIABLE = 'WARREN_STATIC_ENDPOINTS';

export interface SettingSources {
  /** `--config`; undefined: the default path, where nothing need be. */
  readonly configFile: string | undefined;
  /** `--static-endpoint`. */
  readonly staticEndpoints: readonly Endpoint[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface NodeSettings {
  /** The file that was looked for. */
  readonly configFile: string;
  readonly staticEndpoints: readonly Endpoint[];
}

/** Reads everything. Throws CONFIG_INVALID, STATIC_ENDPOINT and FileError. */
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
  return { configFile, staticEndpoints: [...all] };
}

/** The endpoints of WARREN_STATIC_ENDPOINTS. Throws STATIC_ENDPOINT. */
export function endpointsOfEnvironment(environment: SettingSources['environment']): Endpoint[] {
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
