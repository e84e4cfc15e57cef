/**
 * The relay map of a control server, for a check without a login:
 *
 *     GET https://SERVER/derpmap/default  ->  200, a DERP map as in network maps (official servers have it too)
 */
import { request } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { Counters } from '@warren/core/base/counters';
import { parseJson } from '@warren/core/base/json';
import { decodeRelayMap } from '@warren/core/netmap/decode-relay-map';
import type { RelayMap } from '@warren/core/netmap/types';
import type { CertificatePin } from '@warren/shell/tls/pins';
import { parseLoginServer } from '../control/login-server.js';
import { NodeError } from '../errors.js';
import { attempt, destroyWith } from '../net/attempt.js';
import { connectTls } from '../net/connect-tls.js';

const FETCH_MS = 10_000;
/** The largest public map is some 100 KiB. */
const BODY_MAX_BYTES = 4 * 1024 * 1024;
const HTTPS_PORT = 443;

export const RELAY_MAP_PATH = '/derpmap/default';

/** Rejects with a {@link NodeError}. `pin`: of a self-signed certificate. */
export async function fetchRelayMap(
  server: string,
  pin: CertificatePin | undefined,
  signal: AbortSignal,
): Promise<RelayMap> {
  const url = parseLoginServer(server);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const timedOut = () => unknown(server, 'did not answer in time');
  return attempt({ signal, timeoutMs: FETCH_MS, timedOut }, async (end) => {
    const port = url.port === '' ? HTTPS_PORT : Number(url.port);
    const tls = await connectTls({ host, port, pin, timeoutMs: FETCH_MS, signal: end });
    destroyWith(end, tls);
    try {
      const relayMap = relayMapOf(await get(tls, host, server));
      if (relayMap === undefined) throw unknown(server, 'answers with something else');
      return relayMap;
    } finally {
      tls.destroy();
    }
  });
}

/** Undefined when the bytes are no map, or one without any relay. */
export function relayMapOf(bytes: Uint8Array): RelayMap | undefined {
  const relayMap = decodeRelayMap(parseJson(bytes), new Counters());
  return relayMap === undefined || relayMap.regions.size === 0 ? undefined : relayMap;
}

function get(tls: TLSSocket, host: string, server: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const asked = request({ createConnection: () => tls, host, path: RELAY_MAP_PATH });
    asked.once('response', (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      if (response.statusCode !== 200) {
        reject(unknown(server, `has none to give (status ${response.statusCode ?? 0})`));
      }
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > BODY_MAX_BYTES) asked.destroy(unknown(server, 'answers too much'));
        else parts.push(part);
      });
      response.once('error', reject);
      response.once('end', () => resolve(Buffer.concat(parts)));
    });
    asked.once('error', reject);
    asked.end();
  });
}

function unknown(server: string, what: string): NodeError {
  return new NodeError(
    'RELAY_MAP_UNKNOWN',
    `the relay map can't be had from ${server}: it ${what}`,
    'name a hub with --login-server URL, or run the check on a machine that has joined a network',
  );
}
