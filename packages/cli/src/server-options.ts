/** Flags that hub and relay share, and what they mean together. */
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { familyOf, type IpAddress, type IpFamily, parseAddress } from '@warren/core/ip/address';
import { DEFAULT_STATE_DIR } from '@warren/node/local-api/protocol';
import type { LogLevel } from '@warren/shell/log';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CliContext } from './context.js';
import { usageError } from './errors.js';
import { type ListenAddress, parseHost, parseListen, parsePort } from './options.js';
import { pickAddress } from './pick-address.js';
import { requirePorts } from './rights.js';

/** Levels of the log, as pino names them. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;

/** STUN's own port (RFC 8489). */
const DEFAULT_STUN_PORT = 3478;
/** Its neighbour, as other STUN servers have it. */
const DEFAULT_STUN_ALTERNATE_PORT = 3479;
/** Region ids of private relays, apart from those of public maps. */
const LEAST_REGION_ID = 900;
const MOST_REGION_ID = 999;

export interface ServerOptions {
  readonly listen: ListenAddress;
  readonly host?: string;
  readonly ipv4?: IpAddress;
  readonly ipv6?: IpAddress;
  /** False with --no-stun. */
  readonly stun: boolean;
  readonly stunPort: number;
  readonly stunAlternatePort: number;
  readonly stunAlternateAddress?: IpAddress;
  readonly httpListen?: ListenAddress;
  readonly regionId: number;
  readonly regionCode: string;
  readonly regionName: string;
  readonly stateDir: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly statsSocket?: string;
  readonly logLevel: LogLevel;
  readonly json: boolean;
}

/** What a kind of server is called when nobody names its region. */
export interface RegionDefaults {
  readonly kind: 'hub' | 'relay';
  readonly regionId: number;
  readonly regionName: string;
}

function parseRegionId(text: string): number {
  const id = /^\d{3}$/.test(text) ? Number(text) : Number.NaN;
  if (!(id >= LEAST_REGION_ID && id <= MOST_REGION_ID)) {
    throw new InvalidArgumentError(`private regions are ${LEAST_REGION_ID} to ${MOST_REGION_ID}.`);
  }
  return id;
}

function parseRegionCode(text: string): string {
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(text)) {
    throw new InvalidArgumentError('use small letters, digits and hyphens, such as fra.');
  }
  return text;
}

function parseAddressOf(family: IpFamily, text: string): IpAddress {
  const address = parseAddress(text.replace(/^\[(.*)\]$/, '$1'));
  if (address === undefined || familyOf(address) !== family) {
    throw new InvalidArgumentError(`write an IPv${family} address, without port.`);
  }
  return address;
}

function parseAnyAddress(text: string): IpAddress {
  return parseAddressOf(text.includes(':') ? 6 : 4, text);
}

/** Adds the shared flags. */
export function addServerOptions(command: Command, defaults: RegionDefaults): Command {
  const { kind, regionId, regionName } = defaults;
  const base = process.env['WARREN_STATE_DIR'] ?? DEFAULT_STATE_DIR;
  return command
    .addOption(
      new Option('--listen <host:port>', 'TCP address for clients')
        .argParser(parseListen)
        .default({ host: '', port: 443 }, ':443, on every address'),
    )
    .addOption(
      new Option(
        '--host <name>',
        'DNS name or address that other machines reach this one by (default: its first IPv4)',
      ).argParser(parseHost),
    )
    .addOption(
      new Option(
        '--ipv4 <address>',
        'its IPv4 address, for machines to try beside an IPv6 --host, or instead of asking DNS',
      ).argParser((text) => parseAddressOf(4, text)),
    )
    .addOption(
      new Option('--ipv6 <address>', 'its IPv6 address, likewise').argParser((text) =>
        parseAddressOf(6, text),
      ),
    )
    .addOption(
      new Option('--stun-port <port>', 'UDP port for STUN')
        .argParser(parsePort)
        .default(DEFAULT_STUN_PORT),
    )
    .addOption(
      new Option(
        '--stun-alternate-port <port>',
        'a second UDP port, so that machines can tell how their NAT filters',
      )
        .argParser(parsePort)
        .default(DEFAULT_STUN_ALTERNATE_PORT),
    )
    .addOption(
      new Option(
        '--stun-alternate-address <address>',
        'another public address of this machine for the same; --listen names the first one',
      ).argParser(parseAnyAddress),
    )
    .option('--no-stun', 'no STUN here')
    .addOption(
      new Option(
        '--http-listen <host:port>',
        'plain HTTP for captive portal checks, such as :80 (default: none)',
      ).argParser(parseListen),
    )
    .addOption(
      new Option('--region-id <id>', "number of the relay's region")
        .argParser(parseRegionId)
        .default(regionId),
    )
    .addOption(
      new Option('--region-code <code>', 'its short name, as `warren ping` shows it')
        .argParser(parseRegionCode)
        .default(kind),
    )
    .addOption(new Option('--region-name <name>', 'its name').default(regionName))
    .addOption(
      new Option('--state-dir <path>', 'keys and certificates; private').default(
        join(base, kind),
        `${kind} under WARREN_STATE_DIR or ${DEFAULT_STATE_DIR}`,
      ),
    )
    .option(
      '--tls-cert <file>',
      'certificate for --host with those that signed it, PEM; read again when it changes (default: one is made, and machines pin it)',
    )
    .option('--tls-key <file>', 'its private key, PEM')
    .option('--stats-socket <path>', 'unix socket that answers GET /stats')
    .addOption(
      new Option('--log-level <level>', 'how much is logged').choices(LOG_LEVELS).default('info'),
    )
    .option('--json', 'a line of JSON when it is ready', false);
}

