/**
 * Values on the command line and in WARREN_* variables: one parser a kind, each saying what it expects.
 * Parsers throw commander's InvalidArgumentError, which names the flag and ends with exit code 64.
 */

import { parsePins } from '@warren/core/control/auth-key';
import { MAX_MTU_BYTES, MIN_MTU_BYTES, parseMtu } from '@warren/node/config/mtu';
import { DEFAULT_CONFIG_PATH } from '@warren/node/config/node-config';
import {
  HEALTH_PORT_VARIABLE,
  MTU_VARIABLE,
  STATIC_ENDPOINTS_VARIABLE,
} from '@warren/node/config/settings';
import {
  parseStaticEndpoint,
  type StaticEndpoint,
  splitEndpointList,
} from '@warren/node/config/static-endpoints';
import { DEFAULT_SOCKET_PATH, DEFAULT_STATE_DIR } from '@warren/node/local-api/protocol';
import { type Command, InvalidArgumentError, Option } from 'commander';

/** Variables that stand for flags; an empty one counts as unset. */
export const ENVIRONMENT_NAMES = [
  'WARREN_SOCKET',
  'WARREN_STATE_DIR',
  'WARREN_LOGIN_SERVER',
  'WARREN_AUTH_KEY',
  'WARREN_HOSTNAME',
  'WARREN_CONFIG',
  STATIC_ENDPOINTS_VARIABLE,
  HEALTH_PORT_VARIABLE,
  MTU_VARIABLE,
] as const;

/** Where the hub's admin socket is unless told otherwise. */
export const DEFAULT_ADMIN_SOCKET_PATH = '/run/warren/hub.sock';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};
/** Longer than any key or wait that makes sense (about 100 years), and safe in milliseconds. */
const LONGEST_DURATION_MS = 36_500 * 86_400_000;

/** Milliseconds of `90s`, `1h30m`, `24h`, `7d`, `500ms` or `0`. */
export function parseDuration(text: string): number {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(text)) {
    throw new InvalidArgumentError('write a number with a unit, such as 500ms, 30s, 1h30m or 7d.');
  }
  let totalMs = 0;
  for (const part of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g)) {
    totalMs += Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? Number.NaN);
  }
  if (!(totalMs <= LONGEST_DURATION_MS)) throw new InvalidArgumentError('that is over 100 years.');
  return totalMs;
}

function parseInteger(text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new InvalidArgumentError(`write a whole number from ${least} to ${most}.`);
  }
  return value;
}

/** Pings a person may ask for in one command; more belongs into a monitor. */
const MOST_PINGS = 1_000_000;

/** How many pings; as Tailscale's, 0 is without end. */
export function parsePingCount(text: string): number {
  return parseInteger(text, 0, MOST_PINGS) || Number.MAX_SAFE_INTEGER;
}

/** As a ping flood needs rights with `ping -f`: faster would only measure queues. */
const LEAST_INTERVAL_MS = 10;

/** Between two pings. */
export function parseInterval(text: string): number {
  const ms = parseDuration(text);
  if (ms < LEAST_INTERVAL_MS) throw new InvalidArgumentError(`at least ${LEAST_INTERVAL_MS}ms.`);
  return ms;
}

/** How long to wait for something that can't come at once. */
export function parseTimeout(text: string): number {
  const ms = parseDuration(text);
  if (ms === 0) throw new InvalidArgumentError('a wait of 0 can never end well; try 5s.');
  return ms;
}

/** A TCP port that others are told. */
export function parseFixedPort(text: string): number {
  return parseInteger(text, 1, 65_535);
}

/** A UDP or TCP port; 0 lets the system choose. */
export function parsePort(text: string): number {
  return parseInteger(text, 0, 65_535);
}

export interface ListenAddress {
  /** Address literal or name; empty: all addresses. */
  readonly host: string;
  readonly port: number;
}

