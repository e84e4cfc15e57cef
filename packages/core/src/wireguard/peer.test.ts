import { SeededRandom } from '@warren/core/base/seeded-random';
import { nobleCrypto } from '@warren/core/crypto/noble';
import { generatePrivateKey, publicKeyOf } from '@warren/core/keys/keys';
import { MESSAGE } from '@warren/core/wireguard/messages';
import { DevicePair, type End } from '@warren/core/wireguard/testing/device-pair';
import { MAX_WAITING_BYTES, MAX_WAITING_PACKETS } from '@warren/core/wireguard/waiting-queue';
import { beforeEach, expect, test } from 'vitest';

const INITIATION = MESSAGE.initiation;
const HELLO = Uint8Array.from({ length: 32 }, (_, i) => i);

let pair: DevicePair;
let left: End;
let right: End;

beforeEach(() => {
  pair = new DevicePair(0xbeef);
  ({ left, right } = pair);
});

function say(end: End, payload: Uint8Array = HELLO): void {
  end.say(payload, pair.now);
  pair.settle();
}

function sentOf(end: End, type: number): number {
  return end.sent.get(type) ?? 0;
}

test('the first packet waits for the handshake and then arrives', () => {
  say(left);
  expect(right.received).toEqual([HELLO]);
  expect([left.handshakes, right.handshakes]).toEqual([1, 1]);
  say(right);
  expect(left.received).toEqual([HELLO]);
  expect(sentOf(right, INITIATION)).toBe(0);
});

test('a lost initiation is repeated after 5 s and some jitter', () => {
  let lost = 0;
  pair.drop = () => lost++ === 0;
  say(left);
  pair.pass(4_999);
  expect(right.received).toEqual([]);
  pair.pass(400);
  expect(right.received).toEqual([HELLO]);
  expect(sentOf(left, INITIATION)).toBe(2);
});

test('a lost response is repaired by the next initiation', () => {
  let lost = 0;
  pair.drop = (message) => message[0] === MESSAGE.response && lost++ === 0;
  say(left);
  pair.pass(6_000);
  expect(right.received).toEqual([HELLO]);
  expect(right.handshakes).toBe(1);
});

test('a responder that is not confirmed begins itself, but not before 5 s', () => {
  pair.drop = (message) => message[0] === MESSAGE.transport;
  say(left);
  say(right);
  pair.pass(4_900);
  expect(sentOf(right, INITIATION)).toBe(0);
  pair.drop = () => false;
  pair.pass(600);
  expect(sentOf(right, INITIATION)).toBe(1);
  expect(left.received).toEqual([HELLO]);
});

test('never more than one initiation in 5 s, however much there is to send', () => {
  pair.drop = () => true;
  for (let i = 0; i < 100; i++) {
    say(left);
    pair.pass(100);
  }
  expect(sentOf(left, INITIATION)).toBe(2);
});

test('after 90 s without an answer the handshake is given up and what waited is dropped', () => {
  pair.drop = () => true;
  say(left);
  pair.pass(120_000);
  const tried = sentOf(left, INITIATION);
  expect(tried).toBeGreaterThanOrEqual(17);
  expect(tried).toBeLessThanOrEqual(18);
  expect(left.peer.waitingPackets).toBe(0);
  expect(left.counters.get('waiting-no-handshake')).toBe(1);
  pair.pass(60_000);
  expect(sentOf(left, INITIATION)).toBe(tried);
  expect(left.device.indexCount).toBe(0);
  pair.drop = () => false;
  say(left);
  expect(right.received).toEqual([HELLO]);
});

test('waiting packets are bounded; the newest stay', () => {
  pair.drop = () => true;
  for (let i = 0; i < MAX_WAITING_PACKETS + 10; i++) say(left, new Uint8Array(16).fill(i));
  expect(left.peer.waitingPackets).toBe(MAX_WAITING_PACKETS);
  expect(left.counters.get('waiting-queue-full')).toBe(10);
  pair.drop = () => false;
  pair.pass(6_000);
  expect(right.received.length).toBe(MAX_WAITING_PACKETS);
  expect(right.received[0]?.[0]).toBe(10);
  expect(right.received.at(-1)?.[0]).toBe(MAX_WAITING_PACKETS + 9);
});

test('waiting packets are bounded in bytes, too', () => {
  pair.drop = () => true;
  for (let i = 0; i < 10; i++) say(left, new Uint8Array(60_000));
  expect(left.peer.waitingPackets).toBe(Math.floor(MAX_WAITING_BYTES / 60_000));
});

test('both begin at the same moment: both handshakes succeed at once', () => {
  left.say(HELLO, pair.now);
  right.say(HELLO, pair.now);
  pair.settle();
  expect(left.received).toEqual([HELLO]);
  expect(right.received).toEqual([HELLO]);
  for (let i = 0; i < 5; i++) {
    say(left);
    say(right);
  }
  expect([left.received.length, right.received.length]).toEqual([6, 6]);
  expect([sentOf(left, INITIATION), sentOf(right, INITIATION)]).toEqual([1, 1]);
});

