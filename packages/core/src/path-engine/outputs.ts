/**
 * The engine's one queue of outputs. Relayed data is gathered and goes down as one message when the shell
 * drains the queue: a burst of frames from a relay crosses to the other thread once.
 */
import type { DownMessage, RelayPacket } from '../engines/messages.js';
import type { PathEngineOutput } from './io.js';

/** Packets of one `relay-received`; a larger burst is cut, so that the first aren't held up by the last. */
export const maxRelayBatch = 128;

export class EngineOutputs {
  readonly #queue: PathEngineOutput[] = [];
  #relayed: RelayPacket[] = [];

  push(output: PathEngineOutput): void {
    this.#queue.push(output);
  }

  /** To the PacketEngine. */
  down(message: DownMessage): void {
    this.#queue.push({ type: 'down', message });
  }

  /** WireGuard data from a relay, for the PacketEngine. */
  relayed(packet: RelayPacket): void {
    this.#relayed.push(packet);
    if (this.#relayed.length >= maxRelayBatch) this.#flush();
  }

  poll(): PathEngineOutput | undefined {
    if (this.#queue.length === 0 && this.#relayed.length > 0) this.#flush();
    return this.#queue.shift();
  }

  #flush(): void {
    this.down({ type: 'relay-received', packets: this.#relayed });
    this.#relayed = [];
  }
}
