import { expect, test } from 'vitest';
import { after, type Instant, instant } from '../base/instant.js';
import { SeededRandom } from '../base/seeded-random.js';
import type { SocketId } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { lingerMs } from './kept-sockets.js';
import type { Ports } from './ports.js';
import { type PortSearchOutput, RunningAttempts } from './running-attempts.js';

const [a, b] = ['1'.repeat(64), '2'.repeat(64)] as NodeKey[] as [NodeKey, NodeKey];
const scatter: Ports = {
  kind: 'scatter',
  isOpenToAddress: false,
  first: '54.160.20.1:1024' as Endpoint,
  step: 1,
  count: 4000,
};

/** We open for the guesses of two peers with one pool. */
class Bench {
  readonly said: PortSearchOutput[] = [];
  readonly now: Instant = instant(1000);
  heardAt: Instant | undefined = this.now;
  lastHeard: (peer: NodeKey) => Instant | undefined = () => this.heardAt;
  readonly attempts = new RunningAttempts({
    random: new SeededRandom(1),
    emit: (output) => void this.said.push(output),
    lastHeard: (peer) => this.lastHeard(peer),
    onEnd: () => undefined,
  });

  constructor() {
    for (const [index, peer] of [a, b].entries()) {
      const first = `54.160.30.${index + 1}:40000` as Endpoint;
      const theirs: Ports = { kind: 'list', isOpenToAddress: false, first, step: 1, count: 1 };
      const wanted = {
        id: `0${index}`.repeat(8),
        known: { ports: scatter, socketId: undefined },
        servers: [],
        seenPorts: [],
        isOpenToAddress: false,
        theirs,
        stock: undefined,
        openerTtl: undefined,
      };
      this.attempts.start(peer, wanted, this.now);
    }
    for (const socketId of this.#sockets('open-socket')) {
      this.attempts.socketOpened(socketId, this.now);
    }
  }

  get opened(): SocketId[] {
    return this.#sockets('open-socket');
  }

  get closed(): SocketId[] {
    return this.#sockets('close-socket');
  }

  #sockets(type: 'open-socket' | 'close-socket'): SocketId[] {
    return this.said.flatMap((one) => (one.type === type ? [one.socketId] : []));
  }
}

// Seed 51880 of the random worlds.
test('the path of a peer whose attempt is over outlives the pool that it came from', () => {
  const bench = new Bench();
  const socketId = bench.opened[3] ?? 0;
  bench.attempts.abandon(a, bench.now);
  expect(bench.closed).toEqual([]);
  bench.attempts.found(a, socketId, bench.now);
  bench.attempts.abandon(b, bench.now);
  expect(bench.closed).toHaveLength(bench.opened.length - 1);
  expect(bench.closed).not.toContain(socketId);
});

// Seed 30978: its first ping there is noted as heard only when everybody was told of it.
test.each([
  ['for the first time', undefined],
  ['again', instant(1000)],
])('a socket on which it is heard %s then is left to it for a while', (_, heardAt) => {
  const bench = new Bench();
  bench.heardAt = heardAt;
  const socketId = bench.opened[3] ?? 0;
  bench.attempts.abandon(a, bench.now);
  bench.attempts.reached(a, socketId, bench.now);
  bench.attempts.abandon(b, bench.now);
  expect(bench.closed).not.toContain(socketId);
  expect(bench.attempts.kept.nextTimeout()).toBeGreaterThan(after(bench.now, 1000));
});

// Seed 52955: it was closed when the peer that it was kept for had left it, under the data of the other.
test('a socket kept for one peer stays for another that is heard there too', () => {
  const bench = new Bench();
  const socketId = bench.opened[3] ?? 0;
  const { attempts, now } = bench;
  attempts.found(a, socketId, now);
  attempts.abandon(b, now);
  const heardAt = after(now, 10_000);
  bench.lastHeard = (peer) => (peer === b ? heardAt : now);
  attempts.reached(b, socketId, heardAt);
  attempts.kept.use(a, undefined, heardAt);
  attempts.runTimers(after(now, lingerMs + 5000));
  expect(bench.closed).not.toContain(socketId);
  attempts.runTimers(after(heardAt, lingerMs));
  expect(bench.closed).toContain(socketId);
});
