/**
 * Sends datagrams with as few system calls as it can: those of one size to one remote leave together.
 *
 *     send --> open group of (socket, remote) --full, other size, flush--> sendmsg --EAGAIN--> held --POLLOUT--> sendmsg
 *                                                                            |
 *                                     EINVAL, EMSGSIZE, EIO for a bundle ----+--> one by one
 *
 * Several groups are open at a time, for packets that go to several peers by turns or over several paths at once.
 */
import type { Counters } from '@warren/core/base/counters';
import type { Endpoint } from '@warren/core/ip/address';
import { EAGAIN, ECONNREFUSED, EINTR, EINVAL, EIO, EMSGSIZE, errnoName } from '../libc/errno.js';
import type { Libc } from '../libc/libc.js';
import type { Arena } from '../plane/arena.js';
import { HeldGroups } from './held-groups.js';
import type { LinuxSocket } from './linux-socket.js';
import type { Remote } from './remote-table.js';
import { SegmentGroup } from './segment-group.js';

/** Peers or paths that take turns; one more of them and every datagram leaves alone. Each costs a comparison per turn. */
const OPEN_GROUPS = 16;

export interface SenderOptions {
  readonly libc: Libc;
  readonly arena: Arena;
  readonly counters: Counters;
  /** Whether the kernel cuts bundles into datagrams; false: one call for each. */
  readonly segments: boolean;
  /** The system refused a datagram, or a bundle of them. */
  readonly onRefused: (socket: LinuxSocket, remote: Endpoint, reason: string) => void;
}

export class SegmentSender {
  readonly #options: SenderOptions;
  readonly #libc: Libc;
  readonly #open: readonly SegmentGroup[];
  readonly #single: SegmentGroup;
  readonly #held: HeldGroups;
  /** The group used last is nearly always the next one too. */
  #last: SegmentGroup;
  #nextVictim = 0;

  constructor(options: SenderOptions) {
    const { libc, arena } = options;
    this.#options = options;
    this.#libc = libc;
    this.#open = Array.from({ length: OPEN_GROUPS }, () => new SegmentGroup(arena));
    this.#single = new SegmentGroup(arena);
    this.#last = this.#single;
    this.#held = new HeldGroups(arena);
  }

  /** Datagrams wait for room in the kernel. */
  get isHolding(): boolean {
    return !this.#held.isEmpty;
  }

  /** The bytes stay as they are in the arena until {@link flush}. */
  send(socket: LinuxSocket, remote: Remote, at: number, length: number): void {
    let group = this.#last;
    if (!group.isFor(socket, remote)) {
      group = this.#groupFor(socket, remote);
      this.#last = group;
    }
    if (!group.takes(length)) this.#transmit(group);
    if (group.count > 0 || (this.#options.segments && remote.takesSegmentsOf(length))) {
      group.add(at, length);
    } else {
      this.sendAlone(socket, remote, at, length, 0);
    }
  }

  /** Leaves in the call, behind what was sent to the same remote before; `hops` 0: the system's default. */
  sendAlone(socket: LinuxSocket, remote: Remote, at: number, length: number, hops: number): void {
    for (const group of this.#open) {
      if (group.count > 0 && group.isFor(socket, remote)) this.#transmit(group);
    }
    this.#single.begin(socket, remote, hops);
    this.#single.add(at, length);
    this.#transmit(this.#single);
    this.#single.release();
  }

  /** Everything gathered leaves; memory of the datagrams is free again. */
  flush(): void {
    for (const group of this.#open) if (group.count > 0) this.#transmit(group);
  }

  /** Sends what waited for room, as far as there is room now. */
  retry(socket: LinuxSocket): void {
    if (this.#held.offer(socket, (group) => this.#put(group))) socket.setBlocked(false);
  }

  /** What waits for a socket that is closed is dropped. */
  abandon(socket: LinuxSocket): void {
    this.#held.offer(socket, (group) => {
      this.#options.counters.add('udp-no-socket', group.count - group.first);
      return true;
    });
    for (const group of this.#open) if (group.count === 0) group.release();
  }

  #groupFor(socket: LinuxSocket, remote: Remote): SegmentGroup {
    let free: SegmentGroup | undefined;
    for (const group of this.#open) {
      if (group.isFor(socket, remote)) return group;
      if (group.count === 0) free = group;
    }
    if (free === undefined) {
      free = this.#open[this.#nextVictim] ?? this.#single;
      this.#nextVictim = (this.#nextVictim + 1) % OPEN_GROUPS;
      this.#transmit(free);
    }
    free.begin(socket, remote, 0);
    return free;
  }

  /** Sends or holds all of a group, which is empty then and still for the same remote. */
  #transmit(group: SegmentGroup): void {
    const { socket } = group;
    if (socket.isBlocked || !this.#put(group)) {
      const dropped = this.#held.hold(group);
      if (dropped > 0) this.#options.counters.add('udp-send-queue-full', dropped);
      if (!socket.isBlocked) socket.setBlocked(true);
    }
    group.clear();
  }

  /** False: the kernel has no room for what is left of it. */
  #put(group: SegmentGroup): boolean {
    const { socket, remote } = group;
    if (group.count - group.first > 1) {
      const errno = this.#call(socket.fd, group.headerOfAll());
      if (errno === 0) return true;
      if (errno === EAGAIN) return false;
      if (!refusesBundles(errno)) {
        this.#refused(group, errno);
        return true;
      }
      this.#options.counters.add('udp-segments-refused');
      remote.refusedSegmentsOf(group.segmentBytes);
    }
    for (; group.first < group.count; group.first++) {
      const errno = this.#call(socket.fd, group.headerOfFirst());
      if (errno === EAGAIN) return false;
      if (errno !== 0) this.#refused(group, errno);
    }
    return true;
  }

  #refused(group: SegmentGroup, errno: number): void {
    this.#options.onRefused(group.socket, group.remote.endpoint, errnoName(errno));
  }

  /** 0, or the error of this message. */
  #call(fd: number, header: number): number {
    let isRetried = false;
    for (;;) {
      if (this.#libc.sendmsg(fd, header, 0) >= 0) return 0;
      const errno = this.#libc.errno();
      if (errno === EINTR) continue;
      if (errno !== ECONNREFUSED || isRetried) return errno;
      // Of an earlier datagram, for which an answer of ICMP came; this one was not looked at.
      isRetried = true;
      this.#options.counters.add('udp-receive-failed');
    }
  }
}

/** The datagrams exceed the path's MTU, or the device can't compute checksums: nothing against each alone. */
function refusesBundles(errno: number): boolean {
  return errno === EINVAL || errno === EMSGSIZE || errno === EIO;
}
