/**
 * TAI64N timestamps, by which a responder refuses replayed initiations: 8 bytes of seconds and 4 of
 * nanoseconds, big-endian, so that bytes compare like times.
 *
 * Source: WireGuard whitepaper, section 5.1; cr.yp.to/libtai/tai64.html.
 */
import type { WallTime } from '../base/instant.js';

export const TAI64N_BYTES = 12;

/** TAI64 labels 1970-01-01 00:00:00 TAI as 2^62, and UTC was 10 s behind TAI then. */
const EPOCH_HIGH = 0x4000_0000;
const EPOCH_OFFSET_S = 10;

/**
 * Nanoseconds are rounded down to a multiple of this (16.8 ms), so that handshakes don't publish the
 * machine's fine clock. Finer than the 20 ms between two initiations that a peer accepts.
 */
const GRANULE_NS = 2 ** 24;

const SECOND_NS = 1_000_000_000;

/** Writes seconds since 1970 and nanoseconds as TAI64N. */
export function encodeTai64n(seconds: number, nanoseconds: number): Uint8Array {
  const bytes = new Uint8Array(TAI64N_BYTES);
  const view = new DataView(bytes.buffer);
  const shifted = seconds + EPOCH_OFFSET_S;
  view.setUint32(0, EPOCH_HIGH + Math.floor(shifted / 2 ** 32));
  view.setUint32(4, shifted % 2 ** 32);
  view.setUint32(8, nanoseconds);
  return bytes;
}

/** True when TAI64N `a` is later than `b`. */
export function isLater(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < TAI64N_BYTES; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/**
 * Gives timestamps that only grow, whatever the wall clock does: peers refuse an initiation that is not
 * newer than the last, so a clock that was set back would otherwise cut us off.
 */
export class TimestampSource {
  readonly #wallClock: () => WallTime;
  #seconds = -1;
  #nanoseconds = 0;

  constructor(wallClock: () => WallTime) {
    this.#wallClock = wallClock;
  }

  /** The next timestamp: now, or one granule after the last. */
  next(): Uint8Array {
    const ms = Math.max(0, this.#wallClock());
    const seconds = Math.floor(ms / 1000);
    const exactNs = Math.floor((ms - seconds * 1000) * 1e6);
    const nanoseconds = exactNs - (exactNs % GRANULE_NS);
    if (seconds > this.#seconds || (seconds === this.#seconds && nanoseconds > this.#nanoseconds)) {
      this.#seconds = seconds;
      this.#nanoseconds = nanoseconds;
    } else {
      this.#nanoseconds += GRANULE_NS;
      if (this.#nanoseconds >= SECOND_NS) {
        this.#seconds++;
        this.#nanoseconds = 0;
      }
    }
    return encodeTai64n(this.#seconds, this.#nanoseconds);
  }
}
