import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BugError } from '../base/assert.js';
import { concatBytes, encodeHex, hexLiteral } from '../base/bytes.js';
import { DecodeFailure, fail } from '../base/failure.js';
import { nobleCrypto } from '../crypto/noble.js';
import { privateKeyFromBytes, publicKeyFromBytes } from '../keys/keys.js';
import { ClientSession } from './client-session.js';
import { encodeErrorFrame, HandshakeRefused } from './frames.js';
import { createInitiation } from './initiator.js';
import { clientRecords, earlyPayload, handshake, keys, response, version } from './vectors.js';

function session(): ClientSession {
  const initiation = createInitiation({
    crypto: nobleCrypto,
    random: {
      fill(target) {
        target.set(hexLiteral(keys.clientEphemeral));
        return target;
      },
    },
    machinePrivateKey: privateKeyFromBytes('machine', hexLiteral(keys.clientPrivate)),
    serverKey: publicKeyFromBytes('machine', hexLiteral(keys.serverPublic)),
    version,
  });
  if (initiation instanceof DecodeFailure) throw new Error(initiation.reason);
  return new ClientSession(initiation);
}

const inOne = hexLiteral(response + earlyPayload.inOne + earlyPayload.settingsAfterOne);
const inThree = hexLiteral(response + earlyPayload.inThree.join(''));

/** Feeds `stream` cut at `sizes`, the rest at once; returns the plaintext or the failure. */
function feed(to: ClientSession, stream: Uint8Array, sizes: readonly number[]) {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const size of [...sizes, stream.length]) {
    const result = to.open(stream.slice(at, at + size));
    if (result instanceof DecodeFailure) return result;
    pieces.push(result);
    at += size;
  }
  return concatBytes(...pieces);
}

test('response, early payload and records arrive in any cut', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 80 }), { maxLength: 10 }), (sizes) => {
      const client = session();
      expect(feed(client, inOne, sizes)).toEqual(hexLiteral(earlyPayload.emptySettings));
      expect(client.earlyPayload).toEqual({ nodeKeyChallenge: earlyPayload.challenge });
      expect(encodeHex(client.handshakeHash ?? new Uint8Array())).toBe(handshake.finalHash);
    }),
    { numRuns: 12 },
  );
});

test('response, early payload and records arrive byte by byte', () => {
  for (const stream of [inOne, inThree]) {
    const client = session();
    const bytes = feed(client, stream, new Array<number>(stream.length).fill(1));
    expect(bytes).toEqual(
      stream === inOne ? hexLiteral(earlyPayload.emptySettings) : new Uint8Array(),
    );
    expect(client.earlyPayload?.nodeKeyChallenge).toBe(earlyPayload.challenge);
  }
});

test('the client may write as soon as the response is there, and not before', () => {
  const client = session();
  expect(client.ready).toBe(false);
  expect(() => client.seal(new Uint8Array())).toThrow(BugError);
  client.open(hexLiteral(response));
  expect(client.ready).toBe(true);
  expect(client.earlyPayload).toBeUndefined();
  expect(encodeHex(client.seal(hexLiteral(clientRecords.preface)))).toBe(clientRecords.record0);
});

test('a refusal surfaces its text in any cut', () => {
  const frame = encodeErrorFrame('bad version');
  for (let cut = 0; cut <= frame.length; cut++) {
    const refused = feed(session(), frame, [cut]);
    expect(refused).toBeInstanceOf(HandshakeRefused);
    expect(refused).toMatchObject({ text: 'bad version' });
  }
  expect(feed(session(), encodeErrorFrame(''), [])).toBeInstanceOf(HandshakeRefused);
});

test('an answer that is neither response nor error fails at its first byte', () => {
  const client = session();
  expect(client.open(hexLiteral('48'))).toBe(fail('response-bad-type'));
  expect(client.open(inOne)).toBe(fail('response-bad-type'));
  expect(client.ready).toBe(false);
});

test('a forged response and a forged record end the session', () => {
  const forged = hexLiteral(response);
  forged[50] = (forged[50] ?? 0) ^ 1;
  expect(session().open(forged)).toBe(fail('response-forged'));

  const client = session();
  client.open(hexLiteral(response));
  const record = hexLiteral(earlyPayload.inOne);
  record[40] = (record[40] ?? 0) ^ 1;
  expect(client.open(record)).toBe(fail('record-forged'));
  expect(client.open(hexLiteral(earlyPayload.inOne))).toBe(fail('record-forged'));
});

test('random answers give a reason or wait for more', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const client = session();
      const result = client.open(bytes);
      if (!(result instanceof DecodeFailure)) expect(result).toHaveLength(0);
      expect(client.ready).toBe(false);
    }),
    { numRuns: 30 },
  );
});
