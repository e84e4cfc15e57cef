import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BugError } from '../base/assert.js';
import { encodeHex, hexLiteral } from '../base/bytes.js';
import { DecodeFailure, fail } from '../base/failure.js';
import { bitFlips, mutations } from '../base/mutations.js';
import { SeededRandom } from '../base/seeded-random.js';
import { nobleCrypto } from '../crypto/noble.js';
import {
  generatePrivateKey,
  privateKeyFromBytes,
  publicKeyFromBytes,
  publicKeyOf,
  zeroKey,
} from '../keys/keys.js';
import type { Random } from '../ports.js';
import { encodeErrorFrame, HandshakeRefused } from './frames.js';
import { createInitiation, type Initiation } from './initiator.js';
import { type AcceptedHandshake, consumeInitiation } from './responder.js';
import { clientRecords, handshake, initiation, keys, response, version } from './vectors.js';

const crypto = nobleCrypto;

/** Gives the ephemeral key of a vector. */
const always = (hex: string): Random => ({
  fill(target) {
    target.set(hexLiteral(hex));
    return target;
  },
});

function started(
  options: { random?: Random; version?: number; serverKey?: string } = {},
): Initiation {
  const result = createInitiation({
    crypto,
    random: options.random ?? always(keys.clientEphemeral),
    machinePrivateKey: privateKeyFromBytes('machine', hexLiteral(keys.clientPrivate)),
    serverKey: publicKeyFromBytes('machine', hexLiteral(options.serverKey ?? keys.serverPublic)),
    version: options.version ?? version,
  });
  if (result instanceof DecodeFailure) throw new Error(result.reason);
  return result;
}

const answer = (bytes: Uint8Array, minimumVersion?: number) =>
  consumeInitiation({
    crypto,
    random: always(keys.serverEphemeral),
    serverPrivateKey: privateKeyFromBytes('machine', hexLiteral(keys.serverPrivate)),
    bytes,
    ...(minimumVersion === undefined ? {} : { minimumVersion }),
  });

function accepted(bytes: Uint8Array): AcceptedHandshake {
  const result = answer(bytes);
  if (result instanceof DecodeFailure) throw new Error(result.reason);
  return result;
}

test('both sides produce the messages, the hash and the record keys of the vectors', () => {
  const client = started();
  expect(encodeHex(client.bytes)).toBe(initiation);
  const server = accepted(client.bytes);
  expect(encodeHex(server.response)).toBe(response);
  expect(server.version).toBe(version);
  expect(server.clientKey).toBe(keys.clientPublic);
  expect(encodeHex(server.handshakeHash)).toBe(handshake.finalHash);

  const finished = client.finish(server.response);
  if (finished instanceof DecodeFailure) throw new Error(finished.reason);
  expect(encodeHex(finished.handshakeHash)).toBe(handshake.finalHash);
  const record = finished.stream.seal(hexLiteral(clientRecords.preface));
  expect(encodeHex(record)).toBe(clientRecords.record0);
  expect(server.stream.open(record)).toEqual(hexLiteral(clientRecords.preface));
});

test('any two key pairs and any version agree on keys in both directions', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: 0xffff }), (seed, anyVersion) => {
      const random = new SeededRandom(seed);
      const machinePrivateKey = generatePrivateKey('machine', random);
      const serverPrivateKey = generatePrivateKey('machine', random);
      const serverKey = publicKeyOf(crypto, 'machine', serverPrivateKey);
      const client = createInitiation({
        crypto,
        random,
        machinePrivateKey,
        serverKey,
        version: anyVersion,
      });
      if (client instanceof DecodeFailure) throw new Error(client.reason);
      const server = consumeInitiation({ crypto, random, serverPrivateKey, bytes: client.bytes });
      if (server instanceof DecodeFailure) throw new Error(server.reason);
      const finished = client.finish(server.response);
      if (finished instanceof DecodeFailure) throw new Error(finished.reason);
      expect(server.version).toBe(anyVersion);
      expect(server.clientKey).toBe(publicKeyOf(crypto, 'machine', machinePrivateKey));
      expect(finished.handshakeHash).toEqual(server.handshakeHash);
      const text = random.fill(new Uint8Array(100));
      expect(server.stream.open(finished.stream.seal(text))).toEqual(text);
      expect(finished.stream.open(server.stream.seal(text))).toEqual(text);
    }),
    { numRuns: 10 },
  );
});

/** Every bit of the first `headerBytes`, one bit of each later byte: X25519 in JavaScript is slow. */
const chosen = (bit: number, headerBytes: number): boolean =>
  bit < 8 * headerBytes || bit % 8 === 7 - ((bit >> 3) % 8);

test('a flipped bit anywhere in message 1 is refused by the server', () => {
  for (const [bit, bytes] of [...bitFlips(hexLiteral(initiation))].entries()) {
    if (chosen(bit, 5)) expect(answer(bytes)).toBeInstanceOf(DecodeFailure);
  }
});

test('a flipped bit anywhere in message 2 is refused by the client', () => {
  for (const [bit, bytes] of [...bitFlips(hexLiteral(response))].entries()) {
    if (chosen(bit, 3)) expect(started().finish(bytes)).toBeInstanceOf(DecodeFailure);
  }
});

test('truncated, inflated, extended and random messages give a reason', () => {
  for (const bytes of mutations(hexLiteral(initiation))) {
    if (bytes.length !== 101) expect(answer(bytes)).toBe(fail('initiation-bad-length'));
  }
  const client = started();
  expect(client.finish(hexLiteral(response).slice(0, 50))).toBe(fail('response-bad-length'));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      expect(answer(bytes)).toBeInstanceOf(DecodeFailure);
    }),
  );
});

test('a changed version is noticed, since the prologue binds it', () => {
  const bytes = hexLiteral(initiation);
  bytes[1] = 146;
  expect(answer(bytes)).toBe(fail('initiation-forged'));
});

test('a client older than the minimum is refused, the minimum itself is served', () => {
  expect(answer(hexLiteral(initiation), version + 1)).toBe(fail('version-too-old'));
  expect(answer(hexLiteral(initiation), version)).not.toBeInstanceOf(DecodeFailure);
});

test('a client that took another server key for ours is refused', () => {
  expect(answer(started({ serverKey: keys.clientEphemeralPublic }).bytes)).toBe(
    fail('initiation-forged'),
  );
});

test('keys of low order are refused wherever they stand', () => {
  expect(
    createInitiation({
      crypto,
      random: always(keys.clientEphemeral),
      machinePrivateKey: privateKeyFromBytes('machine', hexLiteral(keys.clientPrivate)),
      serverKey: zeroKey('machine'),
      version,
    }),
  ).toBe(fail('server-key-weak'));

  const weakClient = hexLiteral(initiation);
  weakClient.fill(0, 5, 37);
  expect(answer(weakClient)).toBe(fail('client-key-weak'));

  const weakServer = hexLiteral(response);
  weakServer.fill(0, 3, 35);
  expect(started().finish(weakServer)).toBe(fail('response-key-weak'));
});

test('the text of a refusal reaches the client', () => {
  const refused = started().finish(encodeErrorFrame('version 12 is too old, need 106'));
  expect(refused).toBeInstanceOf(HandshakeRefused);
  expect(refused).toMatchObject({ text: 'version 12 is too old, need 106' });
});

test('finishing twice is a bug of ours', () => {
  const client = started();
  const server = accepted(client.bytes);
  client.finish(server.response);
  expect(() => client.finish(server.response)).toThrow(BugError);
});
