/** A coalescer with memory of its own, and what it wrote as the kernel would see it. */
import { PlainChecksum } from '../checksum.js';
import { Coalescer } from '../coalesce.js';
import type { GroupSink } from '../groups.js';
import { SegmentSlots } from '../slots.js';
import { SuperPacketSplitter } from '../split.js';

/** Between packets, as WireGuard's header and tag are between opened ones. */
const ROOM_BYTES = 32;
const SLOTS = { slots: 300, packetBytesMax: 2000, headroomBytes: 16, tailroomBytes: 32 };

/** Puts all `packets` in one memory, coalesces them with one flush, and answers each write's bytes. */
export function coalesce(packets: readonly Uint8Array[], joinsUdp = true): Uint8Array[] {
  let bytes = ROOM_BYTES;
  for (const packet of packets) bytes += packet.length + ROOM_BYTES;
  const memory = new Uint8Array(bytes);
  const writes: Uint8Array[] = [];
  const write: number[] = [];
  const sink: GroupSink = {
    piece(at, length) {
      for (let i = at; i < at + length; i++) write.push(memory[i] ?? 0);
    },
    end() {
      writes.push(Uint8Array.from(write));
      write.length = 0;
    },
  };
  const coalescer = new Coalescer(memory, new PlainChecksum(memory), sink, { joinsUdp });
  let at = ROOM_BYTES;
  for (const packet of packets) {
    memory.set(packet, at);
    coalescer.add(at, packet.length);
    at += packet.length + ROOM_BYTES;
  }
  coalescer.flush();
  return writes;
}

/** The packets that `writes` stand for. */
export function expand(writes: readonly Uint8Array[]): Uint8Array[] {
  const readAt = 64;
  const slotsAt = 70_000;
  const memory = new Uint8Array(slotsAt + SegmentSlots.bytesFor(SLOTS));
  const slots = new SegmentSlots(memory, slotsAt, SLOTS);
  const splitter = new SuperPacketSplitter(memory, new PlainChecksum(memory), slots);
  const packets: Uint8Array[] = [];
  for (const write of writes) {
    memory.set(write, readAt);
    const refusal = splitter.begin(readAt, write.length);
    if (refusal !== undefined) throw new Error(`the kernel would refuse it: ${refusal.reason}`);
    splitter.fill();
    for (let i = 0; i < slots.count; i++) {
      const at = slots.offsets[i] ?? 0;
      packets.push(memory.slice(at, at + (slots.lengths[i] ?? 0)));
    }
    slots.count = 0;
  }
  return packets;
}
