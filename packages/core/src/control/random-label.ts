/** Names that nobody can guess and no server gives twice: auth key ids, stable node ids. */
import type { Random } from '../ports.js';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** The largest multiple of 36 in a byte: values above it would favour the first letters. */
const FAIR_BYTES = 252;

/** `length` characters of a-z0-9, about 5.2 bits each. */
export function randomLabel(random: Random, length: number): string {
  let label = '';
  while (label.length < length) {
    for (const byte of random.fill(new Uint8Array(length))) {
      if (byte < FAIR_BYTES && label.length < length) label += ALPHABET.charAt(byte % 36);
    }
  }
  return label;
}
