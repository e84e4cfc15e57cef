/**
 * ChaCha20-Poly1305 by OpenSSL's public interface, which every Node exports, also one that is linked to the
 * system's OpenSSL.
 *
 * Not by EVP_chacha20_poly1305, but by EVP_chacha20 and the EVP_MAC Poly1305: the combined cipher completes a tag in
 * small steps and hands it out as a named parameter, which takes 2,000 ns a packet in place of 1,200. (EVP_Cipher is
 * no shorter way either: before OpenSSL 3.5 it completes nothing, and the tag that one gets is an earlier packet's.)
 *
 * Source: OpenSSL manual EVP_EncryptInit(3), EVP_chacha20(3), EVP_MAC(3), EVP_MAC-Poly1305(7).
 */
import { assert } from '@warren/core/base/assert';
import { encodeUtf8 } from '@warren/core/base/text';
import type { TransportCipher } from '@warren/core/ports';
import { composeCiphers, type Primitives, type SharedScratch } from './chacha-poly.js';
import { type Foreign, KEY_BYTES } from './foreign.js';

const TAG_BYTES = 16;
const MAC_NAME = encodeUtf8('POLY1305\0');
/** OpenSSL's functions answer 1 for success. */
const DONE = 1;

/** Throws when this Node doesn't export the functions, or its OpenSSL lacks the algorithms (a FIPS build). */
export function evpCiphers(foreign: Foreign): (key: Uint8Array) => TransportCipher {
  return composeCiphers(foreign, (scratch) => bindEvp(foreign, scratch));
}

function bindEvp({ bind, addressOf }: Foreign, scratch: SharedScratch): Primitives {
  const newContext = bind('uintptr_t EVP_CIPHER_CTX_new()');
  const freeContext = bind('void EVP_CIPHER_CTX_free(uintptr_t context)');
  const init = bind(
    'int EVP_EncryptInit_ex(uintptr_t context, uintptr_t cipher, uintptr_t engine, uintptr_t key, uintptr_t nonce)',
  );
  const update = bind(
    'int EVP_EncryptUpdate(uintptr_t context, uintptr_t out, uintptr_t written, uintptr_t in, int length)',
  );
  const macInit = bind(
    'int EVP_MAC_init(uintptr_t context, uintptr_t key, size_t length, uintptr_t parameters)',
  );
  const macUpdate = bind('int EVP_MAC_update(uintptr_t context, uintptr_t in, size_t length)');
  const macFinal = bind(
    'int EVP_MAC_final(uintptr_t context, uintptr_t out, uintptr_t written, size_t room)',
  );
  const algorithm = bind('uintptr_t EVP_chacha20()')();
  const mac = bind('uintptr_t EVP_MAC_fetch(uintptr_t library, uintptr_t name, uintptr_t query)')(
    0,
    addressOf(MAC_NAME),
    0,
  );
  if (algorithm === 0 || mac === 0) throw new Error('OpenSSL has no ChaCha20 or no Poly1305');
  const macContext = bind('uintptr_t EVP_MAC_CTX_new(uintptr_t mac)')(mac);
  assert(macContext !== 0, 'OpenSSL has memory for a context');
  /** Where OpenSSL tells how much it wrote, which is always all. */
  const { counterBlock, state: written } = scratch;

  return {
    newStream(key) {
      const context = newContext();
      assert(context !== 0, 'OpenSSL has memory for a context');
      assert(init(context, algorithm, 0, key, counterBlock) === DONE, 'OpenSSL takes the key');
      return {
        start() {
          assert(init(context, 0, 0, 0, counterBlock) === DONE, 'OpenSSL takes the nonce');
        },
        xor(out, text, length) {
          assert(update(context, out, written, text, length) === DONE, 'OpenSSL encrypts');
        },
        // Overwrites what it frees.
        free() {
          freeContext(context);
        },
      };
    },
    mac: {
      init(key) {
        assert(macInit(macContext, key, KEY_BYTES, 0) === DONE, 'OpenSSL takes a one-time key');
      },
      update(text, length) {
        assert(macUpdate(macContext, text, length) === DONE, 'OpenSSL authenticates');
      },
      final(tag) {
        assert(macFinal(macContext, tag, written, TAG_BYTES) === DONE, 'OpenSSL makes the tag');
      },
    },
  };
}
