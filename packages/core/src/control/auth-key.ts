/**
 * Auth keys: what a person pastes on a machine so that it may join.
 *
 *     wkey-auth-<id: 12 characters a-z0-9>-<secret: 43 characters, base64url of 32 bytes>[.<pins>]
 *     pins: base64url of 64 bytes, SHA-256 of the hub's certificate (DER), then control's public key
 *
 * The pins let the machine trust a hub with a self-signed certificate at first contact. Servers ignore them,
 * and servers keep only the SHA-256 of the secret.
 */
import { assert } from '../base/assert.js';
import { concatBytes, decodeHex, encodeHex } from '../base/bytes.js';
import { decodeBase64, encodeBase64Url } from '../base/text.js';
import { type MachineKey, publicKeyBytes, publicKeyFromBytes } from '../keys/keys.js';
import type { Random } from '../ports.js';
import { randomLabel } from './random-label.js';

const PREFIX = 'wkey-auth-';
/** 12 of 36 characters name a key: 62 bits, never guessed nor repeated within one server. */
const ID_CHARACTERS = 12;
/** 256 bits: beyond guessing, so a plain SHA-256 of it may be stored. */
const SECRET_BYTES = 32;
const CERTIFICATE_HASH_BYTES = 32;

const PATTERN = /^wkey-auth-([a-z0-9]{12})-([A-Za-z0-9_-]{43})(?:\.([A-Za-z0-9_-]{86}))?$/;

/** What the machine that joins compares the hub with. */
export interface HubPins {
  /** SHA-256 of the certificate's DER, as lower-case hex. */
  readonly certificateSha256: string;
  readonly controlKey: MachineKey;
}

export interface AuthKey {
  /** Names the key in lists; not secret. */
  readonly id: string;
  /** 43 characters of base64url. */
  readonly secret: string;
  readonly pins?: HubPins;
}

/** A fresh key without pins. */
export function generateAuthKey(random: Random): AuthKey {
  const id = randomLabel(random, ID_CHARACTERS);
  return { id, secret: encodeBase64Url(random.fill(new Uint8Array(SECRET_BYTES))) };
}

/** The text that a person copies. */
export function formatAuthKey(key: AuthKey): string {
  const text = `${PREFIX}${key.id}-${key.secret}`;
  return key.pins === undefined ? text : `${text}.${formatPins(key.pins)}`;
}

/** Pins alone: 86 characters of base64url, behind a key or as the fragment of a hub's address. */
export function formatPins(pins: HubPins): string {
  const certificate = decodeHex(pins.certificateSha256);
  assert(certificate?.length === CERTIFICATE_HASH_BYTES, 'a certificate pin is a SHA-256');
  return encodeBase64Url(concatBytes(certificate, publicKeyBytes(pins.controlKey)));
}

/** Parses what {@link formatPins} made; undefined for anything else. */
export function parsePins(text: string): HubPins | undefined {
  const pins = /^[A-Za-z0-9_-]{86}$/.test(text) ? decodeBase64(text) : undefined;
  if (pins?.length !== CERTIFICATE_HASH_BYTES + 32) return undefined;
  return {
    certificateSha256: encodeHex(pins.subarray(0, CERTIFICATE_HASH_BYTES)),
    controlKey: publicKeyFromBytes('machine', pins.subarray(CERTIFICATE_HASH_BYTES)),
  };
}

/** Parses what {@link formatAuthKey} made; undefined for anything else, such as another server's keys. */
export function parseAuthKey(text: string): AuthKey | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, id = '', secret = '', suffix] = match;
  if (suffix === undefined) return { id, secret };
  const pins = parsePins(suffix);
  return pins === undefined ? undefined : { id, secret, pins };
}
