/**
 * A type per kind of key, so that a disco key can't be passed where a node key belongs.
 *
 * Public keys are branded strings of 64 lower-case hex digits without prefix: they index maps, cross
 * threads by copy and compare with `===`. Text forms carry a prefix (`nodekey:` and so on); wire forms
 * are the 32 raw bytes. Private keys are branded byte arrays and have no text form but the state file's.
 *
 * Source: specs of the Tailscale key types; RFC 7748 for clamping.
 */
import { assert } from '../base/assert.js';
import { decodeHex, encodeHex, isAllZero } from '../base/bytes.js';
import type { Crypto, Random } from '../ports.js';

declare const keyBrand: unique symbol;

/** What a key is for. */
export type KeyKind = 'node' | 'disco' | 'machine' | 'challenge' | 'relay';

type PublicKeyOf<Kind extends KeyKind> = string & { readonly [keyBrand]: Kind };
type PrivateKeyOf<Kind extends KeyKind> = Uint8Array & { readonly [keyBrand]: Kind };

/** WireGuard identity of a node; the address on relays. Text: `nodekey:`. */
export type NodeKey = PublicKeyOf<'node'>;
/** Path discovery, new at every process start. Text: `discokey:`. */
export type DiscoKey = PublicKeyOf<'disco'>;
/** Noise static key of a device or of a control server. Text: `mkey:`. */
export type MachineKey = PublicKeyOf<'machine'>;
/** Early-payload challenge of one Noise connection. Text: `chalpub:`. */
export type ChallengeKey = PublicKeyOf<'challenge'>;
/** Identity of a relay server. */
export type RelayKey = PublicKeyOf<'relay'>;

export type NodePrivateKey = PrivateKeyOf<'node'>;
export type DiscoPrivateKey = PrivateKeyOf<'disco'>;
export type MachinePrivateKey = PrivateKeyOf<'machine'>;
export type ChallengePrivateKey = PrivateKeyOf<'challenge'>;
export type RelayPrivateKey = PrivateKeyOf<'relay'>;

/** X25519 keys are 32 bytes, public and private. */
export const KEY_BYTES = 32;

const PREFIX: Record<KeyKind, string> = {
  node: 'nodekey:',
  disco: 'discokey:',
  machine: 'mkey:',
  challenge: 'chalpub:',
  relay: 'relaykey:',
};

/** Prefix of every private key's text form, whatever its kind. */
const PRIVATE_PREFIX = 'privkey:';

/** A public key from 32 raw bytes. Our own code passes the length right; peers' bytes are cut by decoders. */
export function publicKeyFromBytes<Kind extends KeyKind>(
  _kind: Kind,
  bytes: Uint8Array,
): PublicKeyOf<Kind> {
  assert(bytes.length === KEY_BYTES, 'a public key has 32 bytes');
  return encodeHex(bytes) as PublicKeyOf<Kind>;
}

/** The 32 raw bytes of a public key; a new array that the caller owns. */
export function publicKeyBytes(key: PublicKeyOf<KeyKind>): Uint8Array {
  const bytes = decodeHex(key);
  assert(bytes?.length === KEY_BYTES, 'a public key is 64 hex digits');
  return bytes;
}

/** Text form with its prefix, as control and logs use it. */
export function formatPublicKey<Kind extends KeyKind>(kind: Kind, key: PublicKeyOf<Kind>): string {
  return PREFIX[kind] + key;
}

/** Parses `<prefix><64 hex>`, either case; undefined when malformed. The zero key parses: see {@link isZeroKey}. */
export function parsePublicKey<Kind extends KeyKind>(
  kind: Kind,
  text: string,
): PublicKeyOf<Kind> | undefined {
  const prefix = PREFIX[kind];
  if (!text.startsWith(prefix)) return undefined;
  const hex = text.slice(prefix.length);
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) return undefined;
  return hex.toLowerCase() as PublicKeyOf<Kind>;
}

/** The key that Go peers send for "none". */
export function zeroKey<Kind extends KeyKind>(_kind: Kind): PublicKeyOf<Kind> {
  return '0'.repeat(64) as PublicKeyOf<Kind>;
}

/** True for the all-zero key, which must never take part in a handshake. */
export function isZeroKey(key: PublicKeyOf<KeyKind>): boolean {
  return /^0+$/.test(key);
}

/** A fresh, clamped private key. */
export function generatePrivateKey<Kind extends KeyKind>(
  _kind: Kind,
  random: Random,
): PrivateKeyOf<Kind> {
  const bytes = random.fill(new Uint8Array(KEY_BYTES));
  bytes[0] = (bytes[0] ?? 0) & 248;
  bytes[31] = ((bytes[31] ?? 0) & 127) | 64;
  return bytes as PrivateKeyOf<Kind>;
}

/** The public half of a private key. */
export function publicKeyOf<Kind extends KeyKind>(
  crypto: Crypto,
  kind: Kind,
  privateKey: PrivateKeyOf<Kind>,
): PublicKeyOf<Kind> {
  return publicKeyFromBytes(kind, crypto.x25519PublicKey(privateKey));
}

/** Text form of a private key, for state files with mode 0600 only. */
export function formatPrivateKey(key: PrivateKeyOf<KeyKind>): string {
  return PRIVATE_PREFIX + encodeHex(key);
}

/** Parses `privkey:<64 hex>`; undefined when malformed or zero. */
export function parsePrivateKey<Kind extends KeyKind>(
  _kind: Kind,
  text: string,
): PrivateKeyOf<Kind> | undefined {
  if (!text.startsWith(PRIVATE_PREFIX)) return undefined;
  const bytes = decodeHex(text.slice(PRIVATE_PREFIX.length));
  if (bytes?.length !== KEY_BYTES || isAllZero(bytes)) return undefined;
  return bytes as PrivateKeyOf<Kind>;
}

/** Marks 32 bytes (a test vector, a received structured clone) as a private key of `kind`. */
export function privateKeyFromBytes<Kind extends KeyKind>(
  _kind: Kind,
  bytes: Uint8Array,
): PrivateKeyOf<Kind> {
  assert(bytes.length === KEY_BYTES, 'a private key has 32 bytes');
  return bytes as PrivateKeyOf<Kind>;
}

/** Short form for logs, as Tailscale prints it: `[AbCdE]` of a node key is left to the caller; hex is enough here. */
export function shortKey(key: PublicKeyOf<KeyKind>): string {
  return key.slice(0, 8);
}
