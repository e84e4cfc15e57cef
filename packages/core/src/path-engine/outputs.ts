/**
 * The engine's one queue of outputs. Relayed data is gathered and goes down as one message when the shell
 * drains the queue: a burst of frames from a relay crosses to the other thread once.
 */
import type { DownMessage, RelayPacket } from '../engines/messages.js';
import type { PathEngineOutput } from './io.js';
import { SentMemory } from './sent-memory.js';

/** Packets of one `relay-received`; a larger burst is cut, so that the first aren't held up by the last. */
export const maxRelayBatch = 128;

export class EngineOutputs {
  /** Whereto anything went. */
  readonly sent = new SentMemory();
  readonly #queue: PathEngineOutput[] = [];
  #relayed: RelayPacket[] = [];

  push(output: PathEngineOutput): void {
    this.#queue.push(output);
  }

  /** To the PacketEngine. */
  down(message: DownMessage): void {
    if (message.type === 'send') {
      this.sent.note(message.remote);
    } else if (message.type === 'set-paths') {
      for (const path of message.paths) if (path.kind === 'direct') this.sent.note(path.remote);
    }
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
