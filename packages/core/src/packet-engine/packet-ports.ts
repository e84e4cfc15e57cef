/**
 * What the PacketEngine needs of the machine: a TUN device and UDP sockets.
 *
 * Calls are synchronous and may drop; a port counts its drops. Memory of the batch under way stays as it is
 * until the shell flushes the sinks, after the engine's call; any other memory is only valid during the call.
 * Sinks may overwrite the 10 bytes before an opened packet, WireGuard's header until then. The PacketEngine calls
 * these from within `handle*`; they must not call back into it.
 */

import type { UpMessage } from '../engines/messages.js';
import type { SocketId } from '../engines/paths.js';
import type { Endpoint, IpFamily } from '../ip/address.js';

/** Writes IP packets to the operating system. */
export interface TunSink {
  /** One IP packet at `memory[at .. at + length)`. */
  write(memory: Uint8Array, at: number, length: number): void;
}

/** Sends datagrams. */
export interface UdpSink {
  open(socketId: SocketId, family: IpFamily, port: number): void;
  close(socketId: SocketId): void;
  /** `ttl` (IPv6: hop limit) holds for this datagram alone; undefined: the system's default. */
  send(
    socketId: SocketId,
    remote: Endpoint,
    memory: Uint8Array,
    at: number,
    length: number,
    ttl?: number,
  ): void;
}

/** Hands messages to the PathEngine. */
export interface UpSink {
  send(message: UpMessage): void;
}

/**
 * Packets in caller-owned memory. Packet i is `memory[offsets[i] .. offsets[i] + lengths[i])`.
 *
 * Packets read from TUN need HEADROOM_BYTES before and TAILROOM_BYTES after them that belong to the
 * batch, so that WireGuard seals in place. The engine may overwrite all of the memory.
 */
export interface PacketBatch {
  readonly memory: Uint8Array;
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  count: number;
}

/** WireGuard's transport header. */
export const HEADROOM_BYTES = 16;
/** Padding to 16 bytes and the Poly1305 tag. */
export const TAILROOM_BYTES = 32;
