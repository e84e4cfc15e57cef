/**
 * From the operating system to the wire: header, longest prefix, peer, filter, sealed in place, every path.
 */
import type { Counters } from '../base/counters.js';
import { isFailure } from '../base/failure.js';
import type { Instant } from '../base/instant.js';
import type { PacketFilter } from '../filter/packet-filter.js';
import type { ViaTranslator } from '../via/via-translator.js';
import {
  IPV4_DESTINATION_AT,
  IPV6_DESTINATION_AT,
  ipPacketLength,
  ipVersionOf,
} from './ip-packet.js';
import type { PacketBatch } from './packet-ports.js';
import type { PeerTable } from './peer-table.js';

export class Outbound {
  readonly #peers: PeerTable;
  readonly #filter: PacketFilter;
  readonly #via: ViaTranslator;
  readonly #counters: Counters;

  constructor(peers: PeerTable, filter: PacketFilter, via: ViaTranslator, counters: Counters) {
    this.#peers = peers;
    this.#filter = filter;
    this.#via = via;
    this.#counters = counters;
  }

  /** IP packets read from TUN, with head and tail room; all of the memory may be overwritten. */
  handleBatch(batch: PacketBatch, now: Instant): void {
    const { memory, offsets, lengths, count } = batch;
    for (let i = 0; i < count; i++) {
      this.#handlePacket(memory, offsets[i] ?? 0, lengths[i] ?? 0, now);
    }
  }

  #handlePacket(memory: Uint8Array, at: number, available: number, now: Instant): void {
    const length = ipPacketLength(memory, at, available);
    if (isFailure(length)) {
      this.#counters.add(`outer-${length.reason}`);
      return;
    }
    const via = this.#via;
    if (via.isOn && ipVersionOf(memory, at) === 4 && via.isAnswer(memory, at)) {
      const translated = via.toIpv6(memory, at, length, now);
      if (translated > 0) this.#route(via.scratch, via.scratchAt, translated, now);
      return;
    }
    this.#route(memory, at, length, now);
  }

  #route(memory: Uint8Array, at: number, length: number, now: Instant): void {
    const { byAddress } = this.#peers;
    const peer =
      ipVersionOf(memory, at) === 4
        ? byAddress.lookupV4(memory, at + IPV4_DESTINATION_AT)
        : byAddress.lookupV6(memory, at + IPV6_DESTINATION_AT);
    if (peer === undefined) {
      this.#counters.add('no-peer-for-destination');
      return;
    }
    const drop = this.#filter.outbound(memory, at, length, now);
    if (drop !== undefined) {
      this.#counters.add(drop);
      return;
    }
    peer.host.txBytes += length;
    peer.send(memory, at, length, now);
  }
}