test('keys are renewed after 120 s without losing a packet', () => {
  for (let second = 0; second < 600; second++) {
    say(
      left,
      Uint8Array.from({ length: 16 }, () => second & 255),
    );
    pair.pass(1_000);
  }
  expect(right.received.length).toBe(600);
  expect(sentOf(left, INITIATION)).toBe(5);
  expect(sentOf(right, INITIATION)).toBe(0);
  expect(right.counters.snapshot()).toEqual({});
});

test('the initiator renews keys in time when it only receives', () => {
  say(left);
  for (let second = 0; second < 500; second++) {
    say(right);
    pair.pass(1_000);
  }
  expect(left.received.length).toBe(500);
  expect(sentOf(right, INITIATION)).toBe(0);
  expect(sentOf(left, INITIATION)).toBeGreaterThanOrEqual(3);
});

test('data that meets keys of 165 s makes the initiator renew them at once', () => {
  say(left);
  pair.pass(164_000);
  say(right);
  expect(sentOf(left, INITIATION)).toBe(1);
  pair.pass(2_000);
  say(right);
  expect(sentOf(left, INITIATION)).toBe(2);
  expect(left.handshakes).toBe(2);
});

test('a renewal that fails leaves the old keys in use until 180 s', () => {
  say(left);
  pair.drop = (message) => message[0] === INITIATION;
  for (let second = 0; second < 179; second++) {
    pair.pass(1_000);
    say(left);
  }
  expect(right.received.length).toBe(180);
  pair.pass(1_000);
  say(left);
  expect(right.received.length).toBe(180);
});

test('received data is answered within 10 s by a keepalive', () => {
  say(left);
  const before = left.keepalivesReceived;
  pair.pass(9_999);
  expect(left.keepalivesReceived).toBe(before);
  pair.pass(1);
  expect(left.keepalivesReceived).toBe(before + 1);
  pair.pass(60_000);
  expect(left.keepalivesReceived).toBe(before + 1);
});

test('data that nobody answers for 15 s starts a new handshake', () => {
  say(left);
  pair.pass(11_000);
  const before = sentOf(left, INITIATION);
  pair.drop = () => true;
  say(left);
  pair.pass(14_999);
  expect(sentOf(left, INITIATION)).toBe(before);
  pair.pass(400);
  expect(sentOf(left, INITIATION)).toBe(before + 1);
});

test('a peer that lost its keys is found again by the same side', () => {
  say(left);
  right.device.removePeer(left.key);
  right.join(left);
  say(left);
  expect(right.received.length).toBe(1);
  expect(right.counters.get('transport-unknown-index')).toBe(1);
  pair.pass(16_000);
  say(left);
  expect(right.received.length).toBe(2);
});

test('all keys are erased 540 s after the last handshake', () => {
  say(left);
  expect(left.device.indexCount).toBe(1);
  pair.pass(539_000);
  expect(left.device.indexCount).toBe(1);
  pair.pass(2_000);
  expect(left.device.indexCount).toBe(0);
  expect(right.device.indexCount).toBe(0);
  expect(left.device.nextTimeout()).toBeUndefined();
});

test('a persistent keepalive goes out in every silence', () => {
  left.peer.setPersistentKeepalive(25_000, pair.now);
  pair.settle();
  expect(right.handshakes).toBe(1);
  const before = right.keepalivesReceived;
  pair.pass(100_000);
  expect(right.keepalivesReceived).toBe(before + 4);
  left.peer.setPersistentKeepalive(0, pair.now);
  pair.pass(100_000);
  expect(right.keepalivesReceived).toBe(before + 4);
});

test('a replayed initiation is refused', () => {
  const initiations: Uint8Array[] = [];
  pair.drop = (message) => {
    if (message[0] === INITIATION) initiations.push(message.slice());
    return false;
  };
  say(left);
  pair.pass(30_000);
  const indices = right.device.indexCount;
  for (const initiation of initiations) right.take(initiation.slice(), pair.now);
  expect(right.counters.get('initiation-replayed')).toBe(1);
  expect(right.device.indexCount).toBe(indices);
  say(right);
  expect(left.received).toEqual([HELLO]);
});

test('initiations closer than 20 ms are a flood', () => {
  const initiations: Uint8Array[] = [];
  pair.drop = (message) => {
    initiations.push(message.slice());
    return true;
  };
  left.say(HELLO, pair.now);
  pair.settle();
  pair.pass(6_000);
  expect(initiations.length).toBe(2);
  for (const initiation of initiations) right.take(initiation, pair.now);
  expect(right.counters.get('initiation-flood')).toBe(1);
});

