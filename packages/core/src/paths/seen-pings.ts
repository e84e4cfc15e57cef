/**
 * The transaction ids of pings that one sender sent us lately.
 *
 * Official nodes may receive a ping twice (raw and ordinary socket), which must draw one pong; and a
 * recorded ping sent again from elsewhere must not plant its source as a candidate. Official senders use a
 * fresh id for every address, so the same id from another source can only be a replay.
 */
import { encodeHex } from '../base/bytes.js';
import { RecentMap } from '../base/recent-map.js';

/** Minutes of one sender's pings at its highest honest rate. */
export const maxSeenPings = 256;

export type PingNovelty = 'new' | 'duplicate' | 'replayed';

export class SeenPings {
  /** Source by transaction id. */
  readonly #sources = new RecentMap<string, string>(maxSeenPings);

  /** Notes a ping that was opened with the sender's key. `source` names where it came from. */
  note(transactionId: Uint8Array, source: string): PingNovelty {
    const key = encodeHex(transactionId);
    const before = this.#sources.get(key);
    if (before !== undefined) return before === source ? 'duplicate' : 'replayed';
    this.#sources.set(key, source);
    return 'new';
  }
}
