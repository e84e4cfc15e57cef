/**
 * A {@link TransportCipher} on top of a one-shot ChaCha20-Poly1305, for implementations that keep no state
 * for a key.
 *
 *     nonce (12 bytes):  0 0 0 0 | counter, 64 bits, little-endian
 *
 * Source: WireGuard whitepaper, section 5.4.6.
 */
import { viewOf, writeU64 } from '../base/bytes.js';
import type { Crypto, TransportCipher } from '../ports.js';

const NONCE_BYTES = 12;
const COUNTER_AT = 4;

const NOTHING = new Uint8Array(0);

/** Copies `key`. The nonce is written anew for each message; nothing else is allocated here. */
export function transportCipherOver(
  aead: Pick<Crypto, 'seal' | 'open'>,
  key: Uint8Array,
): TransportCipher {
  const own = key.slice();
  const nonce = new Uint8Array(NONCE_BYTES);
  const view = viewOf(nonce);
  const count = (counter: number): Uint8Array => {
    writeU64(view, COUNTER_AT, counter);
    return nonce;
  };
  return {
    seal: (counter, memory, at, length) =>
      aead.seal(own, count(counter), NOTHING, memory, at, length, memory, at),
    open: (counter, memory, at, length) =>
      aead.open(own, count(counter), NOTHING, memory, at, length, memory, at),
    erase() {
      own.fill(0);
    },
  };
}
