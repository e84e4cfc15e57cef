import { isFailure } from '@warren/core/base/failure';
import { type Instant, instant } from '@warren/core/base/instant';
import { bitFlips } from '@warren/core/base/mutations';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { nobleCrypto } from '@warren/core/crypto/noble';
import { Keypair } from '@warren/core/wireguard/keypair';
import { writeCounter } from '@warren/core/wireguard/messages';
import { REJECT_AFTER_MESSAGES, REJECT_AFTER_MS } from '@warren/core/wireguard/timers';
import { beforeEach, expect, test } from 'vitest';

const MTU_BYTES = 1280;
const start: Instant = instant(5_000);
const random = new SeededRandom(0x5ea1);

let sender: Keypair;
let receiver: Keypair;

beforeEach(() => {
  const forth = random.fill(new Uint8Array(32));
  const back = random.fill(new Uint8Array(32));
  const ours = { sendKey: forth.slice(), receiveKey: back.slice(), remoteIndex: 0x01020304 };
  const theirs = { sendKey: back.slice(), receiveKey: forth.slice(), remoteIndex: 0x0a0b0c0d };
  sender = new Keypair(nobleCrypto, ours, 0x0a0b0c0d, true, start);
  receiver = new Keypair(nobleCrypto, theirs, 0x01020304, false, start);
});

/** Seals `payload` inside memory with other bytes around it; returns the message. */
function seal(payload: Uint8Array, keypair = sender): Uint8Array {
  const memory = new Uint8Array(100 + payload.length + 100).fill(0xee);
  memory.set(payload, 100);
  const length = keypair.sealInto(memory, 100, payload.length, MTU_BYTES);
  expect(memory.subarray(0, 84).every((byte) => byte === 0xee)).toBe(true);
  expect(memory.subarray(84 + length).every((byte) => byte === 0xee)).toBe(true);
  return memory.slice(84, 84 + length);
}

test('what is sealed opens again, padded with zeros to 16 bytes', () => {
  for (const length of [0, 1, 15, 16, 17, 100, 1279, 1280]) {
    const payload = random.fill(new Uint8Array(length));
    const message = seal(payload);
    const padded = Math.ceil(length / 16) * 16;
    expect(message.length).toBe(16 + padded + 16);
    expect(receiver.openInto(message, 0, message.length, start)).toBe(padded);
    expect(message.subarray(16, 16 + length)).toEqual(payload);
    expect(message.subarray(16 + length, 16 + padded).every((byte) => byte === 0)).toBe(true);
  }
});

test('messages open at any place in memory and leave the rest alone', () => {
  const payload = random.fill(new Uint8Array(77));
  const message = seal(payload);
  const memory = new Uint8Array(333).fill(0xcc);
  memory.set(message, 101);
  expect(receiver.openInto(memory, 101, message.length, start)).toBe(80);
  expect(memory.subarray(117, 117 + 77)).toEqual(payload);
  expect(memory.subarray(0, 101).every((byte) => byte === 0xcc)).toBe(true);
  expect(memory.subarray(101 + message.length).every((byte) => byte === 0xcc)).toBe(true);
});

test('a message opens once', () => {
  const message = seal(Uint8Array.of(1, 2, 3));
  const copy = message.slice();
  expect(isFailure(receiver.openInto(message, 0, message.length, start))).toBe(false);
  expect(receiver.openInto(copy, 0, copy.length, start)).toMatchObject({
    reason: 'transport-replayed',
  });
});

test('a replayed copy is told from a forged one', () => {
  const message = seal(Uint8Array.of(1, 2, 3));
  const [copy, forged] = [message.slice(), message.slice()];
  receiver.openInto(message, 0, message.length, start);
  forged[20] = (forged[20] ?? 0) ^ 1;
  expect(receiver.isGenuine(copy, 0, copy.length)).toBe(true);
  expect(receiver.isGenuine(forged, 0, forged.length)).toBe(false);
});

test('messages reordered by 2,000 open', () => {
  const messages = Array.from({ length: 2_001 }, (_, i) => seal(Uint8Array.of(i & 255, i >> 8)));
  for (const message of messages.reverse()) {
    expect(receiver.openInto(message, 0, message.length, start)).toBe(16);
  }
});

test('a message with any bit turned does not open and does not spoil the window', () => {
  const message = seal(Uint8Array.of(9, 9, 9));
  let bit = 0;
  for (const flipped of bitFlips(message)) {
    const at = bit++ >> 3;
    if (at < 8) continue; // type and index have been read before
    expect(isFailure(receiver.openInto(flipped, 0, flipped.length, start))).toBe(true);
  }
  expect(receiver.openInto(message, 0, message.length, start)).toBe(16);
});

test('truncated messages do not open', () => {
  const message = seal(random.fill(new Uint8Array(40)));
  for (let length = 32; length < message.length; length++) {
    expect(receiver.openInto(message.slice(0, length), 0, length, start)).toMatchObject({
      reason: 'transport-forged',
    });
  }
});

test('keys older than 180 s neither seal nor open', () => {
  const message = seal(Uint8Array.of(1));
  const late = instant(start + REJECT_AFTER_MS);
  expect(sender.canSend(instant(late - 1))).toBe(true);
  expect(sender.canSend(late)).toBe(false);
  expect(receiver.openInto(message, 0, message.length, late)).toMatchObject({
    reason: 'transport-expired-keys',
  });
  expect(receiver.openInto(message, 0, message.length, instant(late - 1))).toBe(16);
});

test('the counter ends before it could repeat', () => {
  sender.sendCounter = REJECT_AFTER_MESSAGES - 1;
  const last = seal(Uint8Array.of(1));
  expect(sender.canSend(start)).toBe(false);
  expect(() => seal(Uint8Array.of(1))).toThrow();
  expect(receiver.openInto(last, 0, last.length, start)).toBe(16);
  writeCounter(last, 8, REJECT_AFTER_MESSAGES);
  expect(receiver.openInto(last, 0, last.length, start)).toMatchObject({
    reason: 'transport-counter-too-large',
  });
  last.fill(0xff, 8, 16);
  expect(receiver.isGenuine(last, 0, last.length)).toBe(false);
});

test('a keypair takes its keys over: nobody else has them afterwards', () => {
  const keys = {
    sendKey: random.fill(new Uint8Array(32)),
    receiveKey: random.fill(new Uint8Array(32)),
    remoteIndex: 1,
  };
  const keypair = new Keypair(nobleCrypto, keys, 2, true, start);
  expect(keys).toMatchObject({ sendKey: new Uint8Array(32), receiveKey: new Uint8Array(32) });
  expect(seal(Uint8Array.of(1), keypair)).toHaveLength(48);
});

test('erased keys do nothing more', () => {
  const message = seal(Uint8Array.of(1));
  receiver.erase();
  sender.erase();
  expect(isFailure(receiver.openInto(message, 0, message.length, start))).toBe(true);
  expect(() => seal(Uint8Array.of(1))).toThrow();
});