test('a response nobody asked for is refused', () => {
  const responses: Uint8Array[] = [];
  pair.drop = (message) => {
    if (message[0] === MESSAGE.response) responses.push(message.slice());
    return false;
  };
  say(left);
  for (const response of responses) left.take(response, pair.now);
  expect(left.counters.get('response-unexpected')).toBe(1);
});

test('without a path packets wait and leave when it comes', () => {
  left.canSend = false;
  say(left);
  pair.pass(3_000);
  expect(left.sent.size).toBe(0);
  left.canSend = true;
  left.peer.pathsChanged(pair.now, true);
  pair.settle();
  expect(right.received).toEqual([HELLO]);
});

test('a session without a path keeps packets and sends them without a new handshake', () => {
  say(left);
  left.canSend = false;
  say(left);
  expect(right.received.length).toBe(1);
  pair.pass(1_000);
  left.canSend = true;
  left.peer.pathsChanged(pair.now, true);
  pair.settle();
  expect(right.received.length).toBe(2);
  expect(sentOf(left, INITIATION)).toBe(1);
});

test('a response that comes after the path has gone is confirmed when it is back', () => {
  pair.drop = (message) => {
    if (message[0] === MESSAGE.response) left.canSend = false;
    return false;
  };
  left.peer.setPersistentKeepalive(25_000, pair.now);
  pair.settle();
  expect([left.handshakes, right.handshakes]).toEqual([1, 0]);
  left.canSend = true;
  left.peer.pathsChanged(pair.now, true);
  pair.settle();
  expect(right.handshakes).toBe(1);
  expect(sentOf(left, INITIATION)).toBe(1);
});

test('packets that wait 90 s for a path are dropped', () => {
  left.canSend = false;
  say(left);
  pair.pass(100_000);
  expect(left.peer.waitingPackets).toBe(0);
  expect(left.sent.size).toBe(0);
});

test('a new path repeats the pending initiation at once', () => {
  let lost = 0;
  pair.drop = () => lost++ === 0;
  say(left);
  pair.pass(200);
  left.peer.pathsChanged(pair.now, true);
  pair.settle();
  expect(right.received).toEqual([HELLO]);
  expect(sentOf(left, INITIATION)).toBe(2);
});

test('a repeated initiation that had arrived is refused as a replay and does no harm', () => {
  pair.drop = (message) => message[0] === MESSAGE.response;
  say(left);
  left.peer.pathsChanged(pair.now, true);
  pair.settle();
  expect(right.counters.get('initiation-replayed')).toBe(1);
  pair.drop = () => false;
  pair.pass(6_000);
  expect(right.received).toEqual([HELLO]);
});

test('a new identity ends sessions, the old one again agrees on new ones', () => {
  say(left);
  const random = new SeededRandom(7);
  const fresh = generatePrivateKey('node', random);
  left.device.setIdentity(fresh, pair.now);
  expect(left.device.indexCount).toBe(0);
  say(left);
  expect(right.received.length).toBe(1);
  expect(right.counters.get('initiation-unknown-peer')).toBe(1);
  const renamed = right.device.addPeer(publicKeyOf(nobleCrypto, 'node', fresh), right);
  pair.pass(6_000);
  expect(right.received.length).toBe(2);
  expect(renamed.lastHandshakeAt).toBeDefined();
});

test('the same identity again keeps sessions', () => {
  const own = new DevicePair(0x1d);
  const key = generatePrivateKey('node', new SeededRandom(3));
  own.left.device.setIdentity(key, own.now);
  own.right.device.addPeer(publicKeyOf(nobleCrypto, 'node', key), own.right);
  own.left.say(HELLO, own.now);
  own.settle();
  const indices = own.left.device.indexCount;
  own.left.device.setIdentity(key, own.now);
  expect(own.left.device.indexCount).toBe(indices);
  expect(indices).toBe(1);
});

test('a peer whose key is of low order is never contacted', () => {
  const zero = '0'.repeat(64) as typeof right.key;
  const peer = left.device.addPeer(zero, left);
  const memory = new Uint8Array(80);
  peer.send(memory, 16, 20, pair.now);
  expect(left.sent.size).toBe(0);
  expect(left.counters.get('initiation-impossible')).toBe(1);
  expect(peer.waitingPackets).toBe(0);
});

test('a tenth of all messages lost both ways: everything else arrives over an hour', () => {
  const random = new SeededRandom(0x105);
  pair.drop = () => random.below(10) === 0;
  let said = 0;
  for (let second = 0; second < 3_600; second += 5) {
    say(left, Uint8Array.of(0, second >> 8, second & 255, 0));
    say(right, Uint8Array.of(1, second >> 8, second & 255, 0));
    said++;
    pair.pass(5_000);
  }
  for (const end of [left, right]) {
    expect(end.received.length).toBeGreaterThan(0.8 * said);
    expect(end.received.length).toBeLessThanOrEqual(said);
    const distinct = new Set(end.received.map((payload) => payload.join()));
    expect(distinct.size).toBe(end.received.length);
  }
});
