/**
 * Everything that the PacketEngine tells the PathEngine about peers and sends, with the rate limits that
 * `engines/messages.ts` promises. Each limit holds by bounded memory, not by trust in the peer.
 */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import { TokenBucket } from '../base/token-bucket.js';
import type { DirectPath, Path, SocketId } from '../engines/paths.js';
import { samePath } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { AskedRemotes } from './asked-remotes.js';
import {
  REPORT_INTERVAL_MS,
  REPORTED_PATHS,
  REPORTED_SEND_FAILURES,
  UP_DATAGRAM_BURST,
  UP_DATAGRAMS_PER_SECOND,
} from './limits.js';
import type { UpSink } from './packet-ports.js';

/** When we last reported what about one peer. */
export class PeerReports {
  lastActiveAt = Number.NEGATIVE_INFINITY;
  readonly authenticated: { path: Path; at: Instant }[] = [];
}

export class UpReporter {
  readonly #up: UpSink;
  readonly #counters: Counters;
  readonly #asked = new AskedRemotes();
  readonly #answers = new TokenBucket(UP_DATAGRAM_BURST, UP_DATAGRAMS_PER_SECOND);
  readonly #strangers = new TokenBucket(UP_DATAGRAM_BURST, UP_DATAGRAMS_PER_SECOND);
  readonly #failures = new Map<string, Instant>();

  constructor(up: UpSink, counters: Counters) {
    this.#up = up;
    this.#counters = counters;
  }

  /** Disco or STUN is sent to `remote`: what comes back is let through before what strangers send. */
  asked(remote: Endpoint, now: Instant): void {
    this.#asked.note(remote, now);
  }

  /** A disco or STUN datagram; its bytes are copied. */
  datagram(
    kind: 'disco' | 'stun',
    socketId: SocketId,
    source: Endpoint,
    bytes: Uint8Array,
    receivedAt: Instant,
  ): void {
    const bucket = this.#asked.has(source, receivedAt) ? this.#answers : this.#strangers;
    if (!bucket.take(receivedAt)) {
      this.#counters.add('udp-not-wireguard-flood');
      return;
    }
    const copy = bytes.slice();
    this.#up.send({ type: 'datagram', kind, socketId, source, bytes: copy, receivedAt });
  }

  peerActive(peer: NodeKey, reports: PeerReports, at: Instant): void {
    if (at - reports.lastActiveAt < REPORT_INTERVAL_MS) return;
    reports.lastActiveAt = at;
    this.#up.send({ type: 'peer-active', peer, at });
  }

  /** True when an `authenticated` for `path` would go up now. */
  isAuthenticatedDue(reports: PeerReports, path: Path, at: Instant): boolean {
    const known = reports.authenticated.find((report) => samePath(report.path, path));
    return known === undefined || at - known.at >= REPORT_INTERVAL_MS;
  }

  authenticated(peer: NodeKey, reports: PeerReports, path: Path, at: Instant): void {
    for (const report of reports.authenticated) {
      if (!samePath(report.path, path)) continue;
      if (at - report.at < REPORT_INTERVAL_MS) return;
      report.at = at;
      this.#up.send({ type: 'authenticated', peer, path, at });
      return;
    }
    if (!this.#remember(reports, path, at)) {
      this.#counters.add('authenticated-unreported');
      return;
    }
    this.#up.send({ type: 'authenticated', peer, path, at });
  }

  handshakeDone(peer: NodeKey, path: Path, at: Instant): void {
    this.#up.send({ type: 'handshake-done', peer, at, path });
  }

  roamed(peer: NodeKey, path: DirectPath): void {
    this.#up.send({ type: 'roamed', peer, path });
  }

  sendFailed(socketId: SocketId, remote: Endpoint, reason: string, now: Instant): void {
    this.#counters.add('udp-send-failed');
    const key = `${socketId} ${remote}`;
    if (now - (this.#failures.get(key) ?? Number.NEGATIVE_INFINITY) < REPORT_INTERVAL_MS) return;
    if (this.#failures.size >= REPORTED_SEND_FAILURES) this.#forgetOldFailures(now);
    if (this.#failures.size >= REPORTED_SEND_FAILURES) return;
    this.#failures.set(key, now);
    this.#up.send({ type: 'send-failed', socketId, remote, reason });
  }

  /** Takes a place for a path not seen yet, if need be the one longest unheard; false: all are in use. */
  #remember(reports: PeerReports, path: Path, at: Instant): boolean {
    const { authenticated } = reports;
    if (authenticated.length < REPORTED_PATHS) {
      authenticated.push({ path, at });
      return true;
    }
    let oldest = authenticated[0];
    for (const report of authenticated) {
      if (oldest === undefined || report.at < oldest.at) oldest = report;
    }
    if (oldest === undefined || at - oldest.at < REPORT_INTERVAL_MS) return false;
    oldest.path = path;
    oldest.at = at;
    return true;
  }

  #forgetOldFailures(now: Instant): void {
    for (const [key, at] of this.#failures) {
      if (now - at >= REPORT_INTERVAL_MS) this.#failures.delete(key);
    }
  }
}
