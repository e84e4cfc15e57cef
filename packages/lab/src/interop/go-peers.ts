/**
 * Where the real peers are that scripts/build-go-peers.sh builds, and whether tests with them run.
 *
 *     ROOT/NAME@VERSION-GOVERSION/COMMAND        ROOT: WARREN_PEERS_DIR, else warren-peers in the cache directory
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { skipsLab } from '../testing/lab-ring.js';

/** The programs that tests run. */
export type GoPeer = 'tailscaled' | 'tailscale' | 'derper' | 'headscale' | 'wireguard';

const PINS = fileURLToPath(new URL('../../../../scripts/go-peers.txt', import.meta.url));

/** A line of the pins: one module and the commands it gives. */
interface Pin {
  readonly name: string;
  readonly version: string;
  readonly commands: readonly string[];
}

function parsePins(text: string): Pin[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [name = '', module = '', version = '', , ...packages] = line.split(' ');
    // A command in the module's root is called as the module.
    const commands = packages.map((path) => basename(path === '.' ? module : path));
    return { name, version, commands };
  });
}

function cacheRoot(): string {
  const { WARREN_PEERS_DIR: own, XDG_CACHE_HOME: cache } = process.env;
  return own || join(cache || join(homedir(), '.cache'), 'warren-peers');
}

/** Absolute path of a peer in the pinned version, of whichever compiler; undefined: not built. */
export function findGoPeer(peer: GoPeer): string | undefined {
  const pin = parsePins(readFileSync(PINS, 'utf8')).find(({ commands }) => commands.includes(peer));
  if (pin === undefined) throw new Error(`${PINS} has no ${peer}`);
  const root = cacheRoot();
  const builds = existsSync(root) ? readdirSync(root).sort().reverse() : [];
  return builds
    .filter((build) => build.startsWith(`${pin.name}@${pin.version}-go`))
    .map((build) => join(root, build, peer))
    .find((path) => existsSync(path));
}

/** As {@link findGoPeer}, for tests that were not skipped. */
export function goPeer(peer: GoPeer): string {
  const path = findGoPeer(peer);
  if (path === undefined) throw new Error(`${peer} is not built: run scripts/build-go-peers.sh`);
  return path;
}

/** The pinned version of a peer, for assertions about what it says of itself: `1.98.10`. */
export function pinnedVersion(peer: GoPeer): string {
  const pins = parsePins(readFileSync(PINS, 'utf8'));
  return pins.find(({ commands }) => commands.includes(peer))?.version.replace(/^v/, '') ?? '';
}

/**
 * Whether to skip tests that need these peers in a world; says why on stderr. Under CI=true it throws what
 * is missing instead.
 */
export async function skipsGoPeers(...peers: readonly GoPeer[]): Promise<boolean> {
  if (await skipsLab()) return true;
  const missing = peers.filter((peer) => findGoPeer(peer) === undefined);
  if (missing.length === 0) return false;
  const words = `${missing.join(', ')} not built; to build: scripts/build-go-peers.sh`;
  if (process.env['CI'] === 'true') throw new Error(`CI=true insists on the real peers: ${words}`);
  process.stderr.write(`interop tests are skipped: ${words}\n`);
  return true;
}
