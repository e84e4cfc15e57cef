/** `warren netcheck --standalone`: finds a relay map and runs a check with this process's own parts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeUtf8 } from '@warren/core/base/text';
import type { RelayMap } from '@warren/core/netmap/types';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { parsePin } from '@warren/shell/tls/pins';
import { parseLoginServer } from '../control/login-server.js';
import { pinsOf } from '../daemon/login.js';
import { type Login, parseProfile, type ServerPins } from '../daemon/profile.js';
import { NodeError } from '../errors.js';
import type { NetcheckReport } from '../local-api/netcheck-report.js';
import { fetchRelayMap, relayMapOf } from './fetch-relay-map.js';
import { checkStandalone, type StandaloneOptions } from './standalone.js';

export interface RelayMapPlaces {
  /** Named by a person: asked first, and alone. */
  readonly loginServer: string | undefined;
  /** Its pins tell that server from others; the key itself is told to nobody. */
  readonly authKey?: string;
  readonly stateDir: string;
  /** A running daemon's map in JSON; undefined when there is none. */
  readonly askDaemon: () => Promise<unknown>;
  readonly signal: AbortSignal;
}

/** The relays to ask; rejects with RELAY_MAP_UNKNOWN, or why a named server has none. */
export async function findRelayMap(places: RelayMapPlaces): Promise<RelayMap> {
  const { loginServer, signal } = places;
  const { login, isDenied } = readLogin(places.stateDir);
  if (loginServer !== undefined) {
    const given = pinsOf(places.authKey);
    const pin = given === undefined ? pinFor(loginServer, login) : certificatePin(given);
    return fetchRelayMap(loginServer, pin, signal);
  }
  const told = await places.askDaemon();
  const known = told === undefined ? undefined : relayMapOf(encodeUtf8(JSON.stringify(told)));
  if (known !== undefined) return known;
  if (login !== undefined) return fetchRelayMap(login.server, pinFor(login.server, login), signal);
  if (isDenied) {
    throw new NodeError(
      'RELAY_MAP_UNKNOWN',
      "this user may not read this machine's login, so there are no relays to ask",
      'run it as root, or name a hub with --login-server https://HUB',
    );
  }
  throw new NodeError(
    'RELAY_MAP_UNKNOWN',
    'no daemon runs here, and this machine has no login: there are no relays to ask',
    'name a hub with --login-server https://HUB',
  );
}

/** One check. */
export function runStandaloneCheck(
  options: Pick<StandaloneOptions, 'relayMap' | 'port' | 'tunName' | 'onProgress'>,
): Promise<NetcheckReport> {
  const parts = { crypto: createNodeCrypto(), random: createNodeRandom(), clock: systemClock };
  return checkStandalone({ ...parts, ...options, asksRouter: true });
}

interface LastLogin {
  readonly login: Login | undefined;
  /** There may be one, which this user may not read. */
  readonly isDenied: boolean;
}

function readLogin(stateDir: string): LastLogin {
  try {
    const profile = parseProfile(readFileSync(join(stateDir, 'node.json'), 'utf8'));
    return { login: profile?.login, isDenied: false };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { login: undefined, isDenied: code === 'EACCES' || code === 'EPERM' };
  }
}

/** The pin of a login's server is of no other one. */
function pinFor(server: string, login: Login | undefined) {
  if (login?.pins === undefined) return undefined;
  const isSame = parseLoginServer(server).origin === parseLoginServer(login.server).origin;
  return isSame ? certificatePin(login.pins) : undefined;
}

function certificatePin({ certificateSha256 }: ServerPins) {
  return parsePin(`sha256-raw:${certificateSha256}`);
}