/** A wildcard tells nobody where to connect to. */
function isWildcard(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::';
}

/** The host to announce: as given, else the address listened on, else this machine's first IPv4. */
export function announcedHost(options: ServerOptions, context: CliContext): string {
  if (options.host !== undefined) return options.host;
  if (!isWildcard(options.listen.host)) return options.listen.host;
  const picked = pickAddress(networkInterfaces());
  if (picked === undefined) {
    throw usageError(
      'this machine has no IPv4 address to announce',
      'say how others reach it with --host NAME_OR_ADDRESS',
    );
  }
  context.terminal.note(
    `Announcing ${picked.address} (${picked.interfaceName}); --host names another address.`,
  );
  return picked.address;
}

/** Throws when this user may not open the ports. */
export function requireServerPorts(options: ServerOptions): void {
  requirePorts([
    options.listen.port,
    ...(options.stun ? [options.stunPort] : []),
    ...(options.httpListen === undefined ? [] : [options.httpListen.port]),
  ]);
}

/** Both files, or neither. */
function certificateFiles({ tlsCert, tlsKey }: ServerOptions) {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw usageError(
      'a certificate and its private key belong together',
      'give both --tls-cert FILE and --tls-key FILE',
    );
  }
  return { certificate: tlsCert, privateKey: tlsKey };
}

/** Without a host: on every address. */
function listenOf(
  at: ListenAddress | undefined,
): { readonly host?: string | undefined; readonly port: number } | undefined {
  return at?.host === '' ? { port: at.port } : at;
}

/** What runHub and runRelay take from these flags and this process alike. */
export async function serverParts(options: ServerOptions, context: CliContext) {
  const [{ systemClock }, { createNodeCrypto }, { selfTestCrypto }, { createLogger }, random] =
    await Promise.all([
      import('@warren/shell/clock'),
      import('@warren/shell/crypto/node-crypto'),
      import('@warren/shell/crypto/self-test'),
      import('@warren/shell/log'),
      import('@warren/shell/random/node-random'),
    ]);
  if (options.stunAlternateAddress !== undefined && isWildcard(options.listen.host)) {
    throw usageError(
      'a second STUN address needs a first one',
      'name it with --listen ADDRESS:PORT',
    );
  }
  const crypto = createNodeCrypto();
  selfTestCrypto(crypto);
  return {
    crypto,
    random: random.createNodeRandom(),
    clock: systemClock,
    log: createLogger({ level: options.logLevel }),
    listenHost: listenOf(options.listen)?.host,
    port: options.listen.port,
    stunPort: options.stun ? options.stunPort : undefined,
    stunAlternatePort: options.stun ? options.stunAlternatePort : undefined,
    stunAlternateAddress: options.stunAlternateAddress,
    httpListen: listenOf(options.httpListen),
    hostName: announcedHost(options, context),
    ipv4: options.ipv4,
    ipv6: options.ipv6,
    stateDir: options.stateDir,
    certificateFiles: certificateFiles(options),
    regionId: options.regionId,
    regionCode: options.regionCode,
    regionName: options.regionName,
    statsSocket: options.statsSocket,
    signal: context.signal,
  };
}