/** `0.0.0.0:443`, `[::]:443`, `:443`, `host:443`. */
export function parseListen(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]*)):(\d{1,5})$/.exec(text);
  const port = match === null ? Number.NaN : Number(match[3]);
  if (match === null || !(port <= 65_535)) {
    throw new InvalidArgumentError('write HOST:PORT, such as 0.0.0.0:443, [::]:443 or :443.');
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

function urlOf(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** A server's URL without path; http stays possible for servers on a trusted network. */
export function parseLoginServer(text: string): string {
  const url = urlOf(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`);
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new InvalidArgumentError(
      'write the address of a server, such as https://hub.example.net.',
    );
  }
  // Behind a # only a hub's pins: what `warren control logins code` prints.
  const isPinned = parsePins(url.hash.slice(1)) !== undefined;
  const isOther = url.hash !== '' && !isPinned;
  if (url.username !== '' || url.password !== '' || url.search !== '' || isOther) {
    throw new InvalidArgumentError(
      'write only https://HOST[:PORT], without user, query or fragment.',
    );
  }
  if (url.pathname !== '/') {
    throw new InvalidArgumentError('write only https://HOST[:PORT], without a path.');
  }
  return isPinned ? `${url.origin}${url.hash}` : url.origin;
}

/** A host name as DNS allows one label; the server may still change it to keep names unique. */
export function parseHostName(text: string): string {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(text)) {
    throw new InvalidArgumentError('use up to 63 letters, digits and hyphens, such as desk-2.');
  }
  return text;
}

/** A comma list of tags; empty: none. */
export function parseTags(text: string): readonly string[] {
  const tags = text.split(',').map((tag) => tag.trim());
  if (tags.length === 1 && tags[0] === '') return [];
  const odd = tags.find((tag) => !/^tag:[A-Za-z][A-Za-z0-9-]{0,62}$/.test(tag));
  if (odd === undefined) return [...new Set(tags)];
  throw new InvalidArgumentError(`"${odd}" is no tag; write tag:web or tag:web,tag:eu.`);
}

/** `on` or `off`. */
export function parseSwitch(text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on';
  throw new InvalidArgumentError('write on or off.');
}

/** What a flag of true or false takes, which alone means true. */
export function parseTruth(text: string): boolean {
  if (text === 'true' || text === 'on') return true;
  if (text === 'false' || text === 'off') return false;
  throw new InvalidArgumentError('write true or false.');
}

/** Of `up` and `set`. */
export function acceptDnsOption(): Option {
  return new Option(
    '--accept-dns [true|false]',
    "use the network's DNS settings and tell the system of them; false: names of the network are answered on 100.100.100.100 alone",
  )
    .argParser(parseTruth)
    .preset('true');
}

/** What `--host` takes: a DNS name or an address literal, without port. */
export function parseHost(text: string): string {
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  if (bare.includes(':') ? !/^[0-9a-fA-F:.]+$/.test(bare) : !/^[a-zA-Z0-9._-]+$/.test(bare)) {
    throw new InvalidArgumentError('write a DNS name or an address, without port.');
  }
  return bare;
}

/** Collects the values of a flag that may be repeated. */
export function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

/** One or more endpoints in a comma list, added to those of earlier flags. */
export function collectEndpoints(
  text: string,
  previous: readonly StaticEndpoint[] | undefined,
): readonly StaticEndpoint[] {
  const added = splitEndpointList(text).map((part) => {
    const { endpoint, problem } = parseStaticEndpoint(part);
    if (endpoint === undefined) throw new InvalidArgumentError(`${problem}.`);
    return endpoint;
  });
  if (added.length === 0) throw new InvalidArgumentError('write ADDRESS:PORT.');
  return [...(previous ?? []), ...added];
}

/** As {@link collectEndpoints}; an empty text adds nothing, so that a list can be replaced by an empty one. */
export function replaceEndpoints(
  text: string,
  previous: readonly StaticEndpoint[] | undefined,
): readonly StaticEndpoint[] {
  return text === '' ? (previous ?? []) : collectEndpoints(text, previous);
}

/** `--static-endpoint` of the daemon, and of `up` for the daemon it may start. */
export function staticEndpointOption(): Option {
  return new Option(
    '--static-endpoint <address:port>',
    `where peers can reach this machine besides what it finds itself, such as a load balancer; may be repeated (also ${STATIC_ENDPOINTS_VARIABLE}, and the configuration)`,
  ).argParser(collectEndpoints);
}

/** `--health-port` of the daemon, and of `up` for the daemon it may start. */
export function healthPortOption(): Option {
  return new Option(
    '--health-port <port>',
    `TCP port that answers load balancers which can't check UDP (also ${HEALTH_PORT_VARIABLE}, and the configuration)`,
  ).argParser(parseFixedPort);
}

/** `--no-port-mapping` of the daemon, and of `up` for the daemon it may start. */
export function noPortMappingOption(): Option {
  return new Option('--no-port-mapping', "don't ask routers to forward the UDP port");
}

/** `--mtu` of the daemon. */
export function mtuOption(): Option {
  return new Option(
    '--mtu <bytes>',
    `largest packet inside the tunnel, ${MIN_MTU_BYTES} to ${MAX_MTU_BYTES} (also ${MTU_VARIABLE}, and the configuration)`,
  ).argParser((text) => {
    const mtuBytes = parseMtu(text);
    if (mtuBytes !== undefined) return mtuBytes;
    throw new InvalidArgumentError(
      `write a whole number from ${MIN_MTU_BYTES} to ${MAX_MTU_BYTES}.`,
    );
  });
}

/** `--config` of the daemon, and of `up` for the daemon it may start. */
export function configOption(): Option {
  return new Option(
    '--config <file>',
    `the node's configuration (default: ${DEFAULT_CONFIG_PATH}, which need not exist)`,
  ).env('WARREN_CONFIG');
}

/** Flags that Tailscale's users also write as `--flag=false`. */
const SWITCHES = ['active', 'ephemeral', 'json', 'peers', 'reusable', 'until-direct'];
/** Of those, the ones that are on unless told otherwise. */
const ON_BY_DEFAULT = new Set(['peers', 'until-direct']);
const SWITCH = new RegExp(`^--(${SWITCHES.join('|')})=(true|false)$`);

/** Turns `--peers=false` into `--no-peers` and so on, up to a `--`. */
export function normalizeSwitches(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  return args.flatMap((argument, index) => {
    const match = end >= 0 && index > end ? null : SWITCH.exec(argument);
    if (match === null) return [argument];
    const [, name = '', value] = match;
    if (value === 'true') return ON_BY_DEFAULT.has(name) ? [] : [`--${name}`];
    return ON_BY_DEFAULT.has(name) ? [`--no-${name}`] : [];
  });
}

/** True when errors must come as JSON too; asked before the line is parsed, since parsing may fail. */
export function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).includes('--json');
}

/** The global `--socket`. */
export function socketOption(): Option {
  return new Option('--socket <path>', "the daemon's socket")
    .env('WARREN_SOCKET')
    .default(DEFAULT_SOCKET_PATH);
}

/** `--state-dir` of daemon, hub and relay. */
export function stateDirOption(description: string, fallback: string = DEFAULT_STATE_DIR): Option {
  return new Option('--state-dir <path>', description).env('WARREN_STATE_DIR').default(fallback);
}

/** Path of the daemon's socket as given anywhere on the line. */
export function socketPathOf(command: Command): string {
  return command.optsWithGlobals<{ socket: string }>().socket;
}
