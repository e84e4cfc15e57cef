/**
 * A headscale on a host of a world, with its embedded relay, on one TLS port under its address. The
 * certificate is one of ours, made for the test; nodes must be told to trust it.
 */
import { writeFileSync } from 'node:fs';
import { wallTime } from '@warren/core/base/instant';
import { makeSelfSigned } from '@warren/shell/tls/self-signed';
import { until } from '../mesh/places.js';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';
import { goPeer } from './go-peers.js';

const STATE_DIR = '/var/lib/headscale';
const CONFIG_FILE = '/etc/headscale.yaml';
const POLICY_FILE = '/etc/headscale-policy.json';
const LOG_FILE = '/run/headscale.log';
/** What an operator takes along. */
export const HEADSCALE_FILES = {
  database: `${STATE_DIR}/db.sqlite`,
  noiseKey: `${STATE_DIR}/noise.key`,
  certificate: `${STATE_DIR}/tls.crt`,
  privateKey: `${STATE_DIR}/tls.key`,
};
/** headscale's own region of embedded relays. */
export const HEADSCALE_REGION = { id: 999, code: 'headscale' };
const USER = 'tester';

/** JSON is YAML. */
function config(address: string, dns: object, hasPolicy: boolean): string {
  return JSON.stringify({
    server_url: `https://${address}`,
    listen_addr: '0.0.0.0:443',
    metrics_listen_addr: '127.0.0.1:9090',
    grpc_listen_addr: '127.0.0.1:50443',
    tls_cert_path: HEADSCALE_FILES.certificate,
    tls_key_path: HEADSCALE_FILES.privateKey,
    noise: { private_key_path: HEADSCALE_FILES.noiseKey },
    prefixes: { v4: '100.64.0.0/10', v6: 'fd7a:115c:a1e0::/48', allocation: 'sequential' },
    derp: {
      server: {
        enabled: true,
        region_id: HEADSCALE_REGION.id,
        region_code: HEADSCALE_REGION.code,
        region_name: 'Headscale',
        verify_clients: true,
        stun_listen_addr: '0.0.0.0:3478',
        private_key_path: `${STATE_DIR}/derp.key`,
        automatically_add_embedded_derp_region: true,
        ipv4: address,
      },
      urls: [],
      paths: [],
      auto_update_enabled: false,
    },
    disable_check_updates: true,
    database: { type: 'sqlite', sqlite: { path: HEADSCALE_FILES.database } },
    log: { level: 'info', format: 'text' },
    policy: { mode: 'file', path: hasPolicy ? POLICY_FILE : '' },
    dns: { magic_dns: true, base_domain: 'hs.internal', override_local_dns: false, ...dns },
    unix_socket: '/run/headscale.sock',
    logtail: { enabled: false },
  });
}

/** A node as `headscale nodes list` has it, as far as tests read it. */
export interface HeadscaleNode {
  readonly id: number | string;
  readonly given_name: string;
  readonly node_key: string;
  readonly ip_addresses: readonly string[];
  readonly online?: boolean;
  readonly expiry?: { readonly seconds: number } | null;
}

export class Headscale {
  readonly url: string;
  /** The certificate that nodes have to trust. */
  readonly certificatePem: string;
  readonly #world: World;
  readonly #host: string;
  #process: WorldProcess;

  private constructor(world: World, host: string, certificatePem: string, serving: WorldProcess) {
    this.#world = world;
    this.#host = host;
    this.#process = serving;
    this.certificatePem = certificatePem;
    this.url = `https://${world.addressOf(host)}`;
  }

  /**
   * Starts it, with one user; resolves when it takes commands. `dns`: of its configuration, beside MagicDNS. Without a
   * policy everybody may talk to everybody, and there are no tags.
   */
  static async start(
    world: World,
    host: string,
    dns: object = {},
    policy?: object,
  ): Promise<Headscale> {
    const address = world.addressOf(host);
    const identity = makeSelfSigned([address], wallTime(Date.now()));
    await world.run(host, ['mkdir', '-p', STATE_DIR]);
    writeFileSync(world.path(host, HEADSCALE_FILES.certificate), identity.certificatePem);
    writeFileSync(world.path(host, HEADSCALE_FILES.privateKey), identity.privateKeyPem, {
      mode: 0o600,
    });
    writeFileSync(world.path(host, CONFIG_FILE), config(address, dns, policy !== undefined));
    if (policy !== undefined) {
      writeFileSync(world.path(host, POLICY_FILE), JSON.stringify(policy));
    }
    const headscale = new Headscale(world, host, identity.certificatePem, serve(world, host));
    await until(world, host, 'headscale', () => headscale.run('users', 'create', USER));
    return headscale;
  }

  /** Runs a `headscale` command; throws with its words and the log's end when it fails. */
  async run(...args: readonly string[]): Promise<string> {
    const argv = [goPeer('headscale'), '--config', CONFIG_FILE, ...args];
    const { code, stdout, stderr } = await this.#world.run(this.#host, argv);
    if (code === 0) return stdout.trim();
    const log = await this.#world.run(this.#host, ['tail', '-n', '20', LOG_FILE]);
    throw new Error(`headscale ${args.join(' ')}: ${stdout}${stderr}\n${log.stdout}`);
  }

  /** As a service manager stops it. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    await this.#process.exited;
  }

  /** On the state that it left; resolves when it takes commands. */
  async startAgain(): Promise<void> {
    this.#process = serve(this.#world, this.#host);
    await until(this.#world, this.#host, 'headscale', () => this.nodes());
  }

  /** A key that lets any number of machines in. */
  async createKey(): Promise<string> {
    const flags = ['--user', '1', '--reusable', '--expiration', '1h', '--output', 'json'];
    const made = JSON.parse(await this.run('preauthkeys', 'create', ...flags)) as { key: string };
    return made.key;
  }

  async nodes(): Promise<readonly HeadscaleNode[]> {
    return JSON.parse(await this.run('nodes', 'list', '--output', 'json')) as HeadscaleNode[];
  }
}

function serve(world: World, host: string): WorldProcess {
  const output = { file: LOG_FILE };
  const argv = [goPeer('headscale'), '--config', CONFIG_FILE, 'serve'];
  return world.exec(host, argv, { stdout: output, stderr: output });
}
