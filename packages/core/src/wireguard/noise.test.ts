import { encodeHex, hexLiteral as hex } from '@warren/core/base/bytes';
import { isFailure } from '@warren/core/base/failure';
import { instant } from '@warren/core/base/instant';
import { bitFlips } from '@warren/core/base/mutations';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { nobleCrypto } from '@warren/core/crypto/noble';
import { generatePrivateKey, privateKeyFromBytes } from '@warren/core/keys/keys';
import type { Random } from '@warren/core/ports';
import { Keypair } from '@warren/core/wireguard/keypair';
import { INITIATION_AT, RESPONSE_AT } from '@warren/core/wireguard/messages';
import {
  consumeInitiation,
  consumeResponse,
  createIdentity,
  createInitiation,
  createPeerStatics,
  createResponse,
  hasMac1,
  type Identity,
  type PeerStatics,
} from '@warren/core/wireguard/noise';
import { encodeTai64n } from '@warren/core/wireguard/tai64n';
import {
  FIXED,
  INITIATION,
  type Transcript,
  WITH_PRESHARED_KEY,
  WITHOUT_PRESHARED_KEY,
} from '@warren/core/wireguard/vectors';
import { describe, expect, test } from 'vitest';

function must<T>(value: T | undefined): NonNullable<T> {
  if (value === undefined || value === null) throw new Error('is undefined');
  return value;
}

function good<T>(value: T): Exclude<T, { reason: string }> {
  if (isFailure(value)) throw new Error(value.reason);
  return value as Exclude<T, { reason: string }>;
}

/** A "random" source that gives these bytes every time. */
function always(bytes: Uint8Array): Random {
  return {
    fill(target) {
      target.set(bytes.subarray(0, target.length));
      return target;
    },
  };
}

interface Sides {
  readonly initiator: Identity;
  readonly responder: Identity;
  readonly responderStatics: PeerStatics;
  readonly initiatorStatics: PeerStatics;
}

function fixedSides(presharedKey: Uint8Array): Sides {
  const initiator = createIdentity(
    nobleCrypto,
    privateKeyFromBytes('node', hex(FIXED.initiatorPrivate)),
  );
  const responder = createIdentity(
    nobleCrypto,
    privateKeyFromBytes('node', hex(FIXED.responderPrivate)),
  );
  const { publicKey: responderKey } = responder;
  const { publicKey: initiatorKey } = initiator;
  return {
    initiator,
    responder,
    responderStatics: must(createPeerStatics(nobleCrypto, initiator, responderKey, presharedKey)),
    initiatorStatics: must(createPeerStatics(nobleCrypto, responder, initiatorKey, presharedKey)),
  };
}

function fixedInitiation(sides: Sides) {
  return must(
    createInitiation(
      nobleCrypto,
      always(hex(FIXED.initiatorEphemeral)),
      sides.initiator,
      sides.responderStatics,
      FIXED.initiatorIndex,
      encodeTai64n(FIXED.timestampSeconds, FIXED.timestampNanoseconds),
    ),
  );
}

function fixedResponse(sides: Sides) {
  const received = good(
    consumeInitiation(nobleCrypto, sides.responder, hex(INITIATION), () => sides.initiatorStatics),
  );
  const random = always(hex(FIXED.responderEphemeral));
  return must(createResponse(nobleCrypto, random, received, FIXED.responderIndex));
}

