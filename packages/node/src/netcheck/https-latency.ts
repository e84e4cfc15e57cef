/**
 * How far a relay is when UDP doesn't tell: connect as a relay's client would, then time one request alone.
 *
 *     TCP, TLS (not timed) -- GET /derp/latency-check --> status and head: the latency
 *
 * Nodes of a region are tried in order; the first that can be reached is the one measured.
 */
import { request } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { familyOf, parseAddress } from '@warren/core/ip/address';
import type { HttpsResult } from '@warren/core/netcheck/http-probes';
import type { RelayNode, RelayRegion } from '@warren/core/netmap/types';
import { attempt, destroyWith } from '../net/attempt.js';
import { connectRelayTls, relayRefused } from '../relay/dial-relay.js';

/** The whole check has 5 s, of which STUN took 3. */
const MEASURE_MS = 2_000;
/** The answer has no body; whoever sends more than this is no relay. */
const BODY_MAX_BYTES = 8 * 1024;
/** From 300 on it is somebody else's answer. */
const STATUS_MAX = 299;

/** Undefined when no node of the region answered as a relay. */
export async function measureHttps(
  region: RelayRegion,
  signal: AbortSignal,
): Promise<HttpsResult | undefined> {
  for (const node of region.nodes) {
    if (node.stunOnly) continue;
    if (signal.aborted) return undefined;
    try {
      return await measureNode(node, signal);
    } catch {
      // The next node, or no latency at all.
    }
  }
  return undefined;
}

function measureNode(node: RelayNode, signal: AbortSignal): Promise<HttpsResult> {
  const timedOut = () => relayRefused(node, 'did not answer in time');
  return attempt({ signal, timeoutMs: MEASURE_MS, timedOut }, async (end) => {
    const tls = await connectRelayTls(node, MEASURE_MS, end);
    destroyWith(end, tls);
    try {
      const remote = parseAddress(tls.remoteAddress ?? '');
      if (remote === undefined) throw relayRefused(node, 'broke the connection off');
      return { latencyMs: await timedRequest(node, tls), family: familyOf(remote) };
    } finally {
      tls.destroy();
    }
  });
}

function timedRequest(node: RelayNode, tls: TLSSocket): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const asked = request({
      createConnection: () => tls,
      host: node.hostName,
      path: '/derp/latency-check',
      maxHeaderSize: BODY_MAX_BYTES,
    });
    asked.once('response', (response) => {
      const latencyMs = performance.now() - startedAt;
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > BODY_MAX_BYTES) asked.destroy(new Error('it answers too much'));
      });
      response.once('error', reject);
      response.once('end', () => {
        if ((response.statusCode ?? 0) > STATUS_MAX) {
          reject(relayRefused(node, `answered with status ${response.statusCode ?? 0}`));
        } else resolve(latencyMs);
      });
    });
    asked.once('error', reject);
    asked.end();
  });
}
