/**
 * A person asks why a peer is reached as it is: wakes the search for a direct path where nobody has used the peer
 * lately, waits until it has had its chance, and explains what came of it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Netmap, NetmapNode } from '@warren/core/netmap/types';
import { whyEvidence } from '@warren/core/path-engine/why-evidence';
import { explain } from '@warren/core/why/explain';
import { searchSettledMs } from '@warren/core/why/rules-relayed';
import { NodeError } from '../errors.js';
import type { WhyReport } from '../local-api/why-report.js';
import type { EngineHost } from './engine-host.js';
import { findNode, shortName } from './find-peer.js';
import type { HistoryRecord } from './history-records.js';
import { historyEntry, regionCode } from './status.js';
import { whyJson } from './why-json.js';

/** Between two looks at the search; each sends one ping. */
const LOOK_MS = 1_000;
/** A search that is told anew after each lost relay must not hold a person up for ever. */
const PATIENCE_MS = searchSettledMs + 4_000;

export interface WhyTask {
  readonly host: EngineHost;
  readonly netmap: Netmap;
  /** Name, overlay address or the first label of a name. */
  readonly wanted: string;
  /** Of all peers. */
  readonly records: readonly HistoryRecord[];
  /** Ends the task: the command went away. */
  readonly signal: AbortSignal;
}

export async function explainPeer(task: WhyTask): Promise<WhyReport> {
  const { host, netmap, wanted, signal } = task;
  const peer = findNode(netmap, wanted);
  if (peer === undefined || peer.id === netmap.self.id) {
    const why = peer === undefined ? 'is not in this network' : 'is this machine itself';
    throw new NodeError('PEER_UNKNOWN', `${wanted} ${why}`, '`warren status` lists the peers');
  }
  if (canBeSought(peer)) await seek(host, peer, signal);
  await host.refreshCounters();
  const status = host.status();
  const peerStatus = status.peers.find(({ peer: key }) => key === peer.key);
  const evidence = whyEvidence(peer, {
    ...{ status, isMeasured: host.isMeasured, now: host.now },
    attempts: host.attempts(peer.key),
  });
  return whyJson(explain(evidence), {
    selfName: shortName(netmap.self),
    peerName: shortName(peer),
    status: peerStatus,
    regionCode: (regionId) => regionCode(netmap, regionId),
    history: task.records
      .filter((record) => record.kind === 'nat' || record.peer === peer.key)
      .map((record) => historyEntry(netmap, record)),
  });
}

function canBeSought(peer: NetmapNode): boolean {
  return peer.online !== false && !peer.expired && !peer.isWireGuardOnly;
}

/** Pings the peer until it is reached directly or the search has had its time. */
async function seek(host: EngineHost, peer: NetmapNode, signal: AbortSignal): Promise<void> {
  const beganAt = performance.now();
  while (!signal.aborted && !host.isClosed && performance.now() - beganAt < PATIENCE_MS) {
    const status = host.status().peers.find(({ peer: key }) => key === peer.key);
    if (status?.path?.kind === 'direct') return;
    const { searchingMs = 0 } = host.attempts(peer.key) ?? {};
    if (searchingMs >= searchSettledMs) return;
    void host.ping(peer.key);
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}
