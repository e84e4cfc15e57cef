/**
 * A stock tailscaled on a machine of a world, driven by its own command line: in userspace mode (no TUN: its
 * services are reached on 127.0.0.1, it reaches others through its SOCKS5 server) unless it is given a TUN.
 *
 *     const stock = await StockClient.start(world, 'left', hubCertificate);
 *     await stock.up('https://3.210.5.10', authKey);
 *     await stock.ping('100.64.0.2');      // [{ via: '52.20.10.11:41641', isDirect: true }]
 */
import { writeFileSync } from 'node:fs';
import { until } from '../mesh/places.js';
import type { RunResult, World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';
import { goPeer } from './go-peers.js';

export const SOCKS_PORT = 1055;
/** Distributions start it with this port. */
const UDP_PORT = 41_641;
const NO_TUN = 'userspace-networking';
const STATE_DIR = '/var/lib/tailscale';
const SOCKET = '/run/tailscaled.sock';
const LOG_FILE = '/run/tailscaled.log';
const TRUST_FILE = '/run/trusted.pem';
/** `tailscale up` returns when the relay is connected, on a busy machine too. */
const UP_SECONDS = 60;
const COMMAND_MS = 90_000;

/** A peer (or itself) in `tailscale status --json`, as far as tests read it. */
export interface StockPeer {
  readonly HostName: string;
  readonly PublicKey: string;
  readonly DNSName: string;
  readonly TailscaleIPs: readonly string[];
  readonly Online: boolean;
  readonly Active: boolean;
  /** ip:port of a direct path, else empty. */
  readonly CurAddr: string;
  /** Code of its home region. */
  readonly Relay: string;
  readonly OS: string;
  readonly KeyExpiry?: string;
  readonly Tags?: readonly string[];
  readonly RxBytes: number;
  readonly TxBytes: number;
}

export interface StockStatus {
  readonly Version: string;
  readonly BackendState: string;
  /** What a person has to open, else empty. */
  readonly AuthURL: string;
  readonly MagicDNSSuffix: string;
  readonly Self: StockPeer;
  readonly Health: readonly string[] | null;
  /** By node key. */
  readonly Peer: Readonly<Record<string, StockPeer>> | null;
}

export interface StockPong {
  /** `ip:port`, or `DERP(code)`. */
  readonly via: string;
  readonly isDirect: boolean;
}

export class StockClient {
  readonly machine: string;
  readonly #world: World;
  readonly #tun: string;
  #daemon: WorldProcess | undefined;

  private constructor(world: World, machine: string, tun: string) {
    this.#world = world;
    this.machine = machine;
    this.#tun = tun;
  }

  /** A running daemon that trusts these certificates besides nobody else's. `tun`: its device's name. */
  static async start(
    world: World,
    machine: string,
    trustedPem: string,
    tun: string = NO_TUN,
  ): Promise<StockClient> {
    const client = new StockClient(world, machine, tun);
    writeFileSync(world.path(machine, TRUST_FILE), trustedPem);
    await client.startDaemon();
    return client;
  }

  /** Starts it, again or for the first time, on the state that it left. */
  async startDaemon(): Promise<void> {
    const output = { file: LOG_FILE };
    const argv = [
      goPeer('tailscaled'),
      ...[`--tun=${this.#tun}`, `--socks5-server=127.0.0.1:${SOCKS_PORT}`],
      ...[`--port=${UDP_PORT}`, `--statedir=${STATE_DIR}`, `--socket=${SOCKET}`],
      ...['--no-logs-no-support', '--verbose=1'],
    ];
    const env = { SSL_CERT_FILE: TRUST_FILE };
    this.#daemon = this.#world.exec(this.machine, argv, { env, stdout: output, stderr: output });
    await until(this.#world, this.machine, 'tailscaled', () => this.status());
  }

  /** As the world counts; undefined: it does not run. */
  get pid(): number | undefined {
    return this.#daemon?.pid;
  }

  /** SIGKILL: it says goodbye to nobody. */
  async killDaemon(): Promise<void> {
    this.#daemon?.kill('SIGKILL');
    await this.#daemon?.exited;
  }

  /** Runs `tailscale ARGS` to its end, whatever that is. */
  attempt(...args: readonly string[]): Promise<RunResult> {
    const argv = [goPeer('tailscale'), `--socket=${SOCKET}`, ...args];
    return this.#world.run(this.machine, argv, { timeoutMs: COMMAND_MS });
  }

  /** As {@link attempt}; throws with its words and the daemon's when it failed. Gives its stdout. */
  async run(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.attempt(...args);
    if (code === 0) return stdout.trim();
    const said = `${stdout}${stderr}`.trim();
    throw new Error(
      `on ${this.machine}, \`tailscale ${args.join(' ')}\` ended with ${code}: ${said}\n${await this.log(40)}`,
    );
  }

  async up(loginServer: string, authKey: string, ...flags: readonly string[]): Promise<void> {
    await this.run(
      ...['up', `--login-server=${loginServer}`, `--auth-key=${authKey}`],
      ...[`--hostname=${this.machine}`, `--timeout=${UP_SECONDS}s`, ...flags],
    );
  }

  async status(): Promise<StockStatus> {
    return JSON.parse(await this.run('status', '--json')) as StockStatus;
  }

  /** Its peers by host name. */
  async peers(): Promise<ReadonlyMap<string, StockPeer>> {
    const { Peer } = await this.status();
    return new Map(Object.values(Peer ?? {}).map((peer) => [peer.HostName, peer]));
  }

  /** `tailscale ping`, until it is direct or ten pongs came; the pongs. */
  async ping(target: string): Promise<readonly StockPong[]> {
    const { stdout, stderr } = await this.attempt('ping', '-c', '10', '--timeout=3s', target);
    const pongs = [...stdout.matchAll(/^pong from \S+ \(\S+\) via (\S+) in /gm)];
    if (pongs.length === 0) throw new Error(`no pong from ${target}: ${stdout}${stderr}`);
    return pongs.map(([, via = '']) => ({ via, isDirect: !via.startsWith('DERP(') }));
  }

  /** The last lines that the daemon logged. */
  async log(lines: number): Promise<string> {
    const { stdout } = await this.#world.run(this.machine, ['tail', '-n', String(lines), LOG_FILE]);
    return stdout;
  }
}
