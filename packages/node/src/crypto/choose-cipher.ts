/**
 * Which ChaCha20-Poly1305 packets go through: the first of a fixed order, fastest first, that is there and
 * passes its checks (cipher-check.ts).
 *
 *     raw   inner functions of OpenSSL in the Node binary
 *     evp   OpenSSL's public interface
 *     node  node:crypto, which needs nothing but Node
 *
 * The environment variable WARREN_CRYPTO names one to take instead; it has to pass the same checks. Pure
 * JavaScript (noble) is no candidate: it takes longer than node:crypto, which is always there.
 */
import { transportCipherOver } from '@warren/core/crypto/transport-cipher';
import type { Crypto } from '@warren/core/ports';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { NodeError } from '../errors.js';
import { cipherFault, type MakeCipher } from './cipher-check.js';
import { evpCiphers } from './evp-cipher.js';
import { type Foreign, loadForeign } from './foreign.js';
import { rawCiphers } from './raw-cipher.js';

/** In order of preference. */
export const CIPHER_NAMES = ['raw', 'evp', 'node'] as const;
export type CipherName = (typeof CIPHER_NAMES)[number];

/** For tests and for a machine where the usual choice turns out wrong. */
export const CIPHER_VARIABLE = 'WARREN_CRYPTO';

export interface RejectedCipher {
  readonly name: CipherName;
  readonly reason: string;
}

export interface CipherChoice {
  readonly name: CipherName;
  readonly make: MakeCipher;
  /** Those before it in the order, and why they can't be used. */
  readonly rejected: readonly RejectedCipher[];
}

/** How each is made; tests bring broken ones. What can't be made throws. */
export type CipherMakers = Readonly<Record<CipherName, () => MakeCipher | Promise<MakeCipher>>>;

function makersOf(foreign: () => Promise<Foreign>): CipherMakers {
  return {
    raw: async () => rawCiphers(await foreign()),
    evp: async () => evpCiphers(await foreign()),
    node: () => {
      const crypto = createNodeCrypto();
      return (key) => transportCipherOver(crypto, key);
    },
  };
}

export const CIPHER_MAKERS: CipherMakers = makersOf(loadForeign);

/** The cipher of that name, checked; or why it can't be used. */
export async function tryCipher(
  name: CipherName,
  makers: CipherMakers = CIPHER_MAKERS,
): Promise<MakeCipher | RejectedCipher> {
  try {
    const make = await makers[name]();
    const reason = cipherFault(make);
    return reason === undefined ? make : { name, reason };
  } catch (error) {
    return { name, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** The cipher that {@link CIPHER_VARIABLE} names; undefined when it is empty or unset. */
export function cipherNamed(forced: string | undefined): CipherName | undefined {
  if (forced === undefined || forced === '') return undefined;
  const name = CIPHER_NAMES.find((known) => known === forced);
  if (name === undefined) {
    throw new NodeError(
      'CIPHER_UNKNOWN',
      `${CIPHER_VARIABLE} names the cipher ${forced}, which Warren doesn’t have`,
      `unset ${CIPHER_VARIABLE}, or set it to one of: ${CIPHER_NAMES.join(', ')}`,
    );
  }
  return name;
}

/**
 * Chooses; takes some milliseconds. `forced` is the content of {@link CIPHER_VARIABLE}. Throws a `NodeError`
 * when that one is unknown or fails, or when none is left.
 */
export async function chooseCipher(
  forced: string | undefined,
  makers: CipherMakers = CIPHER_MAKERS,
): Promise<CipherChoice> {
  const asked = cipherNamed(forced);
  const names = asked === undefined ? CIPHER_NAMES : [asked];
  const rejected: RejectedCipher[] = [];
  for (const name of names) {
    const tried = await tryCipher(name, makers);
    if (typeof tried === 'function') return { name, make: tried, rejected };
    rejected.push(tried);
  }
  const reasons = rejected.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  throw new NodeError(
    'CIPHER_UNUSABLE',
    `no cipher for packets is usable (${reasons})`,
    asked === undefined
      ? 'install an official build of Node; warren debug crypto shows what this one lacks'
      : `unset ${CIPHER_VARIABLE}, so that another is taken`,
  );
}

/** `crypto` with packets going through the chosen cipher. */
export function withCipher(crypto: Crypto, { make }: CipherChoice): Crypto {
  return { ...crypto, transportCipher: make };
}
