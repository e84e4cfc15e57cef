/**
 * One direction of a delayed wire: a bounded queue of frames, each due a constant time after it came in.
 *
 * Frames lie in one ring of bytes that the caller fills and empties by offset; nothing is allocated per
 * frame. The delay is constant, so the queue is in the order of deadlines. Times are microseconds of one
 * monotonic clock.
 *
 *     reserve() -> offset of frameBytes free bytes    read the frame there    commit(length, now)
 *     dueUs                                           headOffset, headLength: send    pop()
 */
import { assert } from '@warren/core/base/assert';

/** A veth hands over segments of up to 64 KiB plus Ethernet and vnet headers. */
export const frameBytes = 65_536 + 128;

/** 31 ms at 2 Gbit/s. Pages are touched only when traffic needs them. */
const defaultBytes = 8 * 1024 * 1024;

/** 31 ms of small packets at a million a second. */
const defaultFrames = 32_768;

export class DelayLine {
  /** The ring; the caller reads frames into it and sends them from it. */
  readonly bytes: Uint8Array;
  private readonly delayUs: number;
  private readonly offsets: Uint32Array;
  private readonly lengths: Uint32Array;
  private readonly deadlines: Float64Array;
  private head = 0;
  private count = 0;
  private tailByte = 0;

  constructor(delayUs: number, bytes = defaultBytes, frames = defaultFrames) {
    assert(bytes >= 2 * frameBytes, 'a delay line holds at least two of the largest frames');
    this.delayUs = delayUs;
    this.bytes = new Uint8Array(bytes);
    this.offsets = new Uint32Array(frames);
    this.lengths = new Uint32Array(frames);
    this.deadlines = new Float64Array(frames);
  }

  /** Frames that wait. */
  get size(): number {
    return this.count;
  }

  /** When the first frame is due; Infinity when none waits. */
  get dueUs(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : (this.deadlines[this.head] ?? 0);
  }

  get headOffset(): number {
    return this.offsets[this.head] ?? 0;
  }

  get headLength(): number {
    return this.lengths[this.head] ?? 0;
  }

  /** Offset where `frameBytes` bytes are free; -1 when the line is full. */
  reserve(): number {
    if (this.count === 0) {
      this.tailByte = 0;
      return 0;
    }
    if (this.count === this.offsets.length) return -1;
    const headByte = this.headOffset;
    if (this.tailByte > headByte) {
      if (this.bytes.length - this.tailByte >= frameBytes) return this.tailByte;
      // The rest of the ring is too short for the largest frame: go on at its start.
      if (headByte <= frameBytes) return -1;
      this.tailByte = 0;
      return 0;
    }
    return headByte - this.tailByte > frameBytes ? this.tailByte : -1;
  }

  /** The frame that was read at the reserved offset is `length` bytes long and came in at `nowUs`. */
  commit(length: number, nowUs: number): void {
    assert(length > 0 && length <= frameBytes, 'a frame fits into what was reserved');
    const slot = (this.head + this.count) % this.offsets.length;
    this.offsets[slot] = this.tailByte;
    this.lengths[slot] = length;
    this.deadlines[slot] = nowUs + this.delayUs;
    this.tailByte += length;
    this.count++;
  }

  /** Forgets the first frame. */
  pop(): void {
    assert(this.count > 0, 'there is a frame to pop');
    this.head = (this.head + 1) % this.offsets.length;
    this.count--;
  }
}
