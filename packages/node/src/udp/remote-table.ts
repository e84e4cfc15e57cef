/**
 * Where datagrams go: an endpoint's socket address, ready for the kernel, and whether the way there takes
 * datagrams by the bundle.
 */
import type { Endpoint } from '@warren/core/ip/address';
import type { Arena } from '../plane/arena.js';
import { writeSocketAddress } from './socket-address.js';

/** A thousand peers with a few paths each; searches for ports come and go. */
const MAX_REMOTES = 4096;
/** A socket address, aligned. */
const SLOT_BYTES = 32;
/**
 * Datagrams that go singly after the kernel refused a bundle (they are larger than the path's MTU, or the
 * device can't), before a bundle is tried again: what was refused may have been another route.
 */
const SINGLES_BEFORE_RETRY = 4096;

export class Remote {
  readonly endpoint: Endpoint;
  /** Of the socket address in the arena. */
  readonly addressAt: number;
  readonly addressBytes: number;
  /** Larger datagrams go singly. */
  #maxSegmentBytes = Number.POSITIVE_INFINITY;
  #singlesLeft = 0;

  constructor(of: Endpoint, addressAt: number, addressBytes: number) {
    this.endpoint = of;
    this.addressAt = addressAt;
    this.addressBytes = addressBytes;
  }

  /** Whether a datagram of this size may go with others; asked once for each. */
  takesSegmentsOf(bytes: number): boolean {
    if (bytes <= this.#maxSegmentBytes) return true;
    this.#singlesLeft--;
    if (this.#singlesLeft > 0) return false;
    this.#maxSegmentBytes = Number.POSITIVE_INFINITY;
    return true;
  }

  /** The kernel refused segments of this size. */
  refusedSegmentsOf(bytes: number): void {
    this.#maxSegmentBytes = bytes - 1;
    this.#singlesLeft = SINGLES_BEFORE_RETRY;
  }
}

export class RemoteTable {
  readonly #memory: Uint8Array;
  readonly #tableAt: number;
  readonly #remotes = new Map<Endpoint, Remote>();
  #last: Remote | undefined;

  constructor(arena: Arena) {
    this.#memory = arena.bytes;
    this.#tableAt = arena.reserve(MAX_REMOTES * SLOT_BYTES);
  }

  /** Its address stays in place until MAX_REMOTES others were asked for: copy it to keep it. */
  remoteOf(of: Endpoint): Remote {
    if (this.#last !== undefined && this.#last.endpoint === of) return this.#last;
    let remote = this.#remotes.get(of);
    if (remote === undefined) {
      if (this.#remotes.size >= MAX_REMOTES) this.#remotes.clear();
      const at = this.#tableAt + this.#remotes.size * SLOT_BYTES;
      remote = new Remote(of, at, writeSocketAddress(this.#memory, at, of));
      this.#remotes.set(of, remote);
    }
    this.#last = remote;
    return remote;
  }
}
