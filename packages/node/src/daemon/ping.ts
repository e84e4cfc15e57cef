/** A person's ping: rounds of the engine's pings until a direct pong or the count is reached. */
import { setTimeout as sleep } from 'node:timers/promises';
import { prefixAddress } from '@warren/core/ip/prefix';
import type { Netmap } from '@warren/core/netmap/types';
import type { PingResult } from '@warren/core/path-engine/io';
import { NodeError } from '../errors.js';
import type { PingLine, PingRequest } from '../local-api/protocol.js';
import type { EngineHost } from './engine-host.js';
import { findNode, shortName } from './find-peer.js';
import { regionCode } from './status.js';

const DEFAULT_COUNT = 10;
const DEFAULT_INTERVAL_MS = 1_000;

export interface PingTask {
  readonly host: EngineHost;
  readonly netmap: Netmap;
  readonly request: PingRequest;
  readonly emit: (line: PingLine) => void;
  /** Ends the task: the command went away. */
  readonly signal: AbortSignal;
}

export async function pingPeer(task: PingTask): Promise<void> {
  const { host, netmap, request, emit, signal } = task;
  const peer = findNode(netmap, request.peer);
  if (peer === undefined || peer.id === netmap.self.id) {
    const why = peer === undefined ? 'is not in this network' : 'is this machine itself';
    throw new NodeError(
      'PEER_UNKNOWN',
      `${request.peer} ${why}`,
      '`warren status` lists the peers',
    );
  }
  const [first] = peer.addresses;
  const who = { peer: shortName(peer), address: first === undefined ? '' : prefixAddress(first) };
  const count = request.count ?? DEFAULT_COUNT;
  const beganAt = performance.now();
  for (let seq = 1; seq <= count && !signal.aborted; seq++) {
    if (host.isClosed) throw stopped();
    const startedAt = performance.now();
    const result = await limited(host.ping(peer.key), request.timeoutMs);
    emit(lineOf(netmap, { seq, ...who, elapsedMs: round(performance.now() - beganAt) }, result));
    const isDirect = result.outcome === 'pong' && result.path.kind === 'direct';
    if (isDirect && request.untilDirect !== false) return;
    const restMs = (request.intervalMs ?? DEFAULT_INTERVAL_MS) - (performance.now() - startedAt);
    if (seq < count && restMs > 0)
      await sleep(restMs, undefined, { signal }).catch(() => undefined);
  }
}

function stopped(): NodeError {
  return new NodeError(
    'NOT_RUNNING',
    'this node went down, or logged in anew, during the ping',
    '`warren status` says how it is',
  );
}

function limited(ping: Promise<PingResult>, timeoutMs: number | undefined): Promise<PingResult> {
  if (timeoutMs === undefined) return ping;
  const timer = new AbortController();
  const lost = sleep<PingResult>(
    timeoutMs,
    { outcome: 'lost', reason: 'timeout' },
    { signal: timer.signal },
  ).catch((): PingResult => ({ outcome: 'lost', reason: 'timeout' }));
  return Promise.race([ping, lost]).finally(() => timer.abort());
}

function lineOf(
  netmap: Netmap,
  about: Pick<PingLine, 'seq' | 'peer' | 'address' | 'elapsedMs'>,
  result: PingResult,
): PingLine {
  if (result.outcome === 'lost') return { ...about, path: 'none', reason: result.reason };
  const latencyMs = round(result.latencyMs);
  return result.path.kind === 'direct'
    ? { ...about, path: 'direct', endpoint: result.path.remote, latencyMs }
    : { ...about, path: 'relay', region: regionCode(netmap, result.path.regionId), latencyMs };
}

/** Times are shown to a hundredth of a millisecond. */
function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
