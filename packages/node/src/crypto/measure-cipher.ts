/** How long a cipher takes for a packet, here and now. */
import type { MakeCipher } from './cipher-check.js';

/** A full packet of a tunnel with WireGuard's usual MTU; 1,424 when padded to 16, which MTUs forbid. */
export const MEASURED_BYTES = 1_420;
const TAG_BYTES = 16;
/** So many packets lie side by side: more than the first-level cache holds, as in the data plane. */
const PLACES = 64;
const STRIDE_BYTES = 2_048;
/** A cipher that takes 10 µs a packet is done within half a second. */
const ROUNDS = 320;
/**
 * Of the rounds, the one that a tenth of them beat is told: warming up and other work of the machine only make
 * rounds longer, and on a busy machine that is most of them.
 */
const TOLD_QUANTILE = 0.1;

export interface CipherSpeed {
  readonly sealNs: number;
  readonly openNs: number;
}

function undisturbed(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length * TOLD_QUANTILE)] ?? 0;
}

/** `nanoseconds` is a clock that never goes back. */
export function measureCipher(make: MakeCipher, nanoseconds: () => bigint): CipherSpeed {
  const cipher = make(new Uint8Array(32).fill(7));
  const memory = new Uint8Array(PLACES * STRIDE_BYTES);
  const seals: number[] = [];
  const opens: number[] = [];
  const placeOf = (i: number): number => (i % PLACES) * STRIDE_BYTES + TAG_BYTES;
  const timed = (into: number[], work: (i: number) => void): void => {
    const begun = nanoseconds();
    for (let i = 0; i < PLACES; i++) work(i);
    into.push(Number(nanoseconds() - begun) / PLACES);
  };
  for (let round = 0; round < ROUNDS; round++) {
    // What is opened is what was sealed just before.
    timed(seals, (i) => cipher.seal(i, memory, placeOf(i), MEASURED_BYTES));
    timed(opens, (i) => {
      cipher.open(i, memory, placeOf(i), MEASURED_BYTES + TAG_BYTES);
    });
  }
  cipher.erase();
  return { sealNs: Math.round(undisturbed(seals)), openNs: Math.round(undisturbed(opens)) };
}
