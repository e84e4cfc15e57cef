/** The rows of the table in timers.ts that no story of `peer.test.ts` or `restart.test.ts` covers. */
import { assert } from '@warren/core/base/assert';
import { instant } from '@warren/core/base/instant';
import { MESSAGE } from '@warren/core/wireguard/messages';
import { Schedule } from '@warren/core/wireguard/schedule';
import { DevicePair, type End } from '@warren/core/wireguard/testing/device-pair';
import {
  REJECT_AFTER_MESSAGES,
  REJECT_AFTER_MS,
  REKEY_AFTER_MESSAGES,
  REKEY_AFTER_MS,
  TIMER,
  TimerSet,
} from '@warren/core/wireguard/timers';
import { beforeEach, expect, test } from 'vitest';

const HELLO = Uint8Array.from({ length: 32 }, (_, i) => i);

let pair: DevicePair;
let left: End;
let right: End;

beforeEach(() => {
  pair = new DevicePair(0x71e5);
  ({ left, right } = pair);
  say(left);
});

function say(end: End): void {
  end.say(HELLO, pair.now);
  pair.settle();
}

function initiations(end: End): number {
  return end.sent.get(MESSAGE.initiation) ?? 0;
}

test('the initiator renews at 120 s when it sends, not a moment earlier', () => {
  pair.pass(REKEY_AFTER_MS - 1);
  say(left);
  expect(initiations(left)).toBe(1);
  pair.pass(1);
  say(left);
  expect([initiations(left), left.handshakes]).toEqual([2, 2]);
  expect(right.received.length).toBe(3);
});

test('a responder doesn’t renew by age, and begins itself when the keys are over', () => {
  pair.drop = (message, from) => from === left && message[0] === MESSAGE.initiation;
  // The initiator wants new keys from 120 s on and can't get them, but goes on talking.
  for (let second = 10; second < REJECT_AFTER_MS / 1000; second += 10) {
    pair.pass(10_000);
    say(right);
    say(left);
    expect([second, initiations(right)]).toEqual([second, 0]);
  }
  pair.pass(10_000);
  say(right);
  expect(initiations(right)).toBe(1);
  expect(left.received.length).toBe(18);
});

test.each(['left', 'right'] as const)('the %s side renews keys that are much used', (side) => {
  pair.pass(6_000);
  const end = pair[side];
  say(right); // both sides have sent on these keys
  const keypair = end.peer.session.current;
  assert(keypair !== undefined, 'there is a session');
  keypair.sendCounter = REKEY_AFTER_MESSAGES - 2;
  const before = end.handshakes;
  say(end);
  expect(end.handshakes).toBe(before);
  say(end);
  expect(end.handshakes).toBe(before + 1);
  expect(end.peer.session.current).not.toBe(keypair);
});

test('used up keys send nothing more; what is to be sent waits for new ones', () => {
  const keypair = left.peer.session.current;
  assert(keypair !== undefined, 'there is a session');
  keypair.sendCounter = REJECT_AFTER_MESSAGES;
  pair.pass(6_000);
  say(left);
  expect(right.received.length).toBe(2);
  expect(left.handshakes).toBe(2);
});

test('what was sealed before 180 s and arrives after is refused', () => {
  const late: Uint8Array[] = [];
  pair.pass(REJECT_AFTER_MS - 10);
  pair.drop = (message) => message[0] === MESSAGE.transport && late.push(message.slice()) > 0;
  say(left);
  pair.pass(10);
  const [message] = late;
  assert(message !== undefined, 'the packet left');
  right.take(message, pair.now);
  expect(right.counters.get('transport-expired-keys')).toBe(1);
  expect(right.received.length).toBe(1);
});

test('more data before the keepalive asks for another one after it', () => {
  const before = left.keepalivesReceived;
  pair.pass(5_000);
  say(left);
  pair.pass(5_000);
  expect(left.keepalivesReceived).toBe(before + 1);
  pair.pass(10_000);
  expect(left.keepalivesReceived).toBe(before + 2);
  pair.pass(60_000);
  expect(left.keepalivesReceived).toBe(before + 2);
});

test('keepalives don’t answer keepalives', () => {
  pair.pass(60_000);
  const sent = [left, right].map((end) => end.sent.get(MESSAGE.transport));
  pair.pass(60_000);
  expect([left, right].map((end) => end.sent.get(MESSAGE.transport))).toEqual(sent);
});

test('traffic in either direction puts the persistent keepalive off', () => {
  left.peer.setPersistentKeepalive(25_000, pair.now);
  pair.settle();
  const before = right.keepalivesReceived;
  for (let i = 0; i < 10; i++) {
    pair.pass(9_000);
    say(i % 2 === 0 ? left : right);
  }
  expect(right.keepalivesReceived).toBe(before);
});

test('a persistent keepalive outlives its keys: it begins handshakes by itself', () => {
  left.peer.setPersistentKeepalive(25_000, pair.now);
  pair.pass(3_600_000);
  expect(initiations(right)).toBe(0);
  expect(left.handshakes).toBeGreaterThanOrEqual(20);
  expect(left.handshakes).toBeLessThanOrEqual(31);
  expect(right.device.indexCount).toBeGreaterThan(0);
});

test('an armed timer is found by its time, a disarmed one is woken for at most once', () => {
  const schedule = new Schedule();
  const fired: number[] = [];
  const timers = new TimerSet(schedule, (now) => {
    for (let timer = timers.takeDue(now); timer !== undefined; timer = timers.takeDue(now)) {
      fired.push(timer);
    }
  });
  timers.arm(TIMER.keepalive, instant(0), 10_000);
  timers.arm(TIMER.zeroKeys, instant(0), 540_000);
  timers.disarm(TIMER.keepalive);
  schedule.takeDue(instant(10_000))?.fire(instant(10_000));
  expect([fired, schedule.at]).toEqual([[], 540_000]);
  schedule.takeDue(instant(540_000))?.fire(instant(540_000));
  expect([fired, schedule.at]).toEqual([[TIMER.zeroKeys], undefined]);
});
