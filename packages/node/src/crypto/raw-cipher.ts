/**
 * ChaCha20-Poly1305 by OpenSSL's inner functions ChaCha20_ctr32 and Poly1305_*, which Node's own builds export:
 * without EVP's bookkeeping. They know no contexts: the key and the counter block are given to each call.
 *
 * Source: OpenSSL include/crypto/chacha.h and include/crypto/poly1305.h.
 */
import type { TransportCipher } from '@warren/core/ports';
import { composeCiphers, STATE_BYTES } from './chacha-poly.js';
import type { Foreign } from './foreign.js';

/** Throws when this Node doesn't export the functions. */
export function rawCiphers(foreign: Foreign): (key: Uint8Array) => TransportCipher {
  const { bind } = foreign;
  const chacha = bind(
    'void ChaCha20_ctr32(uintptr_t out, uintptr_t in, size_t length, uintptr_t key, uintptr_t counter)',
  );
  const polyInit = bind('void Poly1305_Init(uintptr_t state, uintptr_t key)');
  const polyUpdate = bind('void Poly1305_Update(uintptr_t state, uintptr_t in, size_t length)');
  const polyFinal = bind('void Poly1305_Final(uintptr_t state, uintptr_t tag)');
  const stateBytes = bind('size_t Poly1305_ctx_size()')();
  if (stateBytes > STATE_BYTES) throw new Error(`Poly1305 wants ${stateBytes} bytes for its state`);

  return composeCiphers(foreign, ({ counterBlock, counterWords, state, stateMemory }) => ({
    newStream: (key) => ({
      start: () => undefined,
      xor(out, text, length) {
        chacha(out, text, length, key, counterBlock);
        // A packet's first call is of block 0, alone or with all the rest.
        counterWords[0] = 1;
      },
      free() {
        stateMemory.fill(0);
      },
    }),
    mac: {
      init: (key) => polyInit(state, key),
      update: (text, length) => polyUpdate(state, text, length),
      final: (tag) => polyFinal(state, tag),
    },
  }));
}
