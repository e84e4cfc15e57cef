/**
 * Damaged copies of valid bytes, for the bad-input suite that every decoder passes: whatever the bytes,
 * a decoder gives a reason or a value and never throws. Pure data, without a test framework.
 */

/** `valid` cut short after 0, 1, 2 ... length - 1 bytes. */
export function* truncations(valid: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < valid.length; length++) yield valid.slice(0, length);
}

/** `valid` with each single bit turned over. */
export function* bitFlips(valid: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < 8 * valid.length; bit++) {
    const flipped = valid.slice();
    const at = bit >> 3;
    flipped[at] = (flipped[at] ?? 0) ^ (0x80 >> (bit & 7));
    yield flipped;
  }
}

/** `valid` with each pair of neighbouring bytes set to ffff: lengths, counts and types out of all bounds. */
export function* inflations(valid: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at + 1 < valid.length; at++) {
    const inflated = valid.slice();
    inflated[at] = 0xff;
    inflated[at + 1] = 0xff;
    yield inflated;
  }
}

/** `valid` followed by 1, 2, 4 ... 64 bytes that don't belong to it. */
export function* extensions(valid: Uint8Array): Generator<Uint8Array> {
  for (let extra = 1; extra <= 64; extra *= 2) {
    const extended = new Uint8Array(valid.length + extra).fill(0xa5);
    extended.set(valid);
    yield extended;
  }
}

/** All of the above. */
export function* mutations(valid: Uint8Array): Generator<Uint8Array> {
  yield* truncations(valid);
  yield* bitFlips(valid);
  yield* inflations(valid);
  yield* extensions(valid);
}
