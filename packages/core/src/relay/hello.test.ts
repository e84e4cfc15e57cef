import { describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../base/text.js';
import { nobleCrypto as crypto } from '../crypto/noble.js';
import { type NodeKey, publicKeyBytes, publicKeyFromBytes, zeroKey } from '../keys/keys.js';
import type { Random } from '../ports.js';
import { encodeClientInfo } from './encode-frames.js';
import {
  type ClientInfo,
  openClientInfo,
  openServerInfo,
  plainClientInfo,
  sealClientInfo,
  sealServerInfo,
  shareKey,
} from './hello.js';
import {
  clientNonce,
  FRAMES,
  keyA,
  keyB,
  privateKeyA,
  serverKey,
  serverNonce,
  serverPrivateKey,
} from './vectors.js';

/** A Random that gives one nonce. */
const giving = (nonce: Uint8Array): Random => ({
  fill: (target) => {
    target.set(nonce.subarray(0, target.length));
    return target;
  },
});

function sharedA(): Uint8Array {
  const shared = shareKey(crypto, privateKeyA, serverKey);
  if (!(shared instanceof Uint8Array)) throw new Error('the vectors share a key');
  return shared;
}

const open = (frame: Uint8Array, key: NodeKey = keyA) =>
  openClientInfo(crypto, serverPrivateKey, key, frame.subarray(37, 61), frame.subarray(61));

/** A ClientInfo frame around any plaintext. */
function sealText(text: string): Uint8Array {
  const box = crypto.boxSeal(sharedA(), clientNonce, encodeUtf8(text));
  return encodeClientInfo(keyA, clientNonce, box);
}

test('ClientInfo is sealed and opened as in its vector', () => {
  const sealed = sealClientInfo(crypto, giving(clientNonce), sharedA(), keyA, plainClientInfo(''));
  expect(sealed).toEqual(FRAMES.clientInfo);
  expect(open(FRAMES.clientInfo)).toMatchObject({ info: plainClientInfo('') });
});

test('ServerInfo is sealed and opened as in its vector', () => {
  const info = { version: 2, tokenBucket: undefined, dialsBack: false };
  expect(sealServerInfo(crypto, giving(serverNonce), sharedA(), info)).toEqual(FRAMES.serverInfo);
  const opened = openServerInfo(crypto, sharedA(), serverNonce, FRAMES.serverInfo.subarray(29));
  expect(opened).toEqual(info);
});

test('all that a client can say arrives', () => {
  const info: ClientInfo = {
    version: 2,
    canAckPings: true,
    isProber: true,
    appName: 'warren',
    meshKey: 'ab'.repeat(32),
  };
  expect(open(sealClientInfo(crypto, giving(clientNonce), sharedA(), keyA, info))).toMatchObject({
    info,
  });
});

test('an announced limit and the offer to dial back arrive, and one that makes no sense counts as none', () => {
  const tokenBucket = { bytesPerSecond: 125_000, burstBytes: 70_000 };
  const sealed = sealServerInfo(crypto, giving(serverNonce), sharedA(), {
    version: 2,
    tokenBucket,
    dialsBack: true,
  });
  expect(openServerInfo(crypto, sharedA(), serverNonce, sealed.subarray(29))).toEqual({
    version: 2,
    tokenBucket,
    dialsBack: true,
  });
  for (const rate of ['-1', '0', '1e99', '"5"', 'null']) {
    const text = `{"version":2,"TokenBucketBytesPerSecond":${rate}}`;
    const box = crypto.boxSeal(sharedA(), serverNonce, encodeUtf8(text));
    expect(openServerInfo(crypto, sharedA(), serverNonce, box)).toMatchObject({
      tokenBucket: undefined,
    });
  }
});

describe('a server refuses', () => {
  test('a box with any bit flipped', () => {
    for (let bit = 61 * 8; bit < FRAMES.clientInfo.length * 8; bit += 7) {
      const frame = FRAMES.clientInfo.slice();
      frame[bit >> 3] = (frame[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(open(frame)).toMatchObject({ reason: 'box-not-opening' });
    }
  });

  test('an outer key that is not the sealing key', () => {
    expect(open(FRAMES.clientInfo, keyB)).toMatchObject({ reason: 'box-not-opening' });
  });

  test('the zero key and keys of low order', () => {
    expect(open(FRAMES.clientInfo, zeroKey('node'))).toMatchObject({ reason: 'unusable-key' });
    const low = publicKeyFromBytes(
      'node',
      Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0)),
    );
    expect(open(FRAMES.clientInfo, low)).toMatchObject({ reason: 'unusable-key' });
    expect(publicKeyBytes(low)[0]).toBe(1);
  });

  test.each([
    '',
    'null',
    '[]',
    '"x"',
    '{"version":2',
    '{"version":"2"}',
    '{"version":-1}',
    '{"meshKey":""}',
    '{"meshKey":null}',
    `{"meshKey":"${'AB'.repeat(32)}"}`,
    '{"CanAckPings":1}',
  ])('the JSON %j', (text) => {
    expect(open(sealText(text))).toMatchObject({ reason: 'bad-json' });
  });

  test('nothing that is merely unknown', () => {
    const text = '{"version":3,"CanAckPings":false,"Later":{"a":[1]},"AppName":7}';
    expect(open(sealText(text))).toMatchObject({
      info: { version: 3, canAckPings: false, appName: '', meshKey: undefined },
    });
  });
});

test('a client refuses a ServerInfo that is damaged or no object', () => {
  const box = FRAMES.serverInfo.slice(29);
  box[3] = (box[3] ?? 0) ^ 4;
  expect(openServerInfo(crypto, sharedA(), serverNonce, box)).toMatchObject({
    reason: 'box-not-opening',
  });
  const list = crypto.boxSeal(sharedA(), serverNonce, encodeUtf8('[2]'));
  expect(openServerInfo(crypto, sharedA(), serverNonce, list)).toMatchObject({
    reason: 'bad-json',
  });
});
