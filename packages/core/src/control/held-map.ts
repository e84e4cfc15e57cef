/**
 * What the netmap of a client was stated as: the tags of its parts (netmap/map-tags.ts), to give back with the
 * next poll. A part whose tag isn't known is asked for again.
 */
import type { JsonValue } from '../base/json.js';
import type { MapResponse } from '../netmap/decode.js';
import { peersMax } from '../netmap/limits.js';
import type { WireHeadPart } from '../netmap/wire.js';

export class HeldMap {
  readonly #head = new Map<WireHeadPart, string>();
  readonly #peers = new Map<number, string>();

  /** True: there is something to resume from, and a server would read all of it. */
  get isAny(): boolean {
    return this.#head.has('Node') && this.#peers.size <= peersMax;
  }

  clear(): void {
    this.#head.clear();
    this.#peers.clear();
  }

  /** Follows a message that was applied; a `full` one is all there is. */
  take(response: MapResponse, isFull: boolean): void {
    if (isFull) this.clear();
    const { tags } = response;
    // Stated without a tag: the one we have is of something else.
    if (response.node !== undefined) this.#head.delete('Node');
    if (response.relayMap !== undefined) this.#head.delete('DERPMap');
    if (response.dns !== undefined) this.#head.delete('DNSConfig');
    if (response.filter !== undefined) this.#head.delete('PacketFilters');
    for (const id of response.peersRemoved) this.#peers.delete(id);
    for (const { id } of response.peersChanged) this.#peers.delete(id);
    for (const { id } of response.peersPatched) this.#peers.delete(id);
    for (const id of response.onlineChange.keys()) this.#peers.delete(id);
    for (const id of response.seenChange.keys()) this.#peers.delete(id);
    for (const [part, tag] of tags?.head ?? []) this.#head.set(part, tag);
    for (const [id, tag] of tags?.peers ?? []) this.#peers.set(id, tag);
  }

  /** As a poll states it. */
  encode(): JsonValue {
    if (!this.isAny) return {};
    return { Head: Object.fromEntries(this.#head), Peers: Object.fromEntries(this.#peers) };
  }
}
