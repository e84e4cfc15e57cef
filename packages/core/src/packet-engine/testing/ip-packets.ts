/** IP packets for tests: true headers around any payload, with a protocol number that no stack answers. */
import { addressBytes, familyOf, type IpAddress } from '../../ip/address.js';
import type { PacketBatch } from '../packet-ports.js';
import { HEADROOM_BYTES, TAILROOM_BYTES } from '../packet-ports.js';

/** RFC 3692: a protocol number for experiments. */
export const TEST_PROTOCOL = 253;

const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;

/** One packet from `source` to `destination`, both of the same family. */
export function ipPacket(
  source: IpAddress,
  destination: IpAddress,
  payload: Uint8Array,
): Uint8Array {
  const isV4 = familyOf(source) === 4;
  const headerBytes = isV4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
  const packet = new Uint8Array(headerBytes + payload.length);
  const view = new DataView(packet.buffer);
  if (isV4) {
    packet[0] = 0x45;
    view.setUint16(2, packet.length);
    packet[8] = 64;
    packet[9] = TEST_PROTOCOL;
  } else {
    packet[0] = 0x60;
    view.setUint16(4, payload.length);
    packet[6] = TEST_PROTOCOL;
    packet[7] = 64;
  }
  packet.set(addressBytes(source), isV4 ? 12 : 8);
  packet.set(addressBytes(destination), isV4 ? 16 : 24);
  packet.set(payload, headerBytes);
  return packet;
}

/** What follows the header. */
export function ipPayload(packet: Uint8Array): Uint8Array {
  return packet.slice((packet[0] ?? 0) >> 4 === 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES);
}

/** Packets with the room that TUN batches have around each. */
export function tunBatch(packets: readonly Uint8Array[]): PacketBatch {
  const room = packets.map((packet) => HEADROOM_BYTES + packet.length + TAILROOM_BYTES);
  const memory = new Uint8Array(room.reduce((sum, bytes) => sum + bytes, 0));
  const offsets = new Uint32Array(packets.length);
  const lengths = new Uint32Array(packets.length);
  let at = 0;
  for (const [i, packet] of packets.entries()) {
    offsets[i] = at + HEADROOM_BYTES;
    lengths[i] = packet.length;
    memory.set(packet, at + HEADROOM_BYTES);
    at += room[i] ?? 0;
  }
  return { memory, offsets, lengths, count: packets.length };
}
