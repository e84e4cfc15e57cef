/** Work is counted, not timed: turns taken, indices held, peers looked at. */
import { Counters } from '@warren/core/base/counters';
import { after, instant, wallTime } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { nobleCrypto } from '@warren/core/crypto/noble';
import { generatePrivateKey, type NodeKey } from '@warren/core/keys/keys';
import { Device } from '@warren/core/wireguard/device';
import { DevicePair } from '@warren/core/wireguard/testing/device-pair';
import { expect, test } from 'vitest';

const SILENT = {
  canSend: false,
  send: () => undefined,
  wantsToSend: () => undefined,
};

function keyOf(number: number): NodeKey {
  return number.toString(16).padStart(64, '0') as NodeKey;
}

test.each([1_000, 5_000])('%i peers with timers: a tick looks at those that are due', (count) => {
  const random = new SeededRandom(count);
  const device = new Device<typeof SILENT>({
    crypto: nobleCrypto,
    random,
    wallClock: () => wallTime(0),
    counters: new Counters(),
  });
  let now = instant(1_000);
  device.setIdentity(generatePrivateKey('node', random), now);
  for (let i = 0; i < count; i++) {
    const peer = device.addPeer(keyOf(i), SILENT);
    // Keepalives come at 10 s and some milliseconds, one peer each; without a path they only plan ahead.
    peer.setPersistentKeepalive(600_000 + i, now);
  }
  let turns = 0;
  let ticks = 0;
  const firstHalf = after(now, 599_999);
  for (let next = device.nextTimeout(); next !== undefined && next <= firstHalf; ) {
    now = next;
    turns += device.handleTimeout(now);
    ticks++;
    next = device.nextTimeout();
  }
  // Nobody has a path: each peer plans a try every 5 s, for 90 s, and is then left alone.
  expect(turns).toBeGreaterThanOrEqual(18 * count);
  expect(turns).toBeLessThanOrEqual(20 * count);
  expect(ticks).toBeLessThan(25);
  let single = 0;
  for (let i = 0; i < 100; i++) {
    now = device.nextTimeout() ?? now;
    single += device.handleTimeout(now);
  }
  // Each of the next hundred ticks is one peer's own keepalive (or the try that follows).
  expect(single).toBeLessThanOrEqual(200);
});

test('5,000 idle peers don’t add a single turn to the traffic of one pair', () => {
  const turnsOf = (others: number): number => {
    const pair = new DevicePair(0x5000);
    for (let i = 0; i < others; i++) {
      const peer = pair.left.device.addPeer(keyOf(i + 1), pair.left);
      peer.setPersistentKeepalive(0, pair.now);
    }
    let turns = 0;
    for (let second = 0; second < 300; second++) {
      pair.left.say(Uint8Array.of(1, 2, 3, 4), pair.now);
      pair.settle();
      turns += pair.left.device.handleTimeout(pair.now);
      turns += pair.right.device.handleTimeout(pair.now);
      pair.now = after(pair.now, 1_000);
    }
    expect(pair.right.received.length).toBe(300);
    return turns;
  };
  expect(turnsOf(5_000)).toBe(turnsOf(0));
});

test('removed peers leave no turn and no index behind', () => {
  const pair = new DevicePair(0xdead);
  pair.left.canSend = false;
  for (let i = 0; i < 1_000; i++) {
    const peer = pair.left.device.addPeer(keyOf(i + 1), pair.left);
    peer.setPersistentKeepalive(25_000, pair.now);
  }
  expect(pair.left.device.nextTimeout()).toBeDefined();
  for (let i = 0; i < 1_000; i++) pair.left.device.removePeer(keyOf(i + 1));
  expect(pair.left.device.nextTimeout()).toBeUndefined();
  expect(pair.left.device.indexCount).toBe(0);
});
