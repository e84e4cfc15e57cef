/**
 * What happened, as a running hash and, when asked for, as lines. Equal hashes mean equal histories: every
 * datagram, every message of a stream and every decision goes in with its time and a sample of its bytes.
 *
 * The hash is FNV-1a over 32-bit words; hashes of names are kept, because hashing text is most of the cost.
 */
import type { SimClock } from './sim-clock.js';

/** Names of a world (endpoints, machines, reasons) whose hash is kept; more are forgotten all at once. */
const NAMES_MAX = 20_000;

export type TraceWord = string | number | Uint8Array;

export class Trace {
  /** Hears every line; undefined: lines aren't made. */
  onLine: ((line: string) => void) | undefined;
  readonly #clock: SimClock;
  readonly #names = new Map<string, number>();
  #hash = 0x811c9dc5;

  constructor(clock: SimClock) {
    this.#clock = clock;
  }

  /** Changes with every event. */
  get fingerprint(): string {
    return this.#hash.toString(16).padStart(8, '0');
  }

  note(kind: string, ...words: readonly TraceWord[]): void {
    this.#mix(Math.floor(this.#clock.now * 1000));
    this.#mix(this.#name(kind));
    for (const word of words) {
      if (typeof word === 'number') this.#mix(word);
      else if (typeof word === 'string') this.#mix(this.#name(word));
      else this.#mixBytes(word);
    }
    if (this.onLine !== undefined) this.onLine(this.#line(kind, words));
  }

  #mix(word: number): void {
    this.#hash = Math.imul(this.#hash ^ word, 0x01000193) >>> 0;
    this.#hash = Math.imul(this.#hash ^ (word >>> 16), 0x01000193) >>> 0;
  }

  /** Length, head and tail: a tag at the end depends on everything before it. */
  #mixBytes(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#mix(length);
    for (const at of [0, 4, length - 8, length - 4]) {
      const word =
        ((bytes[at] ?? 0) << 24) |
        ((bytes[at + 1] ?? 0) << 16) |
        ((bytes[at + 2] ?? 0) << 8) |
        (bytes[at + 3] ?? 0);
      this.#mix(word);
    }
  }

  #name(text: string): number {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    let hash = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) {
      hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
    }
    if (this.#names.size >= NAMES_MAX) this.#names.clear();
    this.#names.set(text, hash);
    return hash;
  }

  #line(kind: string, words: readonly TraceWord[]): string {
    const shown = words.map((word) => (word instanceof Uint8Array ? `${word.length} bytes` : word));
    return `${this.#clock.now.toFixed(3).padStart(11)} ${kind} ${shown.join(' ')}`;
  }
}
