/**
 * The keypairs that one peer has at a time: three with a place, and one that lost it and is still used.
 *
 *                 installAsInitiator                  installAsResponder
 *     previous <- current (or an unused next)         previous erased
 *     current  <- new                                 current  stays
 *     next     erased or moved                        next     <- new
 *
 *     confirm(next): the peer used it, so previous <- current <- next
 *     doubt: previous <- current; confirm(previous) while there is no current: back again
 *     whatever loses its place to these while the peer still seals with it: fading, until the next such
 *
 * Fading keys aren't in the whitepaper. After both sides began at once, each seals with the keys of its own handshake,
 * which are the other's previous ones; the next handshake erases these while packets on them are on their way.
 *
 * A responder may not send on new keys before the initiator has: the response could be lost. Packets on the
 * way were sealed with older keys, so these still open for a while.
 *
 * Source: WireGuard whitepaper, section 6.1 and 5.4.4; the rotation rules are those of its implementations.
 */
import type { Keypair } from './keypair.js';

export class Session {
  #previous: Keypair | undefined;
  #current: Keypair | undefined;
  #next: Keypair | undefined;
  #fading: Keypair | undefined;
  /** What the peer sealed its last packet with. */
  #heardOn: Keypair | undefined;
  readonly #release: (keypair: Keypair) => void;

  /** `release` is told of every keypair that leaves, so that its index is freed. */
  constructor(release: (keypair: Keypair) => void) {
    this.#release = release;
  }

  /** What we seal with; undefined: a handshake is needed. */
  get current(): Keypair | undefined {
    return this.#current;
  }

  get previous(): Keypair | undefined {
    return this.#previous;
  }

  /** Keys that the peer has not confirmed yet. */
  get next(): Keypair | undefined {
    return this.#next;
  }

  /** New keys from a handshake that we began; the response proves that the peer has them. */
  installAsInitiator(keypair: Keypair): void {
    if (this.#next === undefined) {
      if (this.#current !== undefined) {
        this.#retire(this.#previous);
        this.#previous = this.#current;
      }
    } else {
      this.#retire(this.#previous);
      // Both sides began at once: the peer will send on the keys of its own handshake.
      this.#retire(this.#current);
      this.#previous = this.#next;
      this.#next = undefined;
    }
    this.#current = keypair;
  }

  /** New keys from a handshake that the peer began. */
  installAsResponder(keypair: Keypair): void {
    this.#drop(this.#next);
    this.#retire(this.#previous);
    this.#previous = undefined;
    this.#next = keypair;
  }

  /** The peer may have lost the keys that we seal with: they only open, until a packet on them proves otherwise. */
  doubt(): void {
    if (this.#current === undefined) return;
    this.#retire(this.#previous);
    this.#previous = this.#current;
    this.#current = undefined;
  }

  /** Called for every packet that opened: true when it was the first on the next keys, which now are current. */
  confirm(keypair: Keypair): boolean {
    this.#heardOn = keypair;
    if (keypair === this.#previous && this.#current === undefined) {
      this.#current = keypair;
      this.#previous = undefined;
    }
    if (keypair !== this.#next) return false;
    this.#retire(this.#previous);
    this.#previous = this.#current;
    this.#current = keypair;
    this.#next = undefined;
    return true;
  }

  /** Erases everything. */
  clear(): void {
    this.#drop(this.#previous);
    this.#drop(this.#current);
    this.#drop(this.#next);
    this.#drop(this.#fading);
    this.#previous = this.#current = this.#next = undefined;
    this.#fading = this.#heardOn = undefined;
  }

  /** Takes the place of `keypair`, which goes on opening packets if the peer still sends on it. */
  #retire(keypair: Keypair | undefined): void {
    if (keypair === undefined || keypair !== this.#heardOn) {
      this.#drop(keypair);
      return;
    }
    this.#drop(this.#fading);
    this.#fading = keypair;
  }

  #drop(keypair: Keypair | undefined): void {
    if (keypair === undefined) return;
    this.#release(keypair);
    keypair.erase();
  }
}
