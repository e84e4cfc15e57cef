/**
 * X25519 key objects of node:crypto, cached: importing one costs more than the multiplication.
 *
 * node:crypto has no raw import. PKCS #8 takes OpenSSL 3.0 about 600 µs, a JWK 45 µs, but a JWK wants the
 * public half too, which we don't have. Today's runtimes ignore what stands there and compute it; whether
 * this one does is found out once, and PKCS #8 is used where it doesn't.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { BoundedCache } from './bounded-cache.js';

/** A node uses a handful of long-lived private keys; the rest are ephemeral keys of handshakes under way. */
const PRIVATE_KEYS_MAX = 256;
/** Peers of a large network; each entry is about a kilobyte. */
const PUBLIC_KEYS_MAX = 4096;

/** DER of an X25519 private key (RFC 8410 section 7) up to the 32 raw bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** RFC 7748 section 6.1, Alice: the known pair that decides how private keys are imported. */
const PROBE_PRIVATE = '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a';

const PLACEHOLDER = Buffer.alloc(32).toString('base64url');

function base64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}

function importJwk(privateKey: Uint8Array): KeyObject {
  const key = { kty: 'OKP', crv: 'X25519', d: base64Url(privateKey), x: PLACEHOLDER };
  return createPrivateKey({ key, format: 'jwk' });
}

function importPkcs8(privateKey: Uint8Array): KeyObject {
  const key = Buffer.concat([PKCS8_PREFIX, privateKey]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

function exportPublicHalf(key: KeyObject): Uint8Array {
  return new Uint8Array(Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url'));
}

function jwkComputesPublicHalf(): boolean {
  const probe = Buffer.from(PROBE_PRIVATE, 'hex');
  try {
    return (
      Buffer.compare(exportPublicHalf(importJwk(probe)), exportPublicHalf(importPkcs8(probe))) === 0
    );
  } catch {
    return false;
  }
}

interface PrivateKey {
  readonly object: KeyObject;
  /** Exported when somebody first asks: for most keys nobody does, for some time and again. */
  publicHalf: Uint8Array | undefined;
}

/** Turns raw keys into key objects. The caches are bounded; the least recently used goes. */
export class KeyObjects {
  readonly #private = new BoundedCache<PrivateKey>(PRIVATE_KEYS_MAX);
  readonly #public = new BoundedCache<KeyObject>(PUBLIC_KEYS_MAX);
  readonly #importPrivate = jwkComputesPublicHalf() ? importJwk : importPkcs8;

  privateKey(raw: Uint8Array): KeyObject {
    return this.#privateKey(raw).object;
  }

  /** The 32 raw bytes of the public half; the caller's own memory. */
  publicHalf(raw: Uint8Array): Uint8Array {
    const key = this.#privateKey(raw);
    key.publicHalf ??= exportPublicHalf(key.object);
    return key.publicHalf.slice();
  }

  publicKey(raw: Uint8Array): KeyObject {
    const x = base64Url(raw);
    return this.#public.get(x, () =>
      createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' }),
    );
  }

  #privateKey(raw: Uint8Array): PrivateKey {
    const make = () => ({ object: this.#importPrivate(raw), publicHalf: undefined });
    return this.#private.get(base64Url(raw), make);
  }
}
