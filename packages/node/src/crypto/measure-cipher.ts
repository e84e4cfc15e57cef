/** How long a cipher takes for a packet, here and now. */
import type { MakeCipher } from './cipher-check.js';

/** A full packet of a tunnel with WireGuard's usual MTU; 1,424 when padded to 16, which MTUs forbid. */
export const MEASURED_BYTES = 1_420;
const TAG_BYTES = 16;
/** So many packets lie side by side: more than the first-level cache holds, as in the data plane. */
const PLACES = 64;
const STRIDE_BYTES = 2_048;
/** Short rounds, of which the median is told: other work of the machine spoils some, not most. */
const ROUND_PACKETS = 256;
/** A cipher that takes 25 µs a packet is done within 1 s. */
const ROUNDS = 60;

export interface CipherSpeed {
  /** Medians. */
  readonly sealNs: number;
  readonly openNs: number;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** `nanoseconds` is a clock that never goes back. */
export function measureCipher(make: MakeCipher, nanoseconds: () => bigint): CipherSpeed {
  const cipher = make(new Uint8Array(32).fill(7));
  const memory = new Uint8Array(PLACES * STRIDE_BYTES);
  const seals: number[] = [];
  const opens: number[] = [];
  const placeOf = (i: number): number => (i % PLACES) * STRIDE_BYTES + TAG_BYTES;
  const timed = (into: number[], packets: number, work: (i: number) => void): void => {
    const begun = nanoseconds();
    for (let i = 0; i < packets; i++) work(i);
    into.push(Number(nanoseconds() - begun) / packets);
  };
  for (let round = 0; round < ROUNDS; round++) {
    // As many as there are places: what is opened next is what was sealed here.
    for (let lot = 0; lot < ROUND_PACKETS / PLACES; lot++) {
      timed(seals, PLACES, (i) => cipher.seal(i, memory, placeOf(i), MEASURED_BYTES));
      timed(opens, PLACES, (i) => {
        cipher.open(i, memory, placeOf(i), MEASURED_BYTES + TAG_BYTES);
      });
    }
  }
  cipher.erase();
  return { sealNs: Math.round(median(seals)), openNs: Math.round(median(opens)) };
}