describe.each<[string, Transcript]>([
  ['without a pre-shared key', WITHOUT_PRESHARED_KEY],
  ['with a pre-shared key', WITH_PRESHARED_KEY],
])('the recorded handshake %s', (_, transcript) => {
  const sides = fixedSides(hex(transcript.presharedKey));

  test('both public keys follow from the private ones', () => {
    expect(encodeHex(sides.initiator.publicKey)).toBe(FIXED.initiatorPublic);
    expect(encodeHex(sides.responder.publicKey)).toBe(FIXED.responderPublic);
  });

  test('the initiator makes the recorded initiation', () => {
    expect(encodeHex(fixedInitiation(sides).message)).toBe(INITIATION);
  });

  test('the responder reads who sent it and when', () => {
    const asked: string[] = [];
    const received = good(
      consumeInitiation(nobleCrypto, sides.responder, hex(INITIATION), (publicKey) => {
        asked.push(encodeHex(publicKey));
        return sides.initiatorStatics;
      }),
    );
    expect(asked).toEqual([FIXED.initiatorPublic]);
    expect(received.senderIndex).toBe(FIXED.initiatorIndex);
    expect(received.timestamp).toEqual(
      encodeTai64n(FIXED.timestampSeconds, FIXED.timestampNanoseconds),
    );
  });

  test('the responder makes the recorded response and the mirrored keys', () => {
    const { message, keys } = fixedResponse(sides);
    expect(encodeHex(message)).toBe(transcript.response);
    expect(encodeHex(keys.sendKey)).toBe(transcript.initiatorReceiveKey);
    expect(encodeHex(keys.receiveKey)).toBe(transcript.initiatorSendKey);
    expect(keys.remoteIndex).toBe(FIXED.initiatorIndex);
  });

  test('the initiator makes the recorded keys and messages', () => {
    const { state } = fixedInitiation(sides);
    const response = hex(transcript.response);
    const keys = good(
      consumeResponse(nobleCrypto, sides.initiator, sides.responderStatics, state, response),
    );
    expect(encodeHex(keys.sendKey)).toBe(transcript.initiatorSendKey);
    expect(encodeHex(keys.receiveKey)).toBe(transcript.initiatorReceiveKey);
    expect(keys.remoteIndex).toBe(FIXED.responderIndex);
    const keypair = new Keypair(nobleCrypto, keys, FIXED.initiatorIndex, true, instant(0));
    const memory = new Uint8Array(64);
    expect(keypair.sealInto(memory, 16, 0, 1280)).toBe(32);
    expect(encodeHex(memory.subarray(0, 32))).toBe(transcript.keepalive);
    memory.set(hex(FIXED.payload), 16);
    const length = keypair.sealInto(memory, 16, 5, 1280);
    expect(encodeHex(memory.subarray(0, length))).toBe(transcript.data);
  });
});

const plain = fixedSides(new Uint8Array(32));

test('an initiation with any bit turned fails its mac1; mac2 alone is not covered', () => {
  const check = (message: Uint8Array) =>
    hasMac1(nobleCrypto, plain.responder, message, INITIATION_AT.mac1);
  let bit = 0;
  for (const flipped of bitFlips(hex(INITIATION))) {
    expect(check(flipped)).toBe(bit++ >> 3 >= INITIATION_AT.mac2);
  }
});

/** Makes mac1 right again, as somebody who knows the receiver's public key can. */
function withMac1(message: Uint8Array, of: PeerStatics, at: number): Uint8Array {
  const made = message.slice();
  made.set(nobleCrypto.blake2s(16, made.subarray(0, at), of.mac1Key), at);
  return made;
}

test('a forger who makes mac1 right still fails on every sealed byte', () => {
  const find = () => plain.initiatorStatics;
  for (let at = INITIATION_AT.ephemeral; at < INITIATION_AT.mac1; at += 5) {
    const forged = hex(INITIATION);
    forged[at] = (forged[at] ?? 0) ^ 0x10;
    const message = withMac1(forged, plain.responderStatics, INITIATION_AT.mac1);
    expect(consumeInitiation(nobleCrypto, plain.responder, message, find)).toMatchObject({
      reason: 'initiation-forged',
    });
  }
});

test('an initiation of a stranger is refused before its timestamp is opened', () => {
  const result = consumeInitiation(nobleCrypto, plain.responder, hex(INITIATION), () => undefined);
  expect(result).toMatchObject({ reason: 'initiation-unknown-peer' });
});

test('an initiation for somebody else fails its mac1', () => {
  const { initiator } = plain;
  expect(hasMac1(nobleCrypto, initiator, hex(INITIATION), INITIATION_AT.mac1)).toBe(false);
  const result = consumeInitiation(
    nobleCrypto,
    initiator,
    hex(INITIATION),
    () => plain.initiatorStatics,
  );
  expect(result).toMatchObject({ reason: 'initiation-forged' });
});

