import { expect, test } from 'vitest';
import { type Instant, instant } from '../base/instant.js';
import type { SocketId } from '../engines/paths.js';
import type { NodeKey } from '../keys/keys.js';
import { KeptSockets, lingerMs } from './kept-sockets.js';
import { pingTimeoutMs } from './pings.js';

const [a, b] = ['1'.repeat(64), '2'.repeat(64)] as NodeKey[] as [NodeKey, NodeKey];

class Bench {
  readonly closed: SocketId[] = [];
  readonly heard = new Map<SocketId, Instant>();
  readonly sockets = new KeptSockets({
    lastHeard: (_peer, socketId) => this.heard.get(socketId),
    close: (socketId) => void this.closed.push(socketId),
  });

  /** Runs all timers until `end`. */
  until(end: number): void {
    for (;;) {
      const at = this.sockets.nextTimeout();
      if (at === undefined || at > end) return;
      this.sockets.runTimers(at);
    }
  }
}

test('a socket that carries data stays open, however long nothing is heard there', () => {
  const bench = new Bench();
  bench.sockets.keep(a, 1);
  bench.sockets.use(a, 1, instant(1000));
  bench.sockets.use(b, undefined, instant(1000));
  bench.until(1_000_000);
  expect(bench.closed).toEqual([]);
  expect(bench.sockets.nextTimeout()).toBeUndefined();
});

test('a socket that the peer still pings is closed only when it has gone too', () => {
  const bench = new Bench();
  bench.sockets.keep(a, 1);
  bench.heard.set(1, instant(900));
  bench.sockets.use(a, undefined, instant(1000));
  for (let at = 1000; at < 60_000; at += 3000) {
    bench.heard.set(1, instant(at));
    bench.until(at + 2999);
  }
  expect(bench.closed).toEqual([]);
  const last = bench.heard.get(1) ?? 0;
  bench.until(last + lingerMs - 1);
  expect(bench.closed).toEqual([]);
  bench.until(last + lingerMs);
  expect(bench.closed).toEqual([1]);
  expect(bench.sockets.size).toBe(0);
});

test('pings of ours that are under way when a long idle path is left can still be answered', () => {
  const bench = new Bench();
  bench.sockets.keep(a, 1);
  bench.heard.set(1, instant(1000));
  bench.sockets.use(a, undefined, instant(100_000));
  bench.until(100_000 + pingTimeoutMs - 1);
  expect(bench.closed).toEqual([]);
  bench.sockets.use(a, 1, instant(100_000 + pingTimeoutMs - 1));
  bench.until(1_000_000);
  expect(bench.closed).toEqual([]);
});

test('a socket that two peers share stays open for the second one', () => {
  const bench = new Bench();
  bench.heard.set(1, instant(1000));
  bench.sockets.keep(a, 1);
  bench.sockets.use(b, 1, instant(1000));
  bench.sockets.use(a, undefined, instant(2000));
  bench.sockets.closeAllOf(a, instant(3000));
  bench.until(1_000_000);
  expect(bench.closed).toEqual([]);
  bench.sockets.use(b, undefined, instant(1_000_000));
  bench.until(2_000_000);
  expect(bench.closed).toEqual([1]);
});

test('a socket on which nobody was ever heard is closed at once', () => {
  const bench = new Bench();
  bench.sockets.leave(a, 1, instant(1000));
  expect(bench.closed).toEqual([1]);
});

test('a peer that is gone and a network that is gone keep nothing open', () => {
  const bench = new Bench();
  for (const [id, peer] of [
    [1, a],
    [2, b],
    [3, b],
  ] as const) {
    bench.heard.set(id, instant(1000));
    bench.sockets.keep(peer, id);
  }
  bench.sockets.use(b, 2, instant(1000));
  bench.sockets.closeAllOf(a, instant(1000));
  expect(bench.closed).toEqual([1]);
  bench.sockets.closeAll(instant(1000));
  expect(bench.closed).toEqual([1, 2, 3]);
});
