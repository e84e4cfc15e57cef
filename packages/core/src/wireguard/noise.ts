/**
 * The handshake Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s: one message there, one back, then transport keys.
 *
 *     initiator                                   responder
 *     createInitiation   ---- e, es, s, ss, t --->  consumeInitiation
 *     consumeResponse    <--- e, ee, se, psk ----  createResponse
 *
 * The pattern has a pre-shared key (zeros for peers without one), so ephemeral keys move the chaining key as
 * well as the hash; the psk token is the one `mixKeyAndHash`. Keys that open no message only chain.
 *
 * All four are pure apart from the given randomness. Whether an initiation is new (its timestamp) and
 * welcome (the gate, its rate) is not decided here; mac2 is left zero and belongs to `cookies.ts`.
 *
 * Source: WireGuard whitepaper, sections 5.4.2 to 5.4.5.
 */
import { concatBytes, equalSecret } from '../base/bytes.js';
import { type DecodeFailure, fail } from '../base/failure.js';
import { encodeUtf8 } from '../base/text.js';
import { NoiseSymmetricState } from '../crypto/noise-symmetric-state.js';
import { generatePrivateKey, KEY_BYTES, type NodePrivateKey } from '../keys/keys.js';
import type { Crypto, Random } from '../ports.js';
import {
  INITIATION_AT,
  INITIATION_BYTES,
  MAC_BYTES,
  MESSAGE,
  RESPONSE_AT,
  RESPONSE_BYTES,
  readUint32,
  TAG_BYTES,
  writeUint32,
} from './messages.js';
import { TAI64N_BYTES } from './tai64n.js';

const CONSTRUCTION = encodeUtf8('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s');
const IDENTIFIER = encodeUtf8('WireGuard v1 zx2c4 Jason@zx2c4.com');
const LABEL_MAC1 = encodeUtf8('mac1----');
const LABEL_COOKIE = encodeUtf8('cookie--');

/** The pre-shared key of peers that have none. */
const NO_PRESHARED_KEY = new Uint8Array(KEY_BYTES);

const SEALED_KEY_BYTES = KEY_BYTES + TAG_BYTES;
const SEALED_TIMESTAMP_BYTES = TAI64N_BYTES + TAG_BYTES;

/** Our static key and what follows from it alone. */
export interface Identity {
  readonly privateKey: NodePrivateKey;
  readonly publicKey: Uint8Array;
  readonly chainKey: Uint8Array;
  /** Hash over construction and identifier, before the responder's key. */
  readonly prologueHash: Uint8Array;
  readonly mac1Key: Uint8Array;
  /** Seals the cookie replies that we make. */
  readonly cookieKey: Uint8Array;
}

/** A peer's static key and what follows from it and ours; computed once per peer. */
export interface PeerStatics {
  readonly publicKey: Uint8Array;
  /** X25519 of the two static keys. */
  readonly shared: Uint8Array;
  readonly presharedKey: Uint8Array;
  readonly mac1Key: Uint8Array;
  /** Seals the cookie replies that the peer makes. */
  readonly cookieKey: Uint8Array;
}

/** What the initiator keeps while it waits for the response. */
export interface InitiationState {
  readonly ephemeral: NodePrivateKey;
  readonly symmetric: NoiseSymmetricState;
}

/** A decrypted initiation, with what the response needs. */
export interface ReceivedInitiation {
  readonly statics: PeerStatics;
  readonly senderIndex: number;
  readonly ephemeral: Uint8Array;
  readonly timestamp: Uint8Array;
  readonly symmetric: NoiseSymmetricState;
}

/** Keys of a finished handshake as this side uses them. */
export interface TransportKeys {
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  /** The index that the peer wants to see in our packets. */
  readonly remoteIndex: number;
}

export type InitiationFailure =
  | 'initiation-low-order-key'
  | 'initiation-forged'
  | 'initiation-unknown-peer';

export type ResponseFailure = 'response-bad-mac1' | 'response-low-order-key' | 'response-forged';

