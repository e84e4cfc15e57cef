/**
 * Known answers of ChaCha20-Poly1305 in WireGuard's use: no associated data, nonce by counter. Hex.
 *
 * Of the first, key, text and ciphertext are RFC 8439 section 2.4.2: its nonce 00000000 0000004a 00000000 is what a
 * counter gives, and it begins with block 1, as the AEAD does. Its tag was computed by Warren, as all of the second
 * vector was; OpenSSL and a pure implementation agree on both. The others are a handshake's transport messages, of which
 * wireguard-go accepted the first.
 *
 * No published tag fits: the RFC's examples of the AEAD (2.8.2, A.5) have associated data, and nonces that none of our
 * counters gives. At the daemon's start node:crypto has to reproduce 2.8.2 (shell's crypto/self-test.ts); what seals
 * packets is compared with node:crypto (cipher-check.ts).
 */
import { WITHOUT_PRESHARED_KEY as transcript } from '@warren/core/wireguard/vectors';

export interface CipherVector {
  readonly key: string;
  readonly counter: number;
  readonly plaintext: string;
  /** Ciphertext and tag. */
  readonly sealed: string;
}

/** Of a transport message, whose header has 16 bytes. */
const BODY_AT_DIGIT = 32;

export const CIPHER_VECTORS: readonly CipherVector[] = [
  {
    key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    counter: 0x4a00_0000,
    plaintext:
      '4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a20496620' +
      '4920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c' +
      '2073756e73637265656e20776f756c642062652069742e',
    sealed:
      '6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62' +
      'b3571639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab' +
      '77937365af90bbf74a35be6b40b8eedf2785e42874d81db63fcb189a03121ae0ac72a3f1f36',
  },
  {
    key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
    // Both halves of the counter count.
    counter: 0x0012_3456_789a_bcde,
    plaintext: '',
    sealed: 'd49691531a44e086c02979c590cca466',
  },
  {
    key: transcript.initiatorSendKey,
    counter: 0,
    plaintext: '',
    sealed: transcript.keepalive.slice(BODY_AT_DIGIT),
  },
  {
    key: transcript.initiatorSendKey,
    counter: 1,
    plaintext: '45000005060000000000000000000000',
    sealed: transcript.data.slice(BODY_AT_DIGIT),
  },
];
