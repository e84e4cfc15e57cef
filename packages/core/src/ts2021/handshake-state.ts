/**
 * Where a ts2021 handshake starts from and what it ends with.
 *
 *     h = H(name); ck = h; mixHash(prologue); mixHash(server's static key)
 *
 * Pattern IK has no pre-shared key: ephemeral keys are hashed only, and Diffie-Hellman results alone move
 * the chaining key. Source: Noise revision 34, section 5.2; names and prologue as the ts2021 protocol fixes them.
 */
import { encodeUtf8 } from '../base/text.js';
import { NoiseSymmetricState } from '../crypto/noise-symmetric-state.js';
import type { Crypto } from '../ports.js';

/** 33 bytes, one more than a hash, so Noise hashes the name instead of padding it. */
const PROTOCOL_NAME = encodeUtf8('Noise_IK_25519_ChaChaPoly_BLAKE2s');

/** Followed by the version in decimal: both sides thereby agree on the version of message 1. */
const PROLOGUE = 'Tailscale Control Protocol v';

/** The two transport keys that a finished handshake leaves. */
export interface TransportKeys {
  readonly clientToServer: Uint8Array;
  readonly serverToClient: Uint8Array;
}

/** Starts a handshake of `version` towards the server whose raw static key is `serverKey`. */
export function startHandshake(
  crypto: Crypto,
  version: number,
  serverKey: Uint8Array,
): NoiseSymmetricState {
  const name = crypto.blake2s(32, PROTOCOL_NAME);
  const state = new NoiseSymmetricState(crypto, name, name);
  state.mixHash(encodeUtf8(`${PROLOGUE}${version}`));
  state.mixHash(serverKey);
  return state;
}

/** The transport keys of a complete handshake: clients always initiate. */
export function transportKeys(state: NoiseSymmetricState): TransportKeys {
  const [clientToServer, serverToClient] = state.split();
  return { clientToServer, serverToClient };
}