/** Prepares our static key. */
export function createIdentity(crypto: Crypto, privateKey: NodePrivateKey): Identity {
  const publicKey = crypto.x25519PublicKey(privateKey);
  const chainKey = crypto.blake2s(32, CONSTRUCTION);
  return {
    privateKey,
    publicKey,
    chainKey,
    prologueHash: crypto.blake2s(32, concatBytes(chainKey, IDENTIFIER)),
    mac1Key: crypto.blake2s(32, concatBytes(LABEL_MAC1, publicKey)),
    cookieKey: crypto.blake2s(32, concatBytes(LABEL_COOKIE, publicKey)),
  };
}

/** Prepares a peer's static key; undefined when it is of low order. */
export function createPeerStatics(
  crypto: Crypto,
  identity: Identity,
  publicKey: Uint8Array,
  presharedKey: Uint8Array = NO_PRESHARED_KEY,
): PeerStatics | undefined {
  const shared = crypto.x25519(identity.privateKey, publicKey);
  if (shared === undefined) return undefined;
  const mac1Key = crypto.blake2s(32, concatBytes(LABEL_MAC1, publicKey));
  const cookieKey = crypto.blake2s(32, concatBytes(LABEL_COOKIE, publicKey));
  return { publicKey, shared, presharedKey, mac1Key, cookieKey };
}

/** Fresh state up to the point where both sides have hashed the responder's static key. */
function startState(
  crypto: Crypto,
  identity: Identity,
  responder: Uint8Array,
): NoiseSymmetricState {
  const state = new NoiseSymmetricState(crypto, identity.chainKey, identity.prologueHash);
  state.mixHash(responder);
  return state;
}

function writeMac1(crypto: Crypto, key: Uint8Array, message: Uint8Array, at: number): void {
  message.set(crypto.blake2s(16, message.subarray(0, at), key), at);
}

/** True when the mac1 at `message[at]` was made for our static key: the sender knows whom it talks to. */
export function hasMac1(
  crypto: Crypto,
  { mac1Key }: Identity,
  message: Uint8Array,
  at: number,
): boolean {
  const expected = crypto.blake2s(16, message.subarray(0, at), mac1Key);
  return equalSecret(expected, message.subarray(at, at + MAC_BYTES));
}

/**
 * Makes the first message into a new array. Undefined when the peer's static key is of low order, which
 * {@link createPeerStatics} has ruled out already.
 */
export function createInitiation(
  crypto: Crypto,
  random: Random,
  identity: Identity,
  peer: PeerStatics,
  senderIndex: number,
  timestamp: Uint8Array,
): { readonly message: Uint8Array; readonly state: InitiationState } | undefined {
  const message = new Uint8Array(INITIATION_BYTES);
  message[0] = MESSAGE.initiation;
  writeUint32(message, INITIATION_AT.sender, senderIndex);

  const ephemeral = generatePrivateKey('node', random);
  const ephemeralPublic = crypto.x25519PublicKey(ephemeral);
  message.set(ephemeralPublic, INITIATION_AT.ephemeral);

  const symmetric = startState(crypto, identity, peer.publicKey);
  symmetric.mixChainKey(ephemeralPublic);
  symmetric.mixHash(ephemeralPublic);
  const shared = crypto.x25519(ephemeral, peer.publicKey);
  if (shared === undefined) return undefined;
  const staticKey = symmetric.mixKey(shared);
  message.set(symmetric.sealAndHash(staticKey, identity.publicKey), INITIATION_AT.static);
  const timestampKey = symmetric.mixKey(peer.shared);
  message.set(symmetric.sealAndHash(timestampKey, timestamp), INITIATION_AT.timestamp);

  writeMac1(crypto, peer.mac1Key, message, INITIATION_AT.mac1);
  return { message, state: { ephemeral, symmetric } };
}

/**
 * Opens an initiation of exactly INITIATION_BYTES whose mac1 was checked ({@link hasMac1}; the gate does it,
 * before anything is computed). `find` gives the statics of a known public key.
 */
