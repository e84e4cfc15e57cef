/** Names that nobody can guess and no server gives twice: auth key ids, stable node ids. */
import type { Random } from '../ports.js';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** `length` characters, each as likely as the others; of a-z0-9 they have about 5.2 bits each. */
export function randomLabel(random: Random, length: number, alphabet = ALPHABET): string {
  // The largest multiple in a byte: values above it would favour the first letters.
  const fairBytes = 256 - (256 % alphabet.length);
  let label = '';
  while (label.length < length) {
    for (const byte of random.fill(new Uint8Array(length))) {
      if (byte < fairBytes && label.length < length)
        label += alphabet.charAt(byte % alphabet.length);
    }
  }
  return label;
}
