/**
 * What a simulated client makes of its map stream: which peers it has heard of, and which changes. Messages are not parsed:
 * keys and endpoints of changes are looked for in their bytes.
 */
import { DecodeFailure } from '@warren/core/base/failure';
import { MapFrameDecoder } from '@warren/core/control/map-framing';
import { changesIn } from './changes.js';
import { nodeKeyOf } from './identity.js';

const KEY_START = Buffer.from('"nodekey:');
const KEY_DIGITS = 64;
/** Shorter ones only keep the stream alive, also while its map is still to come. */
const SHORTEST = 40;

/** Numbers of a fleet's clients by the digits of their node keys. */
export function indexByKey(nodes: number): ReadonlyMap<string, number> {
  const digits = (index: number): string => nodeKeyOf(index).slice('nodekey:'.length);
  return new Map(Array.from({ length: nodes }, (_, index) => [digits(index), index]));
}

export interface MapListener {
  /** A message that says something, opened. */
  readonly onMessage: (message: Buffer) => void;
  readonly onChange: (change: number) => void;
}

export class MapReader {
  readonly #decoder = new MapFrameDecoder();
  readonly #open: (frame: Buffer) => Buffer;
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #own: number;
  readonly #listener: MapListener;
  /** A bit for each client that this one knows. */
  readonly #known: Uint8Array;
  #count = 0;

  /** `indexes`: of all clients. */
  constructor(
    own: number,
    indexes: ReadonlyMap<string, number>,
    open: (frame: Buffer) => Buffer,
    listener: MapListener,
  ) {
    this.#own = own;
    this.#indexes = indexes;
    this.#open = open;
    this.#listener = listener;
    this.#known = new Uint8Array((indexes.size + 7) >> 3);
  }

  /** Peers that it was told of. */
  get peers(): number {
    return this.#count;
  }

  /** Knows what another one knew too. */
  include(former: MapReader): void {
    for (const index of this.#indexes.values()) if (former.#knows(index)) this.#learn(index);
  }

  /** Throws when the stream is broken. */
  take(bytes: Uint8Array): void {
    const bodies = this.#decoder.push(bytes);
    if (bodies instanceof DecodeFailure) throw new Error(bodies.reason);
    for (const body of bodies) {
      const message = this.#open(Buffer.from(body.buffer, body.byteOffset, body.length));
      if (message.length >= SHORTEST) {
        this.#learnPeers(message);
        for (const change of changesIn(message)) this.#listener.onChange(change);
        this.#listener.onMessage(message);
      }
    }
  }

  #learnPeers(message: Buffer): void {
    for (let at = message.indexOf(KEY_START); at !== -1; at = message.indexOf(KEY_START, at)) {
      at += KEY_START.length;
      const index = this.#indexes.get(message.toString('latin1', at, at + KEY_DIGITS));
      if (index !== undefined && index !== this.#own) this.#learn(index);
    }
  }

  #knows(index: number): boolean {
    return ((this.#known[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  }

  #learn(index: number): void {
    if (this.#knows(index)) return;
    const byte = index >> 3;
    this.#known[byte] = (this.#known[byte] ?? 0) | (1 << (index & 7));
    this.#count++;
  }
}
