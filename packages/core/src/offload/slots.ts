/**
 * Places of one size for packets on their way out, each with the room around it that sealing in place needs.
 *
 *     firstAt -> | headroom | packet ... | tailroom | (to 64) | headroom | packet ...
 *
 * It is a batch that the packet engine takes as it is.
 */
import { assert } from '../base/assert.js';

/** A cache line. */
const ALIGNMENT_BYTES = 64;

export interface SlotShape {
  readonly slots: number;
  /** The device's MTU. */
  readonly packetBytesMax: number;
  readonly headroomBytes: number;
  readonly tailroomBytes: number;
}

function strideOf(shape: SlotShape): number {
  const bytes = shape.headroomBytes + shape.packetBytesMax + shape.tailroomBytes;
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}

export class SegmentSlots {
  readonly memory: Uint8Array;
  /** Where the packets begin, the same for ever. */
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  readonly packetBytesMax: number;
  /** How many slots from the first on hold a packet. */
  count = 0;

  /** How much memory slots of this shape take. */
  static bytesFor(shape: SlotShape): number {
    return strideOf(shape) * shape.slots;
  }

  /** In `memory` from `firstAt` on, which is the slots' alone. */
  constructor(memory: Uint8Array, firstAt: number, shape: SlotShape) {
    assert(firstAt + SegmentSlots.bytesFor(shape) <= memory.length, 'slots lie inside the memory');
    this.memory = memory;
    this.packetBytesMax = shape.packetBytesMax;
    const stride = strideOf(shape);
    this.lengths = new Uint32Array(shape.slots);
    this.offsets = Uint32Array.from(
      { length: shape.slots },
      (_, i) => firstAt + i * stride + shape.headroomBytes,
    );
  }

  /** How many packets fit in all. */
  get capacity(): number {
    return this.offsets.length;
  }
}
