/**
 * The server's half of the Noise IK handshake: message 1 in, message 2 and a record stream out.
 *
 * The cheap checks come first; the version of message 1 is bound into the handshake by its prologue, so
 * a version that passed cannot have been changed on the way. Source: Noise revision 34, pattern IK.
 */
import { DecodeFailure, fail } from '../base/failure.js';
import type { NoiseSymmetricState } from '../crypto/noise-symmetric-state.js';
import {
  KEY_BYTES,
  type MachineKey,
  type MachinePrivateKey,
  publicKeyFromBytes,
} from '../keys/keys.js';
import type { Crypto, Random } from '../ports.js';
import { decodeInitiation, encodeResponse, type InitiationFrame } from './frames.js';
import { startHandshake, transportKeys } from './handshake-state.js';
import type { RecordStream } from './io.js';
import { serverRecordStream } from './record-stream.js';

export interface ResponderOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly serverPrivateKey: MachinePrivateKey;
  /** Message 1, decoded from the HTTP header; any length. */
  readonly bytes: Uint8Array;
  /**
   * Smallest capability version to serve; default 0. A lower one fails with `version-too-old` before any
   * cryptography, and the caller answers with `encodeErrorFrame`.
   */
  readonly minimumVersion?: number;
}

/** A client that proved its machine key. Whether it may do anything is another question. */
export interface AcceptedHandshake {
  readonly version: number;
  readonly clientKey: MachineKey;
  /** Message 2: 51 bytes, the first thing after the 101. */
  readonly response: Uint8Array;
  readonly stream: RecordStream;
  /** Names this connection for both sides (channel binding); 32 bytes. */
  readonly handshakeHash: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** Answers message 1. Stateless: nothing is kept of a client that failed. */
export function consumeInitiation(options: ResponderOptions): AcceptedHandshake | DecodeFailure {
  const { crypto, serverPrivateKey } = options;
  const frame = decodeInitiation(options.bytes);
  if (frame instanceof DecodeFailure) return frame;
  if (frame.version < (options.minimumVersion ?? 0)) return fail('version-too-old');

  const serverKey = crypto.x25519PublicKey(serverPrivateKey);
  const state = startHandshake(crypto, frame.version, serverKey);
  const clientKey = openClientKey(crypto, serverPrivateKey, state, frame);
  if (clientKey instanceof DecodeFailure) return clientKey;

  const ephemeralPrivate = options.random.fill(new Uint8Array(KEY_BYTES));
  const ephemeral = crypto.x25519PublicKey(ephemeralPrivate);
  const ephemeralShared = crypto.x25519(ephemeralPrivate, frame.ephemeral);
  const staticShared = crypto.x25519(ephemeralPrivate, clientKey);
  if (ephemeralShared === undefined || staticShared === undefined) return fail('client-key-weak');
  state.mixHash(ephemeral);
  state.mixChainKey(ephemeralShared);
  const tag = state.sealAndHash(state.mixKey(staticShared), NOTHING);
  return {
    version: frame.version,
    clientKey: publicKeyFromBytes('machine', clientKey),
    response: encodeResponse({ ephemeral, tag }),
    stream: serverRecordStream(crypto, transportKeys(state)),
    handshakeHash: state.hash,
  };
}

/** The client's static key, proven by the tag of message 1. */
function openClientKey(
  crypto: Crypto,
  serverPrivateKey: Uint8Array,
  state: NoiseSymmetricState,
  frame: InitiationFrame,
): Uint8Array | DecodeFailure {
  const ephemeralShared = crypto.x25519(serverPrivateKey, frame.ephemeral);
  if (ephemeralShared === undefined) return fail('client-key-weak');
  state.mixHash(frame.ephemeral);
  const clientKey = state.openAndHash(state.mixKey(ephemeralShared), frame.sealedStatic);
  if (clientKey === undefined) return fail('initiation-forged');
  const staticShared = crypto.x25519(serverPrivateKey, clientKey);
  if (staticShared === undefined) return fail('client-key-weak');
  if (state.openAndHash(state.mixKey(staticShared), frame.tag) === undefined) {
    return fail('initiation-forged');
  }
  return clientKey;
}
