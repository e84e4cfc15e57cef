/**
 * Puts sealed messages on paths: straight to a UDP socket, or into the next `relay-send`.
 *
 * UDP sends happen in the call, because the memory is the caller's. Relay packets are copied and leave
 * together in one message when the engine has finished a batch.
 */
import type { Counters } from '../base/counters.js';
import type { RelayPacket } from '../engines/messages.js';
import type { DirectPath, Path } from '../engines/paths.js';
import type { NodeKey } from '../keys/keys.js';
import { MAX_RELAY_PACKETS } from './limits.js';
import type { UdpSink, UpSink } from './packet-ports.js';

export class Transmitter {
  readonly #udp: UdpSink;
  readonly #up: UpSink;
  readonly #counters: Counters;
  #relayed: RelayPacket[] = [];

  constructor(udp: UdpSink, up: UpSink, counters: Counters) {
    this.#udp = udp;
    this.#up = up;
    this.#counters = counters;
  }

  /** Sends `memory[at .. at + length)` to `peer` over `path`. */
  send(peer: NodeKey, path: Path, memory: Uint8Array, at: number, length: number): void {
    if (path.kind === 'direct') {
      this.#udp.send(path.socketId, path.remote, memory, at, length);
    } else if (this.#relayed.length >= MAX_RELAY_PACKETS) {
      this.#counters.add('relay-batch-full');
    } else {
      const bytes = memory.slice(at, at + length);
      this.#relayed.push({ peer, regionId: path.regionId, bytes });
    }
  }

  /** Sends a message that belongs to no peer back to where one came from. */
  reply(path: DirectPath, message: Uint8Array): void {
    this.#udp.send(path.socketId, path.remote, message, 0, message.length);
  }

  /** Hands over what gathered for relays; called at the end of everything that the engine does. */
  flush(): void {
    if (this.#relayed.length === 0) return;
    const packets = this.#relayed;
    this.#relayed = [];
    this.#up.send({ type: 'relay-send', packets });
  }
}