test('public keys of low order are refused wherever they appear', () => {
  const lowOrder = new Uint8Array(32);
  expect(createPeerStatics(nobleCrypto, plain.initiator, lowOrder)).toBeUndefined();
  const initiation = hex(INITIATION);
  initiation.fill(0, INITIATION_AT.ephemeral, INITIATION_AT.static);
  const find = () => plain.initiatorStatics;
  expect(
    consumeInitiation(
      nobleCrypto,
      plain.responder,
      withMac1(initiation, plain.responderStatics, INITIATION_AT.mac1),
      find,
    ),
  ).toMatchObject({ reason: 'initiation-low-order-key' });
  const response = hex(WITHOUT_PRESHARED_KEY.response);
  response.fill(0, RESPONSE_AT.ephemeral, RESPONSE_AT.empty);
  expect(
    consumeResponse(
      nobleCrypto,
      plain.initiator,
      plain.responderStatics,
      fixedInitiation(plain).state,
      withMac1(response, plain.initiatorStatics, RESPONSE_AT.mac1),
    ),
  ).toMatchObject({ reason: 'response-low-order-key' });
});

test('forged responses are refused and leave the handshake usable', () => {
  const { state } = fixedInitiation(plain);
  const { initiator, responderStatics } = plain;
  const consume = (message: Uint8Array) =>
    consumeResponse(nobleCrypto, initiator, responderStatics, state, message);
  for (const flipped of bitFlips(
    hex(WITHOUT_PRESHARED_KEY.response).subarray(0, RESPONSE_AT.mac1),
  )) {
    const message = new Uint8Array(92);
    message.set(flipped);
    message.set(hex(WITHOUT_PRESHARED_KEY.response).subarray(RESPONSE_AT.mac1), RESPONSE_AT.mac1);
    expect(consume(message)).toMatchObject({ reason: 'response-bad-mac1' });
  }
  const forged = hex(WITHOUT_PRESHARED_KEY.response);
  forged[RESPONSE_AT.empty] = (forged[RESPONSE_AT.empty] ?? 0) ^ 1;
  expect(consume(withMac1(forged, plain.initiatorStatics, RESPONSE_AT.mac1))).toMatchObject({
    reason: 'response-forged',
  });
  expect(isFailure(consume(hex(WITHOUT_PRESHARED_KEY.response)))).toBe(false);
});

test('a different pre-shared key on one side fails the response', () => {
  const other = fixedSides(hex(WITH_PRESHARED_KEY.presharedKey));
  const { state } = fixedInitiation(plain);
  const result = consumeResponse(
    nobleCrypto,
    plain.initiator,
    plain.responderStatics,
    state,
    fixedResponse(other).message,
  );
  expect(result).toMatchObject({ reason: 'response-forged' });
});

test('any two identities agree on mirrored keys', () => {
  const random = new SeededRandom(0x1b5c);
  for (let round = 0; round < 5; round++) {
    const initiator = createIdentity(nobleCrypto, generatePrivateKey('node', random));
    const responder = createIdentity(nobleCrypto, generatePrivateKey('node', random));
    const toResponder = must(createPeerStatics(nobleCrypto, initiator, responder.publicKey));
    const toInitiator = must(createPeerStatics(nobleCrypto, responder, initiator.publicKey));
    const { message, state } = must(
      createInitiation(nobleCrypto, random, initiator, toResponder, 7, encodeTai64n(1, 0)),
    );
    const received = good(consumeInitiation(nobleCrypto, responder, message, () => toInitiator));
    const response = must(createResponse(nobleCrypto, random, received, 9));
    const keys = good(
      consumeResponse(nobleCrypto, initiator, toResponder, state, response.message),
    );
    expect(keys.sendKey).toEqual(response.keys.receiveKey);
    expect(keys.receiveKey).toEqual(response.keys.sendKey);
    expect(keys.sendKey).not.toEqual(keys.receiveKey);
    expect(keys.remoteIndex).toBe(9);
    expect(response.keys.remoteIndex).toBe(7);
  }
});