export function consumeInitiation(
  crypto: Crypto,
  identity: Identity,
  message: Uint8Array,
  find: (publicKey: Uint8Array) => PeerStatics | undefined,
): ReceivedInitiation | DecodeFailure<InitiationFailure> {
  const ephemeral = message.slice(INITIATION_AT.ephemeral, INITIATION_AT.ephemeral + KEY_BYTES);
  const symmetric = startState(crypto, identity, identity.publicKey);
  symmetric.mixChainKey(ephemeral);
  symmetric.mixHash(ephemeral);
  const shared = crypto.x25519(identity.privateKey, ephemeral);
  if (shared === undefined) return fail('initiation-low-order-key');
  const publicKey = symmetric.openAndHash(
    symmetric.mixKey(shared),
    message.subarray(INITIATION_AT.static, INITIATION_AT.static + SEALED_KEY_BYTES),
  );
  if (publicKey === undefined) return fail('initiation-forged');
  const statics = find(publicKey);
  if (statics === undefined) return fail('initiation-unknown-peer');
  const timestamp = symmetric.openAndHash(
    symmetric.mixKey(statics.shared),
    message.subarray(INITIATION_AT.timestamp, INITIATION_AT.timestamp + SEALED_TIMESTAMP_BYTES),
  );
  if (timestamp === undefined) return fail('initiation-forged');
  const senderIndex = readUint32(message, INITIATION_AT.sender);
  return { statics, senderIndex, ephemeral, timestamp, symmetric };
}

/** Answers an initiation. Undefined when the initiator's ephemeral or static key is of low order. */
export function createResponse(
  crypto: Crypto,
  random: Random,
  received: ReceivedInitiation,
  senderIndex: number,
): { readonly message: Uint8Array; readonly keys: TransportKeys } | undefined {
  const { statics, symmetric } = received;
  const message = new Uint8Array(RESPONSE_BYTES);
  message[0] = MESSAGE.response;
  writeUint32(message, RESPONSE_AT.sender, senderIndex);
  writeUint32(message, RESPONSE_AT.receiver, received.senderIndex);

  const ephemeral = generatePrivateKey('node', random);
  const ephemeralPublic = crypto.x25519PublicKey(ephemeral);
  message.set(ephemeralPublic, RESPONSE_AT.ephemeral);
  symmetric.mixChainKey(ephemeralPublic);
  symmetric.mixHash(ephemeralPublic);
  const withEphemeral = crypto.x25519(ephemeral, received.ephemeral);
  const withStatic = crypto.x25519(ephemeral, statics.publicKey);
  if (withEphemeral === undefined || withStatic === undefined) return undefined;
  symmetric.mixChainKey(withEphemeral);
  symmetric.mixChainKey(withStatic);
  const key = symmetric.mixKeyAndHash(statics.presharedKey);
  message.set(symmetric.sealAndHash(key, new Uint8Array(0)), RESPONSE_AT.empty);
  writeMac1(crypto, statics.mac1Key, message, RESPONSE_AT.mac1);

  const [receiveKey, sendKey] = symmetric.split();
  return { message, keys: { sendKey, receiveKey, remoteIndex: received.senderIndex } };
}

/** Opens a response of exactly RESPONSE_BYTES to `state`, which stays usable when the response is forged. */
export function consumeResponse(
  crypto: Crypto,
  identity: Identity,
  peer: PeerStatics,
  state: InitiationState,
  message: Uint8Array,
): TransportKeys | DecodeFailure<ResponseFailure> {
  if (!hasMac1(crypto, identity, message, RESPONSE_AT.mac1)) {
    return fail('response-bad-mac1');
  }
  const ephemeral = message.subarray(RESPONSE_AT.ephemeral, RESPONSE_AT.ephemeral + KEY_BYTES);
  const symmetric = state.symmetric.clone();
  symmetric.mixChainKey(ephemeral);
  symmetric.mixHash(ephemeral);
  const withEphemeral = crypto.x25519(state.ephemeral, ephemeral);
  const withStatic = crypto.x25519(identity.privateKey, ephemeral);
  if (withEphemeral === undefined || withStatic === undefined) {
    return fail('response-low-order-key');
  }
  symmetric.mixChainKey(withEphemeral);
  symmetric.mixChainKey(withStatic);
  const key = symmetric.mixKeyAndHash(peer.presharedKey);
  const sealed = message.subarray(RESPONSE_AT.empty, RESPONSE_AT.empty + TAG_BYTES);
  if (symmetric.openAndHash(key, sealed) === undefined) return fail('response-forged');

  const [sendKey, receiveKey] = symmetric.split();
  return { sendKey, receiveKey, remoteIndex: readUint32(message, RESPONSE_AT.sender) };
}
