/**
 * Which of our paths control is told, and when: of peers that were sent something within five minutes, the busiest
 * first. A change of path is told with the next look; round trip, loss and bytes alone every minute.
 */
import { after, type Instant } from '../base/instant.js';
import { samePath } from '../engines/paths.js';
import { type PathReport, pathReportsMax } from '../netmap/path-report.js';
import type { PeerPathStatus } from './io.js';

/** A peer that nothing was sent to for so long is not in use. */
export const reportedForMs = 5 * 60_000;
/** Between reports in which only measurements are new. */
export const measurementsEveryMs = 60_000;

export class PathReporter {
  #told: readonly PeerPathStatus[] = [];
  #toldAt: Instant | undefined;

  /** What to tell now; undefined: nothing new. An empty report ends one that named peers. */
  look(peers: readonly PeerPathStatus[], now: Instant): readonly PathReport[] | undefined {
    const used = peers
      .filter(({ lastSentAt }) => lastSentAt !== undefined && now - lastSentAt < reportedForMs)
      .sort((a, b) => (b.lastSentAt ?? 0) - (a.lastSentAt ?? 0))
      .slice(0, pathReportsMax);
    const isOld = this.#toldAt === undefined || now >= after(this.#toldAt, measurementsEveryMs);
    const isNew = !samePlaces(used, this.#told) || (isOld && !sameMeasurements(used, this.#told));
    if (!isNew) return undefined;
    this.#told = used;
    this.#toldAt = now;
    return used.map(reportOf);
  }

  /** Another control server, or a new login: it has been told nothing. */
  reset(): void {
    this.#told = [];
    this.#toldAt = undefined;
  }
}

function reportOf(status: PeerPathStatus): PathReport {
  const { peer, path, latencyMs, loss, rxBytes, txBytes } = status;
  return {
    peer,
    path: path?.kind ?? 'none',
    endpoint: path?.kind === 'direct' ? path.remote : undefined,
    regionId: path?.kind === 'relay' ? path.regionId : undefined,
    ...{ latencyMs, loss, rxBytes, txBytes },
  };
}

/** The same peers over the same paths, whatever their order. */
function samePlaces(a: readonly PeerPathStatus[], b: readonly PeerPathStatus[]): boolean {
  if (a.length !== b.length) return false;
  const before = new Map(b.map((status) => [status.peer, status.path]));
  return a.every(({ peer, path }) => {
    if (!before.has(peer)) return false;
    const old = before.get(peer);
    return path === undefined || old === undefined ? path === old : samePath(path, old);
  });
}

function sameMeasurements(a: readonly PeerPathStatus[], b: readonly PeerPathStatus[]): boolean {
  const before = new Map(b.map((status) => [status.peer, status]));
  return a.every(({ peer, latencyMs, loss, rxBytes, txBytes }) => {
    const old = before.get(peer);
    if (old === undefined) return false;
    return (
      old.latencyMs === latencyMs &&
      old.loss === loss &&
      old.rxBytes === rxBytes &&
      old.txBytes === txBytes
    );
  });
}
