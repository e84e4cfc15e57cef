import { expect, test } from 'vitest';
import { encodeHex, hexLiteral } from '../base/bytes.js';
import { nobleCrypto } from '../crypto/noble.js';
import { startHandshake, transportKeys } from './handshake-state.js';
import { handshake, initiation, keys, response, version } from './vectors.js';

const shared = (privateKey: string, publicKey: string): Uint8Array =>
  nobleCrypto.x25519(hexLiteral(privateKey), hexLiteral(publicKey)) ?? hexLiteral('');
const stateOf = () => startHandshake(nobleCrypto, version, hexLiteral(keys.serverPublic));

test('hash and one-shot keys take the values of the vectors at every step', () => {
  const state = stateOf();
  expect(encodeHex(state.hash)).toBe(handshake.hashAfterServerKey);

  state.mixHash(hexLiteral(keys.clientEphemeralPublic));
  const esKey = state.mixKey(shared(keys.clientEphemeral, keys.serverPublic));
  expect(encodeHex(esKey)).toBe(handshake.esKey);
  const sealedStatic = state.sealAndHash(esKey, hexLiteral(keys.clientPublic));
  expect(encodeHex(sealedStatic)).toBe(initiation.slice(2 * 37, 2 * 85));

  const ssKey = state.mixKey(shared(keys.clientPrivate, keys.serverPublic));
  expect(encodeHex(ssKey)).toBe(handshake.ssKey);
  state.sealAndHash(ssKey, new Uint8Array());
  expect(encodeHex(state.hash)).toBe(handshake.hashAfterMessage1);

  state.mixHash(hexLiteral(keys.serverEphemeralPublic));
  state.mixKey(shared(keys.serverEphemeral, keys.clientEphemeralPublic));
  const seKey = state.mixKey(shared(keys.serverEphemeral, keys.clientPublic));
  expect(encodeHex(seKey)).toBe(handshake.seKey);
  expect(encodeHex(state.sealAndHash(seKey, new Uint8Array()))).toBe(response.slice(2 * 35));
  expect(encodeHex(state.hash)).toBe(handshake.finalHash);

  const { clientToServer, serverToClient } = transportKeys(state);
  expect(encodeHex(clientToServer)).toBe(handshake.clientToServer);
  expect(encodeHex(serverToClient)).toBe(handshake.serverToClient);
});

test('a sealed part opens only under the same key and the same transcript', () => {
  const key = hexLiteral(handshake.esKey);
  const plaintext = hexLiteral(keys.clientPublic);
  const sealed = stateOf().sealAndHash(key, plaintext);
  expect(stateOf().openAndHash(key, sealed)).toEqual(plaintext);
  expect(stateOf().openAndHash(hexLiteral(handshake.ssKey), sealed)).toBeUndefined();
  const other = stateOf();
  other.mixHash(new Uint8Array([0]));
  expect(other.openAndHash(key, sealed)).toBeUndefined();
});
