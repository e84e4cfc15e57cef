/**
 * What machines of a world say to each other through their tunnels: UDP packets that name who speaks to whom.
 *
 *     IP header | UDP header | kind 1 | 0 1 | from 2 | to 2 | number 4 | filler
 *
 * `from` and `to` are the machines' numbers in their world. Ports are {@link PORT} at both ends.
 */
import { addressBytes, type IpAddress } from '@warren/core/ip/address';

const PORT = 7777;
const IPV4_HEADER_BYTES = 20;
const UDP_HEADER_BYTES = 8;
const MESSAGE_BYTES = 10;
const UDP = 17;
const HEADERS_BYTES = IPV4_HEADER_BYTES + UDP_HEADER_BYTES;

/** `said`: nobody answers. `asked` is answered by `answered` with the same number. */
export type MessageKind = 'said' | 'asked' | 'answered' | 'data';

const KINDS: readonly MessageKind[] = ['said', 'asked', 'answered', 'data'];

export interface Message {
  readonly kind: MessageKind;
  readonly from: number;
  readonly to: number;
  readonly number: number;
}

/** One IPv4 packet; `filler` follows the message. */
export function encodePacket(
  source: IpAddress,
  target: IpAddress,
  message: Message,
  filler: Uint8Array = new Uint8Array(),
): Uint8Array {
  const bytes = new Uint8Array(HEADERS_BYTES + MESSAGE_BYTES + filler.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x45;
  view.setUint16(2, bytes.length);
  bytes[8] = 64;
  bytes[9] = UDP;
  bytes.set(addressBytes(source), 12);
  bytes.set(addressBytes(target), 16);
  view.setUint16(10, headerChecksum(view));
  view.setUint16(IPV4_HEADER_BYTES, PORT);
  view.setUint16(IPV4_HEADER_BYTES + 2, PORT);
  // A checksum of 0 says that there is none (RFC 768).
  view.setUint16(IPV4_HEADER_BYTES + 4, bytes.length - IPV4_HEADER_BYTES);
  view.setUint8(HEADERS_BYTES, KINDS.indexOf(message.kind));
  view.setUint16(HEADERS_BYTES + 2, message.from);
  view.setUint16(HEADERS_BYTES + 4, message.to);
  view.setUint32(HEADERS_BYTES + 6, message.number);
  bytes.set(filler, HEADERS_BYTES + MESSAGE_BYTES);
  return bytes;
}

/** The message of a packet; undefined: it is none of ours. */
export function decodePacket(packet: Uint8Array): Message | undefined {
  if (packet.length < HEADERS_BYTES + MESSAGE_BYTES || packet[9] !== UDP) return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const kind = KINDS[view.getUint8(HEADERS_BYTES)];
  if (kind === undefined || view.getUint16(IPV4_HEADER_BYTES) !== PORT) return undefined;
  return {
    kind,
    from: view.getUint16(HEADERS_BYTES + 2),
    to: view.getUint16(HEADERS_BYTES + 4),
    number: view.getUint32(HEADERS_BYTES + 6),
  };
}

/** What follows the message. */
export function fillerOf(packet: Uint8Array): Uint8Array {
  return packet.subarray(HEADERS_BYTES + MESSAGE_BYTES);
}

/** RFC 791: the ones' complement sum of the header's words. */
function headerChecksum(view: DataView): number {
  let sum = 0;
  for (let at = 0; at < IPV4_HEADER_BYTES; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
