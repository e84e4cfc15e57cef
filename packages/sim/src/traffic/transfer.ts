/** Moves bytes from one machine to another in numbered packets at a steady pace, and compares their hashes. */
import { equalBytes } from '@warren/core/base/bytes';
import type { Crypto } from '@warren/core/ports';
import type { SimNode } from '../node/sim-node.js';
import type { Observer } from '../world/observer.js';
import type { SimWorld } from '../world/sim-world.js';
import { fillerOf, type Message } from './message.js';

/** Fits the tunnel's MTU with all headers. */
const CHUNK_BYTES = 1200;
/** 12 Mbit/s: less than every queue on the way takes. */
const CHUNK_INTERVAL_MS = 0.8;
/** The receiver acknowledges every so many packets: both directions are in use, as with TCP. */
const CHUNKS_PER_ACKNOWLEDGEMENT = 16;
/** After the last packet was sent, for it to arrive. */
const TAIL_MS = 1000;

export interface TransferResult {
  readonly bytes: number;
  readonly intact: boolean;
}

/** Runs the world until the transfer is over. */
export function transfer(
  world: SimWorld,
  crypto: Crypto,
  from: SimNode,
  to: SimNode,
  totalBytes: number,
): TransferResult {
  const sent = world.random.fork().fill(new Uint8Array(totalBytes));
  const received = new Uint8Array(totalBytes);
  let bytes = 0;
  const fromNumber = world.numberOf(from);
  const observer: Observer = {
    onMessage: (node, message: Message | undefined, packet) => {
      if (node !== to || message?.kind !== 'data' || message.from !== fromNumber) return;
      const chunk = fillerOf(packet);
      const at = message.number * CHUNK_BYTES;
      if (at + chunk.length > totalBytes) return;
      received.set(chunk, at);
      bytes += chunk.length;
      if (message.number % CHUNKS_PER_ACKNOWLEDGEMENT === 0) world.say(to, from);
    },
  };
  world.observers.push(observer);
  for (let at = 0, number = 0; at < totalBytes; at += CHUNK_BYTES, number++) {
    world.say(from, to, 'data', sent.subarray(at, at + CHUNK_BYTES), number);
    world.clock.run(CHUNK_INTERVAL_MS);
  }
  world.clock.run(TAIL_MS);
  world.observers.splice(world.observers.indexOf(observer), 1);
  const intact = bytes === totalBytes && equalBytes(crypto.sha256(sent), crypto.sha256(received));
  return { bytes, intact };
}
