/**
 * Dials a relay node: TLS, then the HTTP upgrade to DERP. What follows on the socket are DERP frames.
 *
 *     GET /derp HTTP/1.1        101 Switching Protocols
 *     Upgrade: DERP        ->   Upgrade: DERP
 *     Connection: Upgrade       (frames, the first of them maybe in the same segment)
 */
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { RelayNode } from '@warren/core/netmap/types';
import { parsePin } from '@warren/shell/tls/pins';
import { NodeError } from '../errors.js';
import { attempt, destroyWith } from '../net/attempt.js';
import { connectTls, type TlsTarget } from '../net/connect-tls.js';

/** Dial, TLS and HTTP together, as official clients allow. */
const DIAL_TIMEOUT_MS = 10_000;

export interface DialledRelay {
  readonly socket: Duplex;
  /** Bytes that came with the upgrade's answer: the start of the frames. */
  readonly head: Uint8Array;
}

/** Connects to one node of a region; rejects with a {@link NodeError}. */
export function dialRelay(node: RelayNode, signal: AbortSignal): Promise<DialledRelay> {
  const timedOut = (): NodeError => relayRefused(node, 'did not answer in time');
  return attempt({ signal, timeoutMs: DIAL_TIMEOUT_MS, timedOut }, async (end) => {
    const tls = await connectRelayTls(node, DIAL_TIMEOUT_MS, end);
    destroyWith(end, tls);
    return upgrade(node, tls);
  });
}

/** TLS to a relay, trusted as the relay map says; rejects with a {@link NodeError}. */
export function connectRelayTls(
  node: RelayNode,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const pin = node.certName === undefined ? undefined : parsePin(node.certName);
  return connectTls({
    ...placeOf(node),
    port: node.relayPort,
    pin,
    serverName: pin === undefined ? (node.certName ?? node.hostName) : undefined,
    timeoutMs,
    signal,
  });
}

/** The literals of the relay map, of which a machine may only reach one family; else its name. */
function placeOf(node: RelayNode): Pick<TlsTarget, 'host' | 'addresses'> {
  const literals = [node.ipv4, node.ipv6].filter((address) => typeof address === 'string');
  const [only] = literals;
  if (only !== undefined && literals.length === 1) return { host: only };
  return { host: node.hostName, addresses: literals.length > 1 ? literals : undefined };
}

function upgrade(node: RelayNode, tls: TLSSocket): Promise<DialledRelay> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: unknown): void => {
      tls.destroy();
      reject(relayRefused(node, reason, cause));
    };
    const asked = request({
      createConnection: () => tls,
      host: node.hostName,
      path: '/derp',
      headers: { Upgrade: 'DERP', Connection: 'Upgrade' },
    });
    asked.once('upgrade', (_response, socket, head) => resolve({ socket, head }));
    asked.once('response', (response) => {
      response.resume();
      fail(`refused the upgrade with status ${response.statusCode ?? 0}`);
    });
    asked.once('error', (error) => fail('broke the connection off', error));
    asked.end();
  });
}

/** What a relay that is none, or that does not answer, is told to people as. */
export function relayRefused(node: RelayNode, reason: string, cause?: unknown): NodeError {
  return new NodeError(
    'RELAY_REFUSED',
    `the relay ${node.name} at ${node.hostName}:${node.relayPort} ${reason}`,
    'check that a relay (and not another web server) listens there',
    { cause },
  );
}
