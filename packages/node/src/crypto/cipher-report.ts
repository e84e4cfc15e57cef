/** What `warren debug crypto` tells: every cipher, whether it is right and how fast, and which one is taken. */
import {
  CIPHER_MAKERS,
  CIPHER_NAMES,
  type CipherMakers,
  type CipherName,
  cipherNamed,
  tryCipher,
} from './choose-cipher.js';
import { type CipherSpeed, MEASURED_BYTES, measureCipher } from './measure-cipher.js';

/** Usable, with its speed; or why not. */
export type CipherRow =
  | ({ readonly name: CipherName } & CipherSpeed)
  | { readonly name: CipherName; readonly reason: string };

export interface CipherReport {
  /** Undefined: none is usable, or not the one that was asked for. */
  readonly chosen: CipherName | undefined;
  /** By the environment variable. */
  readonly isForced: boolean;
  /** Versions of Node and its OpenSSL, for the speeds belong to them. */
  readonly node: string;
  readonly openssl: string;
  /** Length of the packets that the speeds are of. */
  readonly packetBytes: number;
  /** In order of preference. */
  readonly ciphers: readonly CipherRow[];
}

/** Measures for about a second. `forced` as `chooseCipher` takes it; throws for an unknown name alone. */
export async function reportCiphers(
  forced: string | undefined,
  nanoseconds: () => bigint,
  makers: CipherMakers = CIPHER_MAKERS,
): Promise<CipherReport> {
  const asked = cipherNamed(forced);
  const ciphers: CipherRow[] = [];
  for (const name of CIPHER_NAMES) {
    const tried = await tryCipher(name, makers);
    const isUsable = typeof tried === 'function';
    ciphers.push(isUsable ? { name, ...measureCipher(tried, nanoseconds) } : tried);
  }
  const usable = ciphers.filter((row) => 'sealNs' in row).map(({ name }) => name);
  return {
    chosen: usable.find((name) => asked === undefined || name === asked),
    isForced: asked !== undefined,
    node: process.version,
    openssl: process.versions.openssl,
    packetBytes: MEASURED_BYTES,
    ciphers,
  };
}
