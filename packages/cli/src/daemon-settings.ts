/**
 * What `up` may be told for the daemon it starts: static endpoints, ports and the configuration file. They belong to
 * the daemon's start; when one runs already without them, that is told instead of losing them.
 */
import { resolve } from 'node:path';
import { endpointsOfEnvironment, STATIC_ENDPOINTS_VARIABLE } from '@warren/node/config/settings';
import type { StaticEndpoint } from '@warren/node/config/static-endpoints';
import type { DaemonSettings } from '@warren/node/local-api/protocol';
import { CliError } from './errors.js';

export interface AskedSettings {
  readonly config?: string;
  readonly staticEndpoint?: readonly StaticEndpoint[];
  readonly healthPort?: number;
  /** `--no-port-mapping` is false. */
  readonly portMapping?: boolean;
}

/** Flags for the daemon; it runs in another directory, so a path becomes absolute. */
export function daemonFlags(asked: AskedSettings): string[] {
  const { config, staticEndpoint = [], healthPort, portMapping } = asked;
  return [
    ...(config === undefined ? [] : ['--config', resolve(config)]),
    ...staticEndpoint.flatMap((endpoint) => ['--static-endpoint', endpoint]),
    ...(healthPort === undefined ? [] : ['--health-port', String(healthPort)]),
    ...(portMapping === false ? ['--no-port-mapping'] : []),
  ];
}

/** Throws DAEMON_SETTINGS when a running daemon was started without what the flags ask for. */
export function requireSettings(asked: AskedSettings, running: DaemonSettings): void {
  const { config, staticEndpoint = [], healthPort } = asked;
  const missing = staticEndpoint.filter((endpoint) => !running.staticEndpoints.includes(endpoint));
  const isOtherFile = config !== undefined && resolve(config) !== running.configFile;
  const isOtherPort = healthPort !== undefined && healthPort !== running.healthPort;
  const isAsking = asked.portMapping === false && running.portMapping !== false;
  if (missing.length === 0 && !isOtherFile && !isOtherPort && !isAsking) return;
  const lacks = [
    ...(missing.length === 0 ? [] : [`the static endpoint ${missing.join(', ')}`]),
    ...(isOtherFile ? [`the configuration ${resolve(config)}`] : []),
    ...(isOtherPort ? [`the health port ${healthPort}`] : []),
    ...(isAsking ? ['--no-port-mapping'] : []),
  ];
  throw new CliError(
    'DAEMON_SETTINGS',
    `the daemon runs already, without ${lacks.join(' and ')}`,
    `\`warren set --static-endpoint\` changes a running one; other settings are read when it starts: end it with \`warren down --end-daemon\`, then run \`warren up\` with them again; of a service, put them into ${running.configFile} and restart it`,
  );
}

/** The sentence for endpoints of our environment that a running daemon lacks; undefined: none. */
export function environmentNote(
  environment: Readonly<Record<string, string | undefined>>,
  running: DaemonSettings,
): string | undefined {
  const missing = endpointsOfEnvironment(environment).filter(
    (endpoint) => !running.staticEndpoints.includes(endpoint),
  );
  if (missing.length === 0) return undefined;
  return `${STATIC_ENDPOINTS_VARIABLE} is not for this command: the running daemon was started without ${missing.join(', ')}.`;
}
