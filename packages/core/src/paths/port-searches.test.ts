import { describe, expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { after, type Instant, instant } from '../base/instant.js';
import { SeededRandom } from '../base/seeded-random.js';
import type { DirectPath } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { answerBindingRequest } from '../stun/server.js';
import type { HardNatLesson } from './hard-memory.js';
import { lingerMs } from './kept-sockets.js';
import type { OwnMapping } from './own-mapping.js';
import { PortSearches } from './port-searches.js';
import type { Ports } from './ports.js';
import { openersMax, type PortSearchOutput } from './running-attempts.js';
import { socketsPerLot } from './socket-pool.js';

const [small, large] = ['1'.repeat(64), '9'.repeat(64)] as NodeKey[] as [NodeKey, NodeKey];
const servers = ['9.9.9.1:3478', '9.9.9.2:3478', '9.9.9.3:3478'] as Endpoint[];
const theirPorts: Ports = {
  kind: 'list',
  isOpenToAddress: false,
  first: '54.160.20.2:40000' as Endpoint,
  step: 1,
  count: 20,
};
const theirPort: Ports = { ...theirPorts, count: 1 };
const theirScatter: Ports = {
  ...theirPorts,
  kind: 'scatter',
  first: '54.160.20.2:1024' as Endpoint,
  count: 64_512,
};
const mapping: OwnMapping = {
  servers,
  mapped: '54.160.20.1:41641' as Endpoint,
  ports: undefined,
  rangeEnds: [],
  isOpenToAddress: false,
  mainSocketId: 1,
  openerTtl: 2,
};

/** One node's searches, with a NAT that is a function of the ordinal of the mapping. */
class Bench {
  readonly counters = new Counters();
  readonly said: PortSearchOutput[] = [];
  readonly searches: PortSearches;
  now: Instant = instant(1000);
  mapping: OwnMapping = mapping;
  cantBePunched = false;
  stock: Endpoint | undefined;
  lesson: HardNatLesson | undefined;
  addressOf = (_ordinal: number): string => '54.160.20.1';
  onSaid: (output: PortSearchOutput) => void = () => undefined;
  /** When the peer was last heard on the sockets of attempts. */
  heardAt: Instant | undefined;
  #mappings = 0;
  readonly #portOf: (ordinal: number) => number;

  constructor(
    ownKey: NodeKey,
    portOf: (ordinal: number) => number = (ordinal) => 40_000 + ordinal,
  ) {
    this.#portOf = portOf;
    this.searches = new PortSearches({
      random: new SeededRandom(1),
      counters: this.counters,
      ownKey,
      emit: (output) => {
        this.said.push(output);
        this.onSaid(output);
      },
      lastHeard: () => this.heardAt,
      mapping: () => this.mapping,
      cantBePunched: () => this.cantBePunched,
      stockEndpoint: () => this.stock,
      memory: {
        recall: () => this.lesson,
        note: (lesson) => {
          this.lesson = lesson;
        },
      },
    });
    this.searches.setNetwork(true, []);
  }

  pass(ms: number): void {
    const end = after(this.now, ms);
    for (;;) {
      const at = this.searches.nextTimeout();
      if (at === undefined || at > end) break;
      this.now = instant(Math.max(this.now, at));
      this.searches.runTimers(this.now);
    }
    this.now = end;
  }

  all<Type extends PortSearchOutput['type']>(
    type: Type,
  ): Extract<PortSearchOutput, { readonly type: Type }>[] {
    return this.said.filter(
      (output): output is Extract<PortSearchOutput, { readonly type: Type }> =>
        output.type === type,
    );
  }

  /** The system opens all sockets that were asked for. */
  openAll(): void {
    for (let opened = 0; opened < this.all('open-socket').length; this.pass(3)) {
      const asked = this.all('open-socket').slice(opened);
      opened += asked.length;
      for (const { socketId } of asked) this.searches.socketOpened(socketId, this.now);
    }
    // All of them ping.
    this.pass(30);
  }

  /** The system opens the last socket that was asked for, and all servers answer. */
  measure(): number {
    const socketId = this.all('open-socket').at(-1)?.socketId ?? 0;
    this.searches.socketOpened(socketId, this.now);
    for (const { remote, bytes } of this.all('send').filter((out) => out.socketId === socketId)) {
      const ordinal = this.#mappings++;
      const mapped = `${this.addressOf(ordinal)}:${this.#portOf(ordinal)}` as Endpoint;
      const answer = answerBindingRequest(bytes, mapped);
      if (answer instanceof Uint8Array) {
        this.searches.stun(socketId, remote, answer.slice(), this.now);
      }
    }
    return socketId;
  }
}

test('a peer that is looked for in vain is sent our plan, and its own is gone through in order', () => {
  const bench = new Bench(small);
  bench.searches.setLooking(large, true, bench.now);
  bench.pass(1499);
  expect(bench.said).toEqual([]);
  bench.pass(1);
  bench.measure();
  const [plan] = bench.all('plan');
  expect(plan).toMatchObject({
    peer: large,
    isAnswer: false,
    ports: { first: '54.160.20.1:40003' },
  });
  bench.searches.plan(large, plan?.attempt ?? '', true, theirPorts, bench.now);
  bench.pass(40);
  const probed = bench.all('probe').map(({ remote }) => remote);
  expect(probed.slice(0, 3)).toEqual([
    '54.160.20.2:40000',
    '54.160.20.2:40001',
    '54.160.20.2:40002',
  ]);
  expect(probed).toHaveLength(20);
});

test('where the usual pings can not meet by all that is known, the attempt begins after a tenth of a second', () => {
  const bench = new Bench(small);
  bench.cantBePunched = true;
  bench.searches.setLooking(large, true, bench.now);
  bench.pass(99);
  expect(bench.said).toEqual([]);
  bench.pass(1);
  expect(bench.all('open-socket')).toHaveLength(1);
});

test('the socket of a found path stays open until both ends have left it', () => {
  const bench = new Bench(small);
  bench.searches.setLooking(large, true, bench.now);
  bench.pass(1500);
  const socketId = bench.measure();
  const path: DirectPath = { kind: 'direct', socketId, remote: theirPorts.first };
  bench.searches.pathChanged(large, path, bench.now);
  expect(bench.searches.record(large)?.outcome).toBe('found');
  bench.pass(60_000);
  expect(bench.all('close-socket')).toEqual([]);
  bench.heardAt = bench.now;
  bench.searches.pathChanged(large, { kind: 'relay', regionId: 1 }, bench.now);
  bench.pass(lingerMs - 1);
  expect(bench.all('close-socket')).toEqual([]);
  bench.pass(1);
  expect(bench.all('close-socket')).toEqual([{ type: 'close-socket', socketId }]);
});

test('the socket of an attempt outlives it when the peer was heard there, for the peer may have proven it', () => {
  const bench = new Bench(small);
  bench.searches.setLooking(large, true, bench.now);
  bench.pass(1500);
  const socketId = bench.measure();
  bench.heardAt = bench.now;
  const other: DirectPath = { kind: 'direct', socketId: 4, remote: theirPorts.first };
  bench.searches.pathChanged(large, other, bench.now);
  bench.pass(lingerMs - 1);
  expect(bench.all('close-socket')).toEqual([]);
  bench.pass(1);
  expect(bench.all('close-socket')).toEqual([{ type: 'close-socket', socketId }]);
});

test('without an answer it is tried again after pauses that double, and every socket is closed', () => {
  const bench = new Bench(small);
  bench.searches.setLooking(large, true, bench.now);
  const startedAt: number[] = [];
  for (let i = 0; i < 4; i++) {
    while (bench.all('open-socket').length === i) bench.pass(100);
    startedAt.push(bench.now);
    bench.measure();
  }
  const gaps = startedAt.slice(1).map((at, index) => at - (startedAt[index] ?? 0));
  expect(gaps.map((gap) => Math.round(gap / 1000))).toEqual([5, 7, 11]);
  bench.pass(5000);
  expect(bench.all('close-socket')).toHaveLength(bench.all('open-socket').length);
  expect(bench.searches.record(large)).toMatchObject({ attempts: 4, outcome: 'no-answer' });
});

test('a NAT of several addresses is found out, and then nobody is bothered for ten minutes', () => {
  const bench = new Bench(small);
  bench.addressOf = (ordinal) => `54.160.20.${ordinal + 1}`;
  bench.searches.setLooking(large, true, bench.now);
  for (let i = 0; i < 40; i++) {
    const before = bench.all('open-socket').length;
    bench.pass(10_000);
    if (bench.all('open-socket').length > before) bench.measure();
  }
  expect(bench.all('open-socket')).toHaveLength(1);
  expect(bench.all('plan')).toEqual([]);
});

describe('our NAT chooses at random', () => {
  const randomly = (): Bench => {
    const bench = new Bench(small);
    bench.mapping = { ...mapping, ports: 'random' };
    return bench;
  };

  test('so nothing is measured, and many sockets send one ping each before the peer hears that it may guess', () => {
    const bench = randomly();
    bench.searches.setLooking(large, true, bench.now);
    bench.pass(1500);
    expect(bench.all('send')).toEqual([]);
    const [plan] = bench.all('plan');
    expect(plan?.ports).toMatchObject({ kind: 'scatter', count: 64_512 });
    expect(bench.all('open-socket')).toEqual([]);
    bench.searches.plan(large, plan?.attempt ?? '', true, theirPort, bench.now);
    expect(bench.all('open-socket')).toHaveLength(socketsPerLot);
    expect(bench.all('plan')).toHaveLength(1);
    bench.openAll();
    expect(bench.all('open-socket')).toHaveLength(256);
    expect(new Set(bench.all('probe').map(({ socketId }) => socketId)).size).toBe(256);
    expect(new Set(bench.all('probe').map(({ remote }) => remote))).toEqual(
      new Set([theirPort.first]),
    );
    expect(bench.all('plan')[1]).toMatchObject({ attempt: plan?.attempt, isAnswer: true });
    bench.pass(10_000);
    expect(bench.all('close-socket')).toHaveLength(256);
  });

  test('and the socket that was hit stays, while the others close at once', () => {
    const bench = randomly();
    bench.searches.plan(large, '0000000000000001', false, theirPort, bench.now);
    bench.openAll();
    expect(bench.all('plan')).toMatchObject([{ isAnswer: true, ports: { kind: 'scatter' } }]);
    const socketId = bench.all('open-socket')[77]?.socketId ?? 0;
    bench.searches.reached(large, socketId, bench.now);
    const path: DirectPath = { kind: 'direct', socketId, remote: theirPort.first };
    bench.searches.pathChanged(large, path, bench.now);
    const closed = bench.all('close-socket').map((one) => one.socketId);
    expect(closed).toHaveLength(255);
    expect(closed).not.toContain(socketId);
    expect(bench.searches.record(large)).toMatchObject({ outcome: 'found', method: 'birthday' });
  });

  test('and four peers share the sockets, which close with the last of them; a fifth waits', () => {
    const bench = randomly();
    const peers = Array.from(
      { length: openersMax + 1 },
      (_, i) => `${i + 2}`.repeat(64) as NodeKey,
    );
    for (const peer of peers) {
      bench.searches.plan(peer, '0000000000000001', false, theirPort, bench.now);
      bench.openAll();
    }
    expect(bench.all('open-socket')).toHaveLength(256);
    expect(bench.counters.snapshot()).toMatchObject({ 'port-plan-held': 1 });
    const [socketId = 0] = bench.all('open-socket').map((one) => one.socketId);
    const path: DirectPath = { kind: 'direct', socketId, remote: theirPort.first };
    for (const peer of peers.slice(0, openersMax - 1)) {
      bench.searches.pathChanged(peer, { ...path, socketId: 1 }, bench.now);
    }
    expect(bench.all('close-socket')).toEqual([]);
    bench.searches.pathChanged(peers[openersMax - 1] ?? large, path, bench.now);
    expect(bench.all('close-socket')).toHaveLength(255);
  });

  test('and never more than 500 pings leave within a second, whoever asks for them', () => {
    const bench = randomly();
    const sentAt: number[] = [];
    bench.onSaid = (output) => {
      if (output.type === 'probe') sentAt.push(bench.now);
    };
    for (let i = 0; i < openersMax; i++) {
      const peer = `${i + 2}`.repeat(64) as NodeKey;
      bench.searches.plan(peer, '0000000000000001', false, theirPort, bench.now);
      bench.openAll();
      bench.pass(300);
    }
    bench.pass(5000);
    expect(sentAt.length).toBe(openersMax * 256);
    for (const at of sentAt) {
      const within = sentAt.filter((other) => other >= at && other < at + 1000).length;
      expect(within).toBeLessThanOrEqual(500);
    }
  });

  test('and a second peer may guess before the last pings, for which the second has no room, are out', () => {
    const bench = randomly();
    for (const peer of ['2'.repeat(64), '3'.repeat(64)] as NodeKey[]) {
      bench.searches.plan(peer, '0000000000000001', false, theirPort, bench.now);
      bench.openAll();
    }
    expect(bench.all('probe')).toHaveLength(500);
    expect(bench.all('plan')).toHaveLength(2);
    bench.pass(1100);
    expect(bench.all('probe')).toHaveLength(512);
    expect(bench.all('plan')).toHaveLength(2);
  });

  test('neither sockets nor the pings from them come in one burst', () => {
    const bench = randomly();
    const said = new Map<string, number>();
    bench.onSaid = ({ type }) => {
      const when = `${type} at ${bench.now}`;
      said.set(when, (said.get(when) ?? 0) + 1);
    };
    const start = bench.now;
    bench.searches.plan(large, '0000000000000001', false, theirPort, bench.now);
    bench.openAll();
    expect(bench.all('probe')).toHaveLength(256);
    expect(Math.max(...said.values())).toBe(socketsPerLot);
    expect(bench.now - start).toBeLessThan(60);
  });

  test('so does that of the peer: that is the end of the attempt', () => {
    const bench = randomly();
    bench.searches.setLooking(large, true, bench.now);
    bench.pass(1500);
    const [plan] = bench.all('plan');
    bench.searches.plan(large, plan?.attempt ?? '', true, theirScatter, bench.now);
    expect(bench.searches.record(large)?.outcome).toBe('both-random');
    expect(bench.all('probe')).toEqual([]);
    expect(bench.all('open-socket')).toEqual([]);
  });
});

test('every second attempt opens our NAT with pings that die before the peer', () => {
  const bench = new Bench(small);
  bench.mapping = { ...mapping, ports: 'random', openerTtl: 3 };
  bench.searches.setLooking(large, true, bench.now);
  for (let attempt = 0; attempt < 3; attempt++) {
    const plans = bench.all('plan').length;
    while (bench.all('plan').length === plans) bench.pass(100);
    const before = bench.all('probe').length;
    bench.searches.plan(large, bench.all('plan').at(-1)?.attempt ?? '', true, theirPort, bench.now);
    bench.openAll();
    const hops = bench.all('probe').slice(before);
    expect(new Set(hops.map(({ ttl }) => ttl))).toEqual(new Set([attempt === 1 ? 3 : undefined]));
    bench.pass(6000);
  }
});

test('a stock client that answers no plan is called with guesses of our own ports, once a second, 24 times', () => {
  const bench = new Bench(small);
  bench.mapping = { ...mapping, ports: 'random' };
  bench.stock = '54.160.20.2:41641' as Endpoint;
  bench.searches.setLooking(large, true, bench.now);
  const calledAt: number[] = [];
  bench.onSaid = (output) => {
    if (output.type === 'call') calledAt.push(bench.now);
  };
  // The first attempt is for peers that know of plans.
  bench.pass(6000 + 2499);
  expect(bench.all('open-socket')).toEqual([]);
  bench.pass(1);
  bench.openAll();
  expect(bench.all('probe')).toHaveLength(192);
  expect(bench.all('probe').every(({ remote }) => remote === bench.stock)).toBe(true);
  bench.pass(2000);
  // What it does is told while it does it.
  const sofar = { outcome: 'running', method: 'birthday', kind: 'open', pings: 192, calls: 3 };
  expect(bench.searches.record(large)).toMatchObject(sofar);
  bench.pass(21_000);
  const calls = bench.all('call');
  expect(calls).toHaveLength(24);
  expect(calls.every(({ endpoints }) => endpoints.length === 64)).toBe(true);
  const guessed = calls.flatMap(({ endpoints }) => endpoints);
  expect(new Set(guessed).size).toBe(24 * 64);
  expect(guessed.every((endpoint) => endpoint.startsWith('54.160.20.1:'))).toBe(true);
  const gaps = calledAt.slice(1).map((at, index) => at - (calledAt[index] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000);
  bench.pass(1500);
  expect(bench.searches.record(large)).toMatchObject({ outcome: 'not-reached', calls: 24 });
  expect(bench.all('close-socket')).toHaveLength(192);
});

test('what worked is remembered, openers of few hops are then sent first, and failures are counted', () => {
  const bench = new Bench(small);
  bench.mapping = { ...mapping, ports: 'random', openerTtl: 3 };
  const begin = (): (number | undefined)[] => {
    const before = bench.all('probe').length;
    bench.searches.plan(large, '0000000000000001', false, theirPort, bench.now);
    bench.openAll();
    return [
      ...new Set(
        bench
          .all('probe')
          .slice(before)
          .map(({ ttl }) => ttl),
      ),
    ];
  };
  expect(begin()).toEqual([undefined]);
  bench.pass(7000);
  expect(bench.lesson).toMatchObject({ method: undefined, failures: 1 });
  expect(begin()).toEqual([3]);
  const socketId = bench.all('open-socket').at(-1)?.socketId ?? 0;
  const path: DirectPath = { kind: 'direct', socketId, remote: theirPort.first };
  bench.searches.pathChanged(large, path, bench.now);
  expect(bench.lesson).toMatchObject({ method: 'birthday', ttl: 3, failures: 0 });
  bench.searches.pathChanged(large, undefined, bench.now);
  // One that is not answered opens nothing, and leaves the turn to the next.
  bench.searches.setLooking(large, true, bench.now);
  bench.pass(4100);
  expect(bench.searches.record(large)).toMatchObject({ outcome: 'no-answer', pings: 0 });
  expect(begin()).toEqual([3]);
});

test('switched off, nothing is begun or answered, what runs ends, and what was found stays', () => {
  const bench = new Bench(small);
  bench.searches.setLooking(large, true, bench.now);
  bench.pass(1500);
  bench.searches.setOn(false, bench.now);
  expect(bench.all('close-socket')).toHaveLength(1);
  bench.searches.plan(large, '0000000000000001', false, theirPorts, bench.now);
  bench.pass(600_000);
  expect(bench.all('open-socket')).toHaveLength(1);
  expect(bench.counters.snapshot()).toMatchObject({ 'port-plan-off': 1 });
  bench.searches.setOn(true, bench.now);
  bench.pass(2000);
  const socketId = bench.measure();
  const path: DirectPath = { kind: 'direct', socketId, remote: theirPorts.first };
  bench.searches.pathChanged(large, path, bench.now);
  bench.searches.setOn(false, bench.now);
  bench.pass(60_000);
  expect(bench.all('close-socket')).toHaveLength(1);
});

test("the peer's NAT chooses at random: its ports are guessed from our main socket when it has opened, none twice", () => {
  const bench = new Bench(small);
  bench.mapping = { ...mapping, ports: 'one' };
  bench.searches.plan(large, '0000000000000001', false, theirScatter, bench.now);
  expect(bench.all('plan')).toMatchObject([
    { isAnswer: true, ports: { kind: 'list', first: '54.160.20.1:41641', count: 1 } },
  ]);
  bench.pass(200);
  expect(bench.all('probe')).toEqual([]);
  bench.searches.plan(large, '0000000000000001', true, theirScatter, bench.now);
  bench.pass(2000);
  const probes = bench.all('probe');
  expect(probes.length).toBeGreaterThan(900);
  expect(probes.every(({ socketId }) => socketId === 1)).toBe(true);
  bench.pass(5000);
  const ports = bench.all('probe').map(({ remote }) => remote);
  expect(ports).toHaveLength(1500);
  expect(new Set(ports).size).toBe(1500);
  // The main socket stays.
  expect(bench.all('close-socket')).toEqual([]);
});

test('a plan that comes while others are guessed waits for its turn, and is answered as soon as that comes', () => {
  const bench = new Bench(small);
  bench.mapping = { ...mapping, ports: 'one' };
  const [first, second] = ['2'.repeat(64), '3'.repeat(64)] as NodeKey[] as [NodeKey, NodeKey];
  bench.searches.plan(first, '0000000000000001', false, theirScatter, bench.now);
  bench.searches.plan(second, '0000000000000002', false, theirScatter, bench.now);
  bench.pass(300);
  expect(bench.all('plan').map(({ peer }) => peer)).toEqual([first]);
  bench.searches.pathChanged(
    first,
    { kind: 'direct', socketId: 1, remote: theirPort.first },
    bench.now,
  );
  bench.pass(0);
  expect(bench.all('plan')[1]).toMatchObject({
    peer: second,
    attempt: '0000000000000002',
    isAnswer: true,
  });
  expect(bench.counters.snapshot()).toMatchObject({ 'port-plan-held': 1 });
});

test('a plan that has waited for so long that its asker has given up is answered by one of our own', () => {
  const bench = new Bench(small);
  bench.mapping = { ...mapping, ports: 'one' };
  const [first, second] = ['2'.repeat(64), '3'.repeat(64)] as NodeKey[] as [NodeKey, NodeKey];
  bench.searches.plan(first, '0000000000000001', false, theirScatter, bench.now);
  bench.searches.plan(second, '0000000000000002', false, theirScatter, bench.now);
  bench.searches.plan(first, '0000000000000001', true, theirScatter, bench.now);
  bench.pass(5000);
  const asked = bench.all('plan').find(({ peer }) => peer === second);
  expect(asked).toMatchObject({ isAnswer: false, ports: { kind: 'list', count: 1 } });
  expect(bench.counters.snapshot()).toMatchObject({ 'port-plan-held-late': 1 });
});

test('a peer that is direct by then is no longer waited for', () => {
  const bench = new Bench(small);
  bench.mapping = { ...mapping, ports: 'one' };
  const [first, second] = ['2'.repeat(64), '3'.repeat(64)] as NodeKey[] as [NodeKey, NodeKey];
  bench.searches.plan(first, '0000000000000001', false, theirScatter, bench.now);
  bench.searches.plan(second, '0000000000000002', false, theirScatter, bench.now);
  const path: DirectPath = { kind: 'direct', socketId: 1, remote: theirPort.first };
  bench.searches.pathChanged(second, path, bench.now);
  bench.searches.pathChanged(first, path, bench.now);
  bench.pass(1000);
  expect(bench.all('plan').map(({ peer }) => peer)).toEqual([first]);
});

test('guessing ends with the first ping that gets through', () => {
  const bench = new Bench(small);
  bench.mapping = { ...mapping, ports: 'one' };
  bench.searches.plan(large, '0000000000000001', false, theirScatter, bench.now);
  bench.searches.plan(large, '0000000000000001', true, theirScatter, bench.now);
  bench.pass(200);
  const before = bench.all('probe').length;
  bench.searches.reached(large, 1, bench.now);
  bench.pass(3000);
  expect(bench.all('probe')).toHaveLength(before);
});

test('a plan that comes a second time with other ports is not followed', () => {
  const bench = new Bench(small);
  bench.mapping = { ...mapping, ports: 'one' };
  bench.searches.plan(large, '0000000000000001', false, theirScatter, bench.now);
  const elsewhere = { ...theirScatter, first: '6.6.6.6:1024' as Endpoint };
  bench.searches.plan(large, '0000000000000001', true, elsewhere, bench.now);
  bench.pass(1000);
  expect(bench.all('probe')).toEqual([]);
  expect(bench.counters.snapshot()).toMatchObject({ 'port-plan-changed': 1 });
});

test('a peer that asks while we still measure is answered with what comes out of it', () => {
  const bench = new Bench(small);
  bench.searches.setLooking(large, true, bench.now);
  bench.pass(1500);
  bench.searches.plan(large, '00000000000000aa', false, theirPorts, bench.now);
  bench.measure();
  expect(bench.all('open-socket')).toHaveLength(1);
  expect(bench.all('plan')).toMatchObject([{ attempt: '00000000000000aa', isAnswer: true }]);
  bench.pass(10);
  expect(bench.all('probe').length).toBeGreaterThan(0);
});

test('when both begin at once the smaller key goes on and the larger one answers', () => {
  const [first, second] = [new Bench(small), new Bench(large)];
  first.searches.setLooking(large, true, first.now);
  second.searches.setLooking(small, true, second.now);
  for (const bench of [first, second]) {
    bench.pass(1500);
    bench.measure();
  }
  const [ours] = first.all('plan');
  const [theirs] = second.all('plan');
  if (ours === undefined || theirs === undefined) throw new Error('both have a plan');
  first.searches.plan(large, theirs.attempt, false, theirs.ports, first.now);
  expect(first.counters.snapshot()).toMatchObject({ 'port-plan-crossed': 1 });
  second.searches.plan(small, ours.attempt, false, ours.ports, second.now);
  second.measure();
  expect(second.all('plan').at(-1)).toMatchObject({ attempt: ours.attempt, isAnswer: true });
});

test('a peer that floods us with plans is answered a few times, and one attempt runs at a time', () => {
  const bench = new Bench(small);
  for (let i = 0; i < 200; i++) {
    const attempt = i.toString(16).padStart(16, '0');
    bench.searches.plan(large, attempt, false, theirPorts, bench.now);
    bench.pass(10);
  }
  expect(bench.all('open-socket').length).toBeLessThan(6);
  expect(bench.all('open-socket').length - bench.all('close-socket').length).toBeLessThan(2);
  const counted = Object.values(bench.counters.snapshot()).reduce((sum, count) => sum + count, 0);
  expect(counted).toBeGreaterThan(190);
});

test('STUN answers of others, and answers to plans that we never made, change nothing', () => {
  const bench = new Bench(small);
  bench.searches.setLooking(large, true, bench.now);
  bench.pass(1500);
  const socketId = bench.all('open-socket').at(-1)?.socketId ?? 0;
  bench.searches.socketOpened(socketId, bench.now);
  for (const { bytes } of bench.all('send')) {
    const answer = answerBindingRequest(bytes, '6.6.6.6:6666' as Endpoint);
    if (!(answer instanceof Uint8Array)) continue;
    bench.searches.stun(socketId, '8.8.8.8:3478' as Endpoint, answer.slice(), bench.now);
  }
  bench.searches.plan(large, 'ffffffffffffffff', true, theirPorts, bench.now);
  expect(bench.all('plan')).toEqual([]);
  expect(bench.all('probe')).toEqual([]);
  expect(bench.counters.snapshot()).toMatchObject({
    'port-search-stun-unknown': 3,
    'port-plan-unasked': 1,
  });
});
