/**
 * What a server may say inside records before HTTP/2 begins.
 *
 *     ff ff ff 54 53, u32 length (big-endian), JSON {"nodeKeyChallenge":"chalpub:<64 hex>"}
 *
 * The magic can't be an HTTP/2 frame header: its first three bytes would be a length that no peer
 * allows. Record boundaries mean nothing here: headscale writes three records, others one.
 */
import { viewOf } from '../base/bytes.js';
import { DecodeFailure, fail } from '../base/failure.js';
import { decodeUtf8, encodeUtf8 } from '../base/text.js';
import { type ChallengeKey, formatPublicKey, parsePublicKey } from '../keys/keys.js';

/** ff ff ff, then "TS". */
const MAGIC = new Uint8Array([0xff, 0xff, 0xff, 0x54, 0x53]);
const HEADER_BYTES = MAGIC.length + 4;

/** The official client's limit. Real payloads have about 100 bytes; memory grows only with what arrives. */
export const MAX_EARLY_PAYLOAD_BYTES = 10 * 1024 * 1024;

/** Room for every payload seen so far; larger ones double it. */
const FIRST_CAPACITY_BYTES = 256;

const NOTHING = new Uint8Array(0);

export interface EarlyPayload {
  /** Fresh per connection; a client may be asked to prove its node key against it. */
  readonly nodeKeyChallenge: ChallengeKey | undefined;
}

/** The bytes for `RecordStream.seal`, to be written before any HTTP/2. */
export function encodeEarlyPayload(nodeKeyChallenge: ChallengeKey): Uint8Array {
  const challenge = formatPublicKey('challenge', nodeKeyChallenge);
  const json = encodeUtf8(JSON.stringify({ nodeKeyChallenge: challenge }));
  const bytes = new Uint8Array(HEADER_BYTES + json.length);
  bytes.set(MAGIC);
  viewOf(bytes).setUint32(MAGIC.length, json.length);
  bytes.set(json, HEADER_BYTES);
  return bytes;
}

function decodeBody(bytes: Uint8Array): EarlyPayload | DecodeFailure {
  let parsed: unknown;
  try {
    parsed = JSON.parse(decodeUtf8(bytes) ?? '');
  } catch {
    return fail('early-payload-not-json');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return fail('early-payload-not-an-object');
  }
  const text: unknown = 'nodeKeyChallenge' in parsed ? parsed.nodeKeyChallenge : undefined;
  if (text === undefined || text === null) return { nodeKeyChallenge: undefined };
  const key = typeof text === 'string' ? parsePublicKey('challenge', text) : undefined;
  return key === undefined ? fail('early-payload-bad-key') : { nodeKeyChallenge: key };
}

/**
 * Stands at the start of the client's plaintext. It takes the early payload out if there is one and
 * hands everything else on; after that it costs nothing.
 */
export class EarlyPayloadReader {
  #held = new Uint8Array(FIRST_CAPACITY_BYTES);
  #heldLength = 0;
  #done = false;
  #payload: EarlyPayload | undefined;
  #failure: DecodeFailure | undefined;

  /** What the server said; undefined until it did, for ever when it says nothing. */
  get payload(): EarlyPayload | undefined {
    return this.#payload;
  }

  /** Takes plaintext of any cut; returns the part for HTTP/2. Fails for good on a malformed payload. */
  read(plaintext: Uint8Array): Uint8Array | DecodeFailure {
    if (this.#done) return plaintext;
    if (this.#failure !== undefined) return this.#failure;
    const result = this.#read(plaintext);
    if (result instanceof DecodeFailure) this.#failure = result;
    return result;
  }

  #read(plaintext: Uint8Array): Uint8Array | DecodeFailure {
    this.#hold(plaintext);
    const held = this.#held.subarray(0, this.#heldLength);
    for (let i = 0; i < Math.min(held.length, MAGIC.length); i++) {
      if (held[i] !== MAGIC[i]) return this.#handOver(held);
    }
    if (held.length < HEADER_BYTES) return NOTHING;
    const length = viewOf(held).getUint32(MAGIC.length);
    if (length > MAX_EARLY_PAYLOAD_BYTES) return fail('early-payload-too-long');
    const end = HEADER_BYTES + length;
    if (held.length < end) return NOTHING;
    const payload = decodeBody(held.subarray(HEADER_BYTES, end));
    if (payload instanceof DecodeFailure) return payload;
    this.#payload = payload;
    return this.#handOver(held.subarray(end));
  }

  #handOver(rest: Uint8Array): Uint8Array {
    this.#done = true;
    this.#held = NOTHING;
    return rest;
  }

  #hold(bytes: Uint8Array): void {
    const length = this.#heldLength + bytes.length;
    if (length > this.#held.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#held.length));
      grown.set(this.#held.subarray(0, this.#heldLength));
      this.#held = grown;
    }
    this.#held.set(bytes, this.#heldLength);
    this.#heldLength = length;
  }
}
