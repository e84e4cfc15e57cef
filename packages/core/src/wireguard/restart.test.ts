/** The other side's process died and came back: it has its identity and none of the session's keys. */
import { MESSAGE } from '@warren/core/wireguard/messages';
import { DevicePair, type End } from '@warren/core/wireguard/testing/device-pair';
import { beforeEach, describe, expect, test } from 'vitest';

const HELLO = Uint8Array.from({ length: 32 }, (_, i) => i);

let pair: DevicePair;
let left: End;
let right: End;

function say(end: End): void {
  end.say(HELLO, pair.now);
  pair.settle();
}

const initiationsOf = (end: End): number => end.sent.get(MESSAGE.initiation) ?? 0;

beforeEach(() => {
  pair = new DevicePair(0xfeed);
  ({ left, right } = pair);
  say(left);
  pair.pass(60_000);
  right.restart();
  right.received.length = 0;
});

test('unnoticed, it swallows what is sent for 15 s', () => {
  for (let second = 0; second < 14; second++) {
    say(left);
    pair.pass(1000);
  }
  expect(right.received).toEqual([]);
  pair.pass(2000);
  say(left);
  expect(right.received).toHaveLength(1);
});

describe('who was restarted itself', () => {
  /** Says something ten times a second, which the other side answers; gives how much of it arrived. */
  function talk(ms: number): number {
    const before = right.received.length;
    for (let at = 0; at < ms; at += 100) {
      const heard = right.received.length;
      say(left);
      if (right.received.length > heard) say(right);
      pair.pass(100);
    }
    return right.received.length - before;
  }

  beforeEach(() => {
    left.restart();
    left.peer.doubtFirstKeys();
    right.received.length = 0;
  });

  test('finds within 5 s that the peer has erased their first keys, as stock clients do then', () => {
    expect(talk(600)).toBe(6);
    right.restart();
    expect(talk(6000)).toBeGreaterThanOrEqual(10);
  });

  test('sends a stream that nobody answers on, with two handshakes more in the first 10 s', () => {
    say(left);
    const before = initiationsOf(left);
    for (let at = 0; at < 60_000; at += 100) {
      say(left);
      pair.pass(100);
    }
    expect(right.received).toHaveLength(601);
    expect(initiationsOf(left) - before).toBeLessThanOrEqual(2);
  });
});

describe('once control has told of it', () => {
  test('new keys are agreed on at once, and nothing that is sent meanwhile is lost', () => {
    pair.drop = () => true;
    left.peer.restarted(pair.now);
    pair.settle();
    for (let i = 0; i < 5; i++) say(left);
    pair.drop = () => false;
    pair.pass(500);
    expect(right.received).toHaveLength(5);
    expect([left.handshakes, right.handshakes]).toEqual([2, 2]);
  });

  test('also within 5 s of another initiation', () => {
    say(left);
    pair.pass(14_000); // nearly the 15 s timer
    say(left);
    pair.pass(1400);
    const before = initiationsOf(left);
    expect(before).toBe(2);
    right.restart();
    left.peer.restarted(pair.now);
    pair.settle();
    expect(initiationsOf(left)).toBe(3);
    say(left);
    expect(right.received).toHaveLength(1);
  });

  test('the same initiation is repeated while the peer is not on its relay yet', () => {
    const sent: Uint8Array[] = [];
    pair.drop = (message, from) => {
      if (from === left && message[0] === MESSAGE.initiation) sent.push(message);
      return true;
    };
    left.peer.restarted(pair.now);
    pair.settle();
    pair.pass(4900);
    expect(sent).toHaveLength(4);
    for (const message of sent) expect(message).toEqual(sent[0]);
    pair.pass(600);
    expect(sent).toHaveLength(5);
    expect(sent[4]).not.toEqual(sent[0]);
  });

  test('who gets several of them answers one', () => {
    left.peer.restarted(pair.now);
    const [initiation] = left.outbox;
    left.outbox.push(...Array.from({ length: 3 }, () => initiation?.slice() ?? new Uint8Array()));
    pair.settle();
    expect(right.sent.get(MESSAGE.response)).toBe(2);
    expect(right.counters.get('initiation-replayed')).toBe(3);
    say(left);
    expect(right.received).toHaveLength(1);
  });

  test('repeating ends with the answer', () => {
    left.peer.restarted(pair.now);
    pair.settle();
    const before = initiationsOf(left);
    pair.pass(10_000);
    expect(initiationsOf(left)).toBe(before);
  });

  test('a peer that nobody spoke with for long is left alone until somebody does', () => {
    pair.pass(600_000); // the keys are erased after 540 s
    const before = initiationsOf(left);
    left.peer.restarted(pair.now);
    pair.pass(30_000);
    expect(initiationsOf(left)).toBe(before);
    say(left);
    expect(right.received).toHaveLength(1);
  });

  test('without a path it waits for one', () => {
    left.canSend = false;
    left.peer.restarted(pair.now);
    pair.pass(1000);
    expect(initiationsOf(left)).toBe(1);
    left.canSend = true;
    left.peer.pathsChanged(pair.now, true);
    pair.settle();
    say(left);
    expect(right.received).toHaveLength(1);
  });
});

test('told late, after both have new keys already, it costs one more handshake and no packet', () => {
  say(right);
  expect(left.received).toHaveLength(1);
  left.peer.restarted(pair.now);
  pair.settle();
  say(left);
  say(right);
  expect(right.received).toHaveLength(1);
  expect(left.received).toHaveLength(2);
});

describe('told while packets on new keys are on their way', () => {
  /** The news come when the first of `right`'s packets is in the air. */
  function newsInMidAir(): void {
    pair.drop = (message, from) => {
      if (from !== right || message[0] !== MESSAGE.transport) return false;
      pair.drop = () => false;
      left.peer.restarted(pair.now);
      return false;
    };
  }

  test('they are taken, and answered', () => {
    newsInMidAir();
    say(right);
    expect(left.received).toHaveLength(1);
    expect(left.counters.get('transport-unknown-index')).toBe(0);
    say(left);
    say(right);
    expect(right.received).toHaveLength(1);
    expect(left.received).toHaveLength(2);
  });

  test('the same for keys that were in use already', () => {
    say(right);
    say(left);
    newsInMidAir();
    say(right);
    expect(left.received).toHaveLength(2);
    say(left);
    expect(right.received).toHaveLength(2);
  });

  test('what waits for the doubted keys goes out once a packet on them has come', () => {
    say(right);
    pair.drop = (message) => message[0] !== MESSAGE.transport;
    left.peer.restarted(pair.now);
    say(left);
    expect(right.received).toHaveLength(0);
    say(right);
    expect(right.received).toHaveLength(1);
  });
});

test('after both began at once, the next handshake costs no packet that is on its way', () => {
  pair = new DevicePair(0xbead);
  ({ left, right } = pair);
  left.say(HELLO, pair.now);
  right.say(HELLO, pair.now);
  pair.settle();
  say(left);
  say(right);
  pair.pass(6000);
  left.say(HELLO, pair.now);
  const inMidAir = left.outbox.splice(0);
  expect(inMidAir).toHaveLength(1);
  left.peer.restarted(pair.now);
  pair.settle();
  const before = right.received.length;
  for (const message of inMidAir) right.take(message, pair.now);
  expect(right.received.length - before).toBe(1);
});
