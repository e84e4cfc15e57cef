/**
 * Who takes part: the hub and headscale, each started as its users start it, on TLS with a certificate of the same kind, with
 * SQLite on disk in WAL mode, with its own relay (which nobody uses), and gathering changes for the same time.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { wallTime } from '@warren/core/base/instant';
import { coalesceMs } from '@warren/core/control/server/sessions';
import { makeSelfSigned } from '@warren/shell/tls/self-signed';
import { postForLines } from '../mesh/socket-json.js';
import { SERVER_HOST, SERVER_PORT, ServerProcess } from './server-process.js';

const MAIN_SCRIPT = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));
const BASE_DOMAIN = 'bench.internal';
/** Who owns the tags; a policy has to name somebody. */
const OWNER = 'bench';
const KEY_LIFE_MS = 4 * 3_600_000;
const ASK_MS = 30_000;
const LISTEN = `${SERVER_HOST}:${SERVER_PORT}`;

export type Contender = 'warren' | 'headscale';
export const CONTENDERS: readonly Contender[] = ['warren', 'headscale'];

/** How each gathers changes before it sends them, for the report. */
export const COALESCING: Readonly<Record<Contender, string>> = {
  warren: `${coalesceMs} ms from the first change on`,
  headscale: `tuning.batch_change_delay ${coalesceMs} ms, tuning.node_store_batch_timeout ${coalesceMs} ms (one after the other)`,
};

/** How each keeps what it was told. */
export const DURABILITY: Readonly<Record<Contender, string>> = {
  warren: 'SQLite, WAL, synchronous=FULL',
  headscale: "SQLite, WAL, headscale's own synchronous=NORMAL",
};

export interface ControlServer {
  readonly process: ServerProcess;
  /** A key for machines with a tag, or (undefined) for those of a user. Any number may use it. */
  readonly authKey: (tag: string | undefined) => Promise<string>;
}

export interface ServerOptions {
  /** Empty, on a disk; everything of the server's is in it. */
  readonly directory: string;
  /** As both read it. */
  readonly policy: object;
  /** Where headscale is; undefined: not here. */
  readonly headscale: string | undefined;
  /** Where the hub is to write a processor profile at its end. */
  readonly profile: string | undefined;
}

/** The server's process is the caller's to start and to end. */
export function createServer(contender: Contender, options: ServerOptions): ControlServer {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const policyFile = join(options.directory, 'policy.json');
  writeFileSync(policyFile, JSON.stringify(options.policy));
  return contender === 'warren'
    ? createWarren(options, policyFile)
    : createHeadscale(options, policyFile);
}

/** The owner of a tag in a policy. */
export const tagOwner = `${OWNER}@`;

function createWarren({ directory, profile }: ServerOptions, policyFile: string): ControlServer {
  const adminSocket = join(directory, 'hub.sock');
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const process_ = new ServerProcess({
    name: 'warren hub',
    argv: [
      ...[process.execPath, ...profiling, MAIN_SCRIPT, 'hub'],
      ...['--listen', LISTEN, '--host', SERVER_HOST, '--base-domain', BASE_DOMAIN],
      ...['--state-dir', join(directory, 'state'), '--admin-socket', adminSocket],
      ...['--policy-file', policyFile, '--json'],
    ],
    logFile: join(directory, 'hub.log'),
  });
  return {
    process: process_,
    authKey: async (tag) => {
      const order = {
        ...{ user: OWNER, reusable: true, expiresInMs: KEY_LIFE_MS },
        tags: tag === undefined ? [] : [tag],
      };
      const path = '/api/v1/keys';
      const [made] = await postForLines<{ key: string }>(adminSocket, 'hub', path, order, ASK_MS);
      if (made === undefined) throw new Error('the hub made no key');
      return made.key;
    },
  };
}

/** JSON is YAML. */
function headscaleConfig(directory: string, policyFile: string): string {
  const gathering = `${coalesceMs}ms`;
  return JSON.stringify({
    server_url: `https://${SERVER_HOST}`,
    listen_addr: LISTEN,
    metrics_listen_addr: `${SERVER_HOST}:9090`,
    grpc_listen_addr: `${SERVER_HOST}:50443`,
    tls_cert_path: join(directory, 'tls.crt'),
    tls_key_path: join(directory, 'tls.key'),
    noise: { private_key_path: join(directory, 'noise.key') },
    prefixes: { v4: '100.64.0.0/10', v6: 'fd7a:115c:a1e0::/48', allocation: 'sequential' },
    derp: {
      server: {
        enabled: true,
        region_id: 900,
        region_code: 'home',
        region_name: 'Home',
        stun_listen_addr: `${SERVER_HOST}:3478`,
        private_key_path: join(directory, 'derp.key'),
        automatically_add_embedded_derp_region: true,
        ipv4: SERVER_HOST,
      },
      urls: [],
      paths: [],
      auto_update_enabled: false,
    },
    disable_check_updates: true,
    database: {
      type: 'sqlite',
      sqlite: { path: join(directory, 'db.sqlite'), write_ahead_log: true },
    },
    log: { level: 'info', format: 'text' },
    policy: { mode: 'file', path: policyFile },
    dns: { magic_dns: true, base_domain: BASE_DOMAIN, override_local_dns: false },
    unix_socket: join(directory, 'headscale.sock'),
    logtail: { enabled: false },
    tuning: { batch_change_delay: gathering, node_store_batch_timeout: gathering },
  });
}

function createHeadscale(options: ServerOptions, policyFile: string): ControlServer {
  const { directory, headscale } = options;
  if (headscale === undefined) throw new Error('there is no headscale: scripts/build-go-peers.sh');
  const configFile = join(directory, 'config.yaml');
  const { certificatePem, privateKeyPem } = makeSelfSigned([SERVER_HOST], wallTime(Date.now()));
  writeFileSync(join(directory, 'tls.crt'), certificatePem);
  writeFileSync(join(directory, 'tls.key'), privateKeyPem, { mode: 0o600 });
  writeFileSync(configFile, headscaleConfig(directory, policyFile));
  const run = async (...args: readonly string[]): Promise<string> => {
    const argv = ['--config', configFile, ...args];
    const { stdout } = await promisify(execFile)(headscale, argv, { timeout: ASK_MS });
    return stdout;
  };
  const flags = ['--reusable', '--expiration', `${KEY_LIFE_MS / 3_600_000}h`, '--output', 'json'];
  let hasUser = false;
  return {
    process: new ServerProcess({
      name: 'headscale',
      argv: [headscale, '--config', configFile, 'serve'],
      logFile: join(directory, 'headscale.log'),
    }),
    authKey: async (tag) => {
      if (!hasUser) await run('users', 'create', OWNER);
      hasUser = true;
      const owner = tag === undefined ? ['--user', '1'] : ['--user', '1', '--tags', tag];
      const made = await run('preauthkeys', 'create', ...owner, ...flags);
      return (JSON.parse(made) as { readonly key: string }).key;
    },
  };
}
