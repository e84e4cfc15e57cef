/**
 * What a client that resumes holds of its map: the tags that came with its parts, given back with the next poll
 * (netmap/map-tags.ts in core has the fields). The only place of the bench that knows how resuming goes.
 */

/** Tags by part and by peer, as the wire has them. */
interface Tags {
  readonly Head?: Readonly<Record<string, string>>;
  readonly Peers?: Readonly<Record<string, string>>;
}

interface Message {
  readonly WarrenTags?: Tags;
  readonly WarrenResumed?: boolean;
  readonly PeersRemoved?: readonly number[];
}

const RESUMED = Buffer.from('"WarrenResumed":true');

export class MapMemory {
  readonly #head = new Map<string, string>();
  readonly #peers = new Map<string, string>();

  /** The first message of a stream is a change of what is held, no whole map. */
  isResumed(firstMessage: Buffer): boolean {
    return firstMessage.includes(RESUMED);
  }

  take(message: Buffer): void {
    const { WarrenTags: tags, PeersRemoved: removed = [] } = JSON.parse(
      message.toString(),
    ) as Message;
    for (const id of removed) this.#peers.delete(String(id));
    for (const [part, tag] of Object.entries(tags?.Head ?? {})) this.#head.set(part, tag);
    for (const [id, tag] of Object.entries(tags?.Peers ?? {})) this.#peers.set(id, tag);
  }

  /** What a poll states. */
  requestFields(): object {
    return {
      WarrenHeld: {
        Head: Object.fromEntries(this.#head),
        Peers: Object.fromEntries(this.#peers),
      },
    };
  }
}
