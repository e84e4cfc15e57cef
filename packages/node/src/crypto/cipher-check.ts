/**
 * Whether a cipher is right: known answers, random packets against node:crypto (which passed its own vectors),
 * forged tags, and bytes around the packet that must stay as they are.
 *
 * A cipher comes from functions outside Node's own interface, so nothing about it is believed: what fails here
 * is not used.
 */
import { createCipheriv } from 'node:crypto';
import { encodeHex, hexLiteral } from '@warren/core/base/bytes';
import { SeededRandom } from '@warren/core/base/seeded-random';
import type { TransportCipher } from '@warren/core/ports';
import { CIPHER_VECTORS, type CipherVector } from './cipher-vectors.js';

export type MakeCipher = (key: Uint8Array) => TransportCipher;

const TAG_BYTES = 16;
const NONCE_BYTES = 12;
/** Room on either side of the packet, so that every alignment occurs and overwriting shows. */
const MARGIN_BYTES = 96;
const MARGIN = 0xa5;
/** A packet of a 1,500-byte network, and what the loopback's may have. */
const USUAL_MAX_BYTES = 1_500;
const LARGE_MAX_BYTES = 16_384;
/** One packet in so many is large, forged, or a new key's first. */
const LARGE_EVERY = 64;
const FORGED_EVERY = 4;
const KEY_EVERY = 16;
/** Enough for every remainder of 16 and of 64 to come up; some milliseconds. */
const START_PACKETS = 400;
const START_SEED = 0x8439;

/** What is wrong, for people; undefined: nothing. */
export type Fault = string | undefined;

function sealedByNode(key: Uint8Array, counter: number, plaintext: Uint8Array): Buffer {
  const nonce = new DataView(new ArrayBuffer(NONCE_BYTES));
  nonce.setBigUint64(4, BigInt(counter), true);
  const options = { authTagLength: TAG_BYTES } as const;
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, options);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

function vectorFault(make: MakeCipher, vector: CipherVector): Fault {
  const { counter, plaintext, sealed } = vector;
  const [clear, expected] = [hexLiteral(plaintext), hexLiteral(sealed)];
  const cipher = make(hexLiteral(vector.key));
  const memory = new Uint8Array(clear.length + TAG_BYTES);
  memory.set(clear);
  cipher.seal(counter, memory, 0, clear.length);
  const isRight = encodeHex(memory) === sealed;
  const opens = cipher.open(counter, expected, 0, expected.length);
  cipher.erase();
  if (!isRight) return `a vector of ${clear.length} bytes is sealed wrongly`;
  if (!opens || !isSame(expected.subarray(0, clear.length), clear)) {
    return `a vector of ${clear.length} bytes does not open`;
  }
  return undefined;
}

interface Trial {
  readonly key: Uint8Array;
  readonly counter: number;
  readonly memory: Uint8Array;
  readonly at: number;
  readonly length: number;
}

function packetFault(cipher: TransportCipher, trial: Trial, forgeBit: number | undefined): Fault {
  const { key, counter, memory, at, length } = trial;
  const before = memory.slice();
  const sealed = sealedByNode(key, counter, memory.subarray(at, at + length));
  before.set(sealed, at);
  const what = `${length} bytes at offset ${at} with counter ${counter}`;
  const clear = memory.slice(at, at + length);

  cipher.seal(counter, memory, at, length);
  if (!isSame(memory, before)) return `sealing of ${what} differs from OpenSSL's`;
  if (forgeBit !== undefined) {
    const bit = forgeBit % (sealed.length * 8);
    const forgedAt = at + (bit >> 3);
    memory[forgedAt] = (memory[forgedAt] ?? 0) ^ (1 << (bit & 7));
    if (cipher.open(counter, memory, at, sealed.length)) return `a forgery of ${what} opens`;
    memory.set(sealed, at);
  }
  if (cipher.open(counter + 1, memory, at, sealed.length)) return `${what} open under another`;
  memory.set(sealed, at);
  if (!cipher.open(counter, memory, at, sealed.length)) return `${what} do not open`;
  if (!isSame(memory.subarray(at, at + length), clear)) return `${what} open wrongly`;
  memory.set(sealed, at); // what becomes of the tag is the cipher's affair
  return isSame(memory, before) ? undefined : `opening of ${what} writes beside them`;
}

/**
 * Seals, forges and opens `packets` random packets at random places of `memory`, which is overwritten, and
 * compares with node:crypto. The same seed gives the same packets.
 */
export function differentialFault(
  make: MakeCipher,
  packets: number,
  seed: number,
  memory: Uint8Array = new Uint8Array(LARGE_MAX_BYTES + 2 * MARGIN_BYTES),
): Fault {
  const random = new SeededRandom(seed);
  const key = new Uint8Array(32);
  let cipher: TransportCipher | undefined;
  for (let i = 0; i < packets; i++) {
    if (cipher === undefined || i % KEY_EVERY === 0) {
      cipher?.erase();
      cipher = make(random.fill(key));
    }
    const maxBytes = i % LARGE_EVERY === 1 ? LARGE_MAX_BYTES : USUAL_MAX_BYTES;
    const length = i < USUAL_MAX_BYTES && i % 2 === 0 ? i / 2 : random.below(maxBytes + 1);
    const at = MARGIN_BYTES - 64 + random.below(64);
    const counter = random.below(2 ** 21) * 2 ** random.below(32) + random.below(2 ** 16);
    const behind = random.below(MARGIN_BYTES / 2);
    const around = memory.subarray(0, at + length + TAG_BYTES + behind);
    around.fill(MARGIN);
    random.fill(around.subarray(at, at + length));
    const forgeBit = i % FORGED_EVERY === 0 ? random.uint32() : undefined;
    const fault = packetFault(cipher, { key, counter, memory: around, at, length }, forgeBit);
    if (fault !== undefined) return `${fault} (packet ${i} of seed ${seed})`;
  }
  cipher?.erase();
  return undefined;
}

function shortFault(make: MakeCipher): Fault {
  const cipher = make(new Uint8Array(32));
  for (let length = 0; length < TAG_BYTES; length++) {
    if (cipher.open(0, new Uint8Array(TAG_BYTES), 0, length)) return 'less than a tag opens';
  }
  cipher.erase();
  return undefined;
}

/** All checks that are made at start. Answers also what a cipher throws. */
export function cipherFault(make: MakeCipher): Fault {
  try {
    for (const vector of CIPHER_VECTORS) {
      const fault = vectorFault(make, vector);
      if (fault !== undefined) return fault;
    }
    return shortFault(make) ?? differentialFault(make, START_PACKETS, START_SEED);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
