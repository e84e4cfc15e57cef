/**
 * The client's half of the Noise IK handshake. Message 1 is a value (it rides in an HTTP header),
 * message 2 comes back as the first frame of the upgraded stream.
 *
 *     msg 1:  eI, AEAD(dh(eI, S), own static key), AEAD(dh(sI, S), "")
 *     msg 2:  eR, AEAD after dh(eI, eR) and dh(sI, eR), "")
 *
 * Source: Noise revision 34, pattern IK; layouts in `frames.ts`.
 */
import { assert } from '../base/assert.js';
import { DecodeFailure, fail } from '../base/failure.js';
import type { NoiseSymmetricState } from '../crypto/noise-symmetric-state.js';
import {
  KEY_BYTES,
  type MachineKey,
  type MachinePrivateKey,
  publicKeyBytes,
} from '../keys/keys.js';
import type { Crypto, Random } from '../ports.js';
import { decodeResponse, encodeInitiation } from './frames.js';
import { startHandshake, transportKeys } from './handshake-state.js';
import type { RecordStream } from './io.js';
import { clientRecordStream } from './record-stream.js';

export interface InitiatorOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly machinePrivateKey: MachinePrivateKey;
  /** The server's Noise key, as `GET /key` gave it. */
  readonly serverKey: MachineKey;
  /** The capability version that the client announces, 0 to 65535. */
  readonly version: number;
}

/** A handshake that the server has answered. */
export interface FinishedHandshake {
  readonly stream: RecordStream;
  /** Names this connection for both sides (channel binding); 32 bytes. */
  readonly handshakeHash: Uint8Array;
}

/** A handshake under way. */
export interface Initiation {
  /** Message 1: 101 bytes. */
  readonly bytes: Uint8Array;
  /**
   * Takes the whole answer frame, once. A server that refuses gives {@link HandshakeRefused} with its
   * text; every failure ends the connection.
   */
  finish(answer: Uint8Array): FinishedHandshake | DecodeFailure;
}

const NOTHING = new Uint8Array(0);

/** Starts a handshake. Fails when the server's key is of low order (or zero: "too old a server"). */
export function createInitiation(options: InitiatorOptions): Initiation | DecodeFailure {
  const { crypto, random, machinePrivateKey, version } = options;
  const serverKey = publicKeyBytes(options.serverKey);
  const ephemeralPrivate = random.fill(new Uint8Array(KEY_BYTES));
  const ephemeral = crypto.x25519PublicKey(ephemeralPrivate);
  const ephemeralShared = crypto.x25519(ephemeralPrivate, serverKey);
  const staticShared = crypto.x25519(machinePrivateKey, serverKey);
  if (ephemeralShared === undefined || staticShared === undefined) return fail('server-key-weak');

  const state = startHandshake(crypto, version, serverKey);
  state.mixHash(ephemeral);
  const sealedStatic = state.sealAndHash(
    state.mixKey(ephemeralShared),
    crypto.x25519PublicKey(machinePrivateKey),
  );
  const tag = state.sealAndHash(state.mixKey(staticShared), NOTHING);

  let finished = false;
  return {
    bytes: encodeInitiation({ version, ephemeral, sealedStatic, tag }),
    finish(answer) {
      assert(!finished, 'a handshake is finished once');
      finished = true;
      return finish(crypto, state, ephemeralPrivate, machinePrivateKey, answer);
    },
  };
}

function finish(
  crypto: Crypto,
  state: NoiseSymmetricState,
  ephemeralPrivate: Uint8Array,
  staticPrivate: Uint8Array,
  answer: Uint8Array,
): FinishedHandshake | DecodeFailure {
  const response = decodeResponse(answer);
  if (response instanceof DecodeFailure) return response;
  const ephemeralShared = crypto.x25519(ephemeralPrivate, response.ephemeral);
  const staticShared = crypto.x25519(staticPrivate, response.ephemeral);
  if (ephemeralShared === undefined || staticShared === undefined) return fail('response-key-weak');
  state.mixHash(response.ephemeral);
  state.mixChainKey(ephemeralShared);
  if (state.openAndHash(state.mixKey(staticShared), response.tag) === undefined) {
    return fail('response-forged');
  }
  return { stream: clientRecordStream(crypto, transportKeys(state)), handshakeHash: state.hash };
}
