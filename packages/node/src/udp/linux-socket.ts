/**
 * One UDP socket of the kernel: opened, asked and closed by libc. It never blocks; the event loop tells when it
 * is ready.
 *
 * What node:dgram does by default holds here too: a port that is taken is refused (no SO_REUSEADDR), and an
 * IPv6 socket takes no IPv4.
 */
import type { SocketId } from '@warren/core/engines/paths';
import type { IpFamily } from '@warren/core/ip/address';
import { EINTR, errnoName } from '../libc/errno.js';
import { IOVEC_BYTES, writeVector } from '../libc/iovec.js';
import type { Libc, PollHandle, PollListener } from '../libc/libc.js';
import {
  INT_BYTES,
  SO_ERROR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from '../libc/socket-constants.js';
import { SO_MARK, UNDERLAY_MARK } from '../net/underlay-mark.js';
import type { Arena } from '../plane/arena.js';
import { MessageHeader, SOL_UDP, UDP_GRO, UDP_SEGMENT } from './message-header.js';
import { AF_INET, AF_INET6, readSocketPort, SOCKADDR_BYTES } from './socket-address.js';

const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const MSG_ERRQUEUE = 0x2000;

/** Some milliseconds at ten Gbit/s, while another event is under way. */
const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024;
/**
 * All peers share it, and what lies in it can't be overtaken: where the device is slow and its queue deep, this is how
 * long everybody waits. 80 ms at 100 Mbit/s, a millisecond at ten Gbit/s; what has no room is held, fairly by peer.
 */
const SEND_BUFFER_BYTES = 512 * 1024;
/** Errors that wait on a socket and are taken off at once; more are left for the next turn. */
const MAX_ERRORS_AT_ONCE = 64;

/** What the kernel does with many datagrams in one call. */
export interface UdpOffload {
  /** It cuts a long message into datagrams (UDP_SEGMENT, Linux 4.18). */
  readonly segments: boolean;
  /** It joins datagrams that come in (UDP_GRO, Linux 5.0). */
  readonly gro: boolean;
}

/** Calls about sockets, over one piece of scratch memory. */
export class SocketCalls {
  readonly #libc: Libc;
  readonly #memory: Uint8Array;
  readonly #view: DataView;
  readonly #base: number;
  readonly #nameAt: number;
  readonly #valueAt: number;
  readonly #errorHeader: MessageHeader;

  constructor(libc: Libc, arena: Arena) {
    this.#libc = libc;
    this.#memory = arena.bytes;
    this.#view = arena.view;
    this.#base = arena.address;
    this.#nameAt = arena.reserve(SOCKADDR_BYTES);
    this.#valueAt = arena.reserve(2 * INT_BYTES);
    // An error comes with the datagram that it is about; of that, a few bytes are more than enough.
    this.#errorHeader = new MessageHeader(arena);
    const dataAt = arena.reserve(IOVEC_BYTES);
    const vectorAt = arena.reserve(IOVEC_BYTES);
    writeVector(arena.view, vectorAt, arena.address + dataAt, IOVEC_BYTES);
    this.#errorHeader.setVectors(arena.address + vectorAt, 1);
    this.#errorHeader.setName(arena.address + this.#nameAt, SOCKADDR_BYTES);
  }

  /** Asks the kernel by a socket that sends nothing. Nothing at all without sockets. */
  probeOffload(): UdpOffload {
    const fd = this.#libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return { segments: false, gro: false };
    const offload = {
      segments: this.#setInt(fd, SOL_UDP, UDP_SEGMENT, 0),
      gro: this.#setInt(fd, SOL_UDP, UDP_GRO, 1),
    };
    this.#libc.close(fd);
    return offload;
  }

  /** A socket bound to `port` (0: any) of all addresses, or the name of the error. */
  openBound(family: IpFamily, port: number, gro: boolean): { fd: number; port: number } | string {
    const libc = this.#libc;
    const domain = family === 4 ? AF_INET : AF_INET6;
    const fd = libc.socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return errnoName(libc.errno());
    if (family === 6) this.#setInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    // Around an exit node; without the right there is no tunnel either.
    this.#setInt(fd, SOL_SOCKET, SO_MARK, UNDERLAY_MARK);
    const at = this.#nameAt;
    this.#memory.fill(0, at, at + SOCKADDR_BYTES);
    this.#view.setUint16(at, domain, true);
    this.#view.setUint16(at + 2, port);
    this.#view.setUint32(this.#valueAt, SOCKADDR_BYTES, true);
    if (
      libc.bind(fd, this.#base + at, SOCKADDR_BYTES) < 0 ||
      libc.getsockname(fd, this.#base + at, this.#base + this.#valueAt) < 0
    ) {
      const errno = libc.errno();
      libc.close(fd);
      return errnoName(errno);
    }
    // Without the right to exceed the system's limit, that limit will do.
    for (const [forced, plain, bytes] of [
      [SO_RCVBUFFORCE, SO_RCVBUF, RECEIVE_BUFFER_BYTES],
      [SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER_BYTES],
    ] as const) {
      if (!this.#setInt(fd, SOL_SOCKET, forced, bytes)) {
        this.#setInt(fd, SOL_SOCKET, plain, bytes);
      }
    }
    if (gro) this.#setInt(fd, SOL_UDP, UDP_GRO, 1);
    return { fd, port: readSocketPort(this.#view, at) };
  }

  /** Takes off the errors that wait on a socket, and answers how many there were. */
  drainErrors(fd: number): number {
    const at = this.#base + this.#valueAt;
    this.#view.setUint32(this.#valueAt, 0, true);
    this.#view.setUint32(this.#valueAt + INT_BYTES, INT_BYTES, true);
    this.#libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, at, at + INT_BYTES);
    let errors = this.#view.getInt32(this.#valueAt, true) === 0 ? 0 : 1;
    for (let i = 0; i < MAX_ERRORS_AT_ONCE; i++) {
      this.#errorHeader.resetForReceive(SOCKADDR_BYTES);
      const length = this.#libc.recvmsg(fd, this.#errorHeader.address, MSG_ERRQUEUE);
      if (length >= 0) errors++;
      else if (this.#libc.errno() !== EINTR) break;
    }
    return errors;
  }

  #setInt(fd: number, level: number, name: number, value: number): boolean {
    this.#view.setInt32(this.#valueAt, value, true);
    return this.#libc.setsockopt(fd, level, name, this.#base + this.#valueAt, INT_BYTES) === 0;
  }
}

/** A bound socket, polled for what comes in, and for room while sends wait. */
export class LinuxSocket {
  readonly id: SocketId;
  readonly family: IpFamily;
  readonly fd: number;
  /** Turns of the event loop in which the kernel spoke of an error and had none. */
  errorsUnexplained = 0;

  readonly #libc: Libc;
  readonly #poll: PollHandle;
  #isOpen = true;
  #isBlocked = false;

  constructor(
    libc: Libc,
    id: SocketId,
    family: IpFamily,
    fd: number,
    listenerOf: (socket: LinuxSocket) => PollListener,
  ) {
    this.#libc = libc;
    this.id = id;
    this.family = family;
    this.fd = fd;
    this.#poll = libc.poll(fd, listenerOf(this));
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The kernel had no room for a datagram; `onWritable` of the listener comes when it has. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  setBlocked(isBlocked: boolean): void {
    this.#isBlocked = isBlocked;
    this.watch();
  }

  /** Polls go on; needed after an error, which stops them. */
  watch(): void {
    if (this.#isOpen) this.#poll.watch(true, this.#isBlocked);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#poll.close();
    this.#libc.close(this.fd);
  }
}
