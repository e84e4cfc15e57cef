/**
 * Dials a relay node: TLS, then the HTTP upgrade to DERP. What follows on the socket are DERP frames.
 *
 *     GET /derp HTTP/1.1        101 Switching Protocols
 *     Upgrade: DERP        ->   Upgrade: DERP
 *     Connection: Upgrade       (frames, the first of them maybe in the same segment)
 */
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RelayNode } from '@warren/core/netmap/types';
import { parsePin } from '@warren/shell/tls/pins';
import { NodeError } from '../errors.js';
import { connectTls } from '../net/connect-tls.js';

/** Dial, TLS and HTTP together, as official clients allow. */
const DIAL_TIMEOUT_MS = 10_000;

export interface DialledRelay {
  readonly socket: Duplex;
  /** Bytes that came with the upgrade's answer: the start of the frames. */
  readonly head: Uint8Array;
}

/** Connects to one node of a region; rejects with a {@link NodeError}. */
export async function dialRelay(node: RelayNode, signal: AbortSignal): Promise<DialledRelay> {
  const startedAt = Date.now();
  const pin = node.certName === undefined ? undefined : parsePin(node.certName);
  const tls = await connectTls({
    host: node.ipv4 ?? node.ipv6 ?? node.hostName,
    port: node.relayPort,
    pin,
    serverName: pin === undefined ? (node.certName ?? node.hostName) : undefined,
    timeoutMs: DIAL_TIMEOUT_MS,
    signal,
  });
  const leftMs = Math.max(1, DIAL_TIMEOUT_MS - (Date.now() - startedAt));
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: unknown): void => {
      tls.destroy();
      reject(
        new NodeError(
          'RELAY_REFUSED',
          `the relay ${node.name} at ${node.hostName}:${node.relayPort} ${reason}`,
          'check that a relay (and not another web server) listens there',
          { cause },
        ),
      );
    };
    const upgrade = request({
      createConnection: () => tls,
      host: node.hostName,
      path: '/derp',
      headers: { Upgrade: 'DERP', Connection: 'Upgrade' },
      timeout: leftMs,
    });
    upgrade.once('upgrade', (_response, socket, head) => {
      tls.setTimeout(0);
      resolve({ socket, head });
    });
    upgrade.once('response', (response) => {
      response.resume();
      fail(`refused the upgrade with status ${response.statusCode ?? 0}`);
    });
    upgrade.once('timeout', () => fail('did not answer the upgrade'));
    upgrade.once('error', (error) => fail('broke the connection off', error));
    upgrade.end();
  });
}
