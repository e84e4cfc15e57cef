/**
 * Which transport counters were already accepted: a bitmap that slides with the greatest of them.
 *
 * Bits lie in a ring of words; word `counter / 32 mod 256`. Moving forward clears only the words that are
 * entered, so one step costs no more than the distance. The word that is being entered is part old and
 * part new, hence the window is one word shorter than the ring.
 *
 * Source: RFC 6479; WireGuard whitepaper, section 5.4.6.
 */

const BITS_PER_WORD = 32;

/**
 * 8,192 bits, as Linux and wireguard-go have: a second at 100,000 packets a second over two paths whose
 * delays differ by 80 ms.
 */
const RING_WORDS = 256;

/** A counter this far below the greatest accepted one is too old to be told from a replay. */
export const REPLAY_WINDOW_SIZE = (RING_WORDS - 1) * BITS_PER_WORD;

export class ReplayWindow {
  readonly #ring = new Uint32Array(RING_WORDS);
  #greatest = 0;

  /** True when `counter` was not accepted before and is not too old. Changes nothing. */
  isFresh(counter: number): boolean {
    if (counter > this.#greatest) return true;
    if (this.#greatest - counter > REPLAY_WINDOW_SIZE) return false;
    const word = this.#ring[Math.floor(counter / BITS_PER_WORD) % RING_WORDS] ?? 0;
    return (word & (1 << (counter % BITS_PER_WORD))) === 0;
  }

  /** Marks `counter` as seen, only after its packet was authenticated. False: it was a replay or too old. */
  accept(counter: number): boolean {
    if (!this.isFresh(counter)) return false;
    const word = Math.floor(counter / BITS_PER_WORD);
    if (counter > this.#greatest) {
      const from = Math.floor(this.#greatest / BITS_PER_WORD);
      const steps = Math.min(word - from, RING_WORDS);
      for (let step = 1; step <= steps; step++) this.#ring[(from + step) % RING_WORDS] = 0;
      this.#greatest = counter;
    }
    const slot = word % RING_WORDS;
    this.#ring[slot] = (this.#ring[slot] ?? 0) | (1 << (counter % BITS_PER_WORD));
    return true;
  }
}
