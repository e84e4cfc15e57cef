import { encodeHex } from '@warren/core/base/bytes';
import { Counters } from '@warren/core/base/counters';
import { after, type Instant, instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import type { RegionId } from '@warren/core/engines/paths';
import type { IpAddress } from '@warren/core/ip/address';
import type { NodeKey } from '@warren/core/keys/keys';
import { relayMap, relayNode, relayRegion } from '@warren/core/netcheck/testing/netcheck-drive';
import { beforeEach, describe, expect, test } from 'vitest';
import { AddressProofs, checkMs, provenMax, provenMs, waitingMax } from './address-proofs.js';
import type { PathEngineOutput } from './io.js';
import { EngineOutputs } from './outputs.js';

type Question = Extract<PathEngineOutput, { readonly type: 'relay-check-address' }>;

const peer = 'a'.repeat(64) as NodeKey;
const address = '203.0.113.9' as IpAddress;
const token = new Uint8Array(16).fill(7);
const proof = { regionId: 900, token };
const keyOf = (n: number): NodeKey => n.toString(16).padStart(64, '0') as NodeKey;
const addressOf = (n: number): IpAddress => `198.51.${n >> 8}.${n & 255}` as IpAddress;

class Bench {
  readonly counters = new Counters();
  readonly used: RegionId[] = [];
  readonly results: string[] = [];
  readonly questions: Question[] = [];
  readonly proofs: AddressProofs;
  now: Instant = instant(1000);
  readonly #outputs = new EngineOutputs();

  constructor() {
    const ours = { dialsBack: true };
    const map = relayMap(
      relayRegion(900, [relayNode(900, '192.0.2.1', ours)]),
      relayRegion(901, [relayNode(901, '192.0.2.2')]),
      relayRegion(902, [relayNode(902, '192.0.2.3', ours), relayNode(902, '192.0.2.4', ours)]),
    );
    this.proofs = new AddressProofs({
      random: new SeededRandom(3),
      counters: this.counters,
      outputs: this.#outputs,
      relayMap: () => map,
      useRelay: (regionId) => this.used.push(regionId),
      onResult: (of, about, isProven) => {
        this.results.push(`${of === peer ? 'peer' : of.slice(-4)} ${about} ${isProven}`);
      },
    });
  }

  check(of: NodeKey = peer, about: IpAddress = address, shown: typeof proof | undefined = proof) {
    this.proofs.check(of, about, shown, this.now);
    this.drain();
  }

  connect(regionId: RegionId = 900, answers = true): void {
    this.proofs.relayConnected(regionId, answers, this.now);
    this.drain();
  }

  answer(outcome: 'yes' | 'no' | 'refused', question = this.questions.at(-1)): void {
    if (question === undefined) throw new Error('nothing was asked');
    this.proofs.answered(question.regionId, { id: question.id, outcome }, this.now);
  }

  pass(ms: number): void {
    this.now = after(this.now, ms);
    this.proofs.runTimers(this.now);
  }

  drain(): void {
    for (let out = this.#outputs.poll(); out !== undefined; out = this.#outputs.poll()) {
      if (out.type === 'relay-check-address') this.questions.push(out);
    }
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('a question', () => {
  test('goes to the relay that gave the token, and its yes is proof for ten minutes', () => {
    bench.connect();
    bench.check();
    expect(bench.used).toEqual([900]);
    expect(bench.questions).toMatchObject([{ regionId: 900, address, token }]);
    expect(bench.questions[0]?.id).toHaveLength(8);
    expect(bench.results).toEqual([]);
    bench.answer('yes');
    bench.check(peer, address, undefined);
    expect(bench.results).toEqual([`peer ${address} true`, `peer ${address} true`]);
    expect(bench.proofs.isProven(peer, address, bench.now)).toBe(true);
    bench.pass(provenMs);
    expect(bench.proofs.isProven(peer, address, bench.now)).toBe(false);
    bench.check();
    expect(bench.questions).toHaveLength(2);
  });

  test.each(['no', 'refused'] as const)(
    'answered with "%s" proves nothing and is not kept',
    (word) => {
      bench.connect();
      bench.check();
      bench.answer(word);
      expect(bench.results).toEqual([`peer ${address} false`]);
      expect(bench.proofs.isProven(peer, address, bench.now)).toBe(false);
      expect(bench.counters.get(`address-proof-${word}`)).toBe(1);
      bench.check();
      expect(bench.questions).toHaveLength(2);
    },
  );

  test('waits for the relay to be connected, and is asked again when its connection broke', () => {
    bench.check();
    expect(bench.used).toEqual([900]);
    expect(bench.questions).toEqual([]);
    bench.pass(300);
    bench.connect();
    bench.proofs.relayClosed(900);
    bench.pass(300);
    bench.connect();
    expect(bench.questions.map(({ id }) => encodeHex(id))).toEqual([
      encodeHex(bench.questions[1]?.id ?? new Uint8Array(0)),
      encodeHex(bench.questions[0]?.id ?? new Uint8Array(0)),
    ]);
    bench.answer('yes');
    expect(bench.results).toEqual([`peer ${address} true`]);
  });

  test('without an answer in 2 s proves nothing, and a late answer changes nothing', () => {
    bench.connect();
    bench.check();
    expect(bench.proofs.nextTimeout()).toBe(after(bench.now, checkMs));
    bench.pass(checkMs);
    expect(bench.results).toEqual([`peer ${address} false`]);
    expect(bench.proofs.nextTimeout()).toBeUndefined();
    bench.answer('yes');
    expect(bench.results).toHaveLength(1);
    expect(bench.proofs.isProven(peer, address, bench.now)).toBe(false);
    expect(bench.counters.get('address-proof-unasked')).toBe(1);
  });

  test('is answered by its own relay only', () => {
    bench.connect();
    bench.check();
    const [question] = bench.questions;
    if (question === undefined) throw new Error('it was asked');
    bench.proofs.answered(901, { id: question.id, outcome: 'yes' }, bench.now);
    bench.proofs.answered(900, { id: new Uint8Array(8), outcome: 'yes' }, bench.now);
    expect(bench.results).toEqual([]);
    expect(bench.counters.get('address-proof-unasked')).toBe(2);
  });

  test('of the same address is asked once and has one result', () => {
    bench.connect();
    for (let i = 0; i < 5; i++) bench.check();
    expect(bench.questions).toHaveLength(1);
    bench.answer('yes');
    expect(bench.results).toHaveLength(1);
  });
});

describe('nobody is asked', () => {
  test.each([
    ['without a proof', undefined, 'missing'],
    ['about a region that is not in the map', { regionId: 77, token }, 'no-relay'],
    ["about a relay that is not Warren's", { regionId: 901, token }, 'no-relay'],
    ['about a region of two relays, of which one gave it', { regionId: 902, token }, 'no-relay'],
  ])('%s', (_what, shown, reason) => {
    bench.proofs.check(peer, address, shown, bench.now);
    bench.drain();
    expect(bench.results).toEqual([`peer ${address} false`]);
    expect(bench.counters.get(`address-proof-${reason}`)).toBe(1);
    expect([bench.used, bench.questions]).toEqual([[], []]);
  });

  test('when the relay turns out to know of no tokens', () => {
    bench.check();
    bench.connect(900, false);
    expect(bench.results).toEqual([`peer ${address} false`]);
    bench.check();
    expect(bench.results).toHaveLength(2);
    expect(bench.questions).toEqual([]);
    expect(bench.counters.get('address-proof-no-relay')).toBe(2);
  });
});

describe('bounds', () => {
  test('one question waits for a peer, and one for another address does not hurt it', () => {
    bench.connect();
    bench.check();
    bench.check(peer, addressOf(1));
    expect(bench.results).toEqual([`peer ${addressOf(1)} false`]);
    expect(bench.counters.get('address-proof-busy')).toBe(1);
    bench.answer('yes');
    expect(bench.results.at(-1)).toBe(`peer ${address} true`);
  });

  test('a peer has us ask four times at once, and then once in ten seconds', () => {
    bench.connect();
    for (let second = 0; second < 100; second++) {
      bench.check(peer, addressOf(second));
      if (bench.questions.length > 0 && bench.proofs.nextTimeout() !== undefined)
        bench.answer('no');
      bench.pass(1000);
    }
    expect(bench.questions.length).toBeGreaterThanOrEqual(13);
    expect(bench.questions.length).toBeLessThanOrEqual(14);
    expect(bench.results).toHaveLength(100);
    expect(bench.counters.get('address-proof-too-often')).toBe(100 - bench.questions.length);
  });

  test('of ever other peers, 64 questions are under way', () => {
    for (let n = 0; n < 1000; n++) bench.check(keyOf(n), addressOf(n));
    bench.connect();
    expect(bench.questions).toHaveLength(waitingMax);
    expect(bench.counters.get('address-proof-busy')).toBe(1000 - waitingMax);
    bench.pass(checkMs);
    expect(bench.results).toHaveLength(1000);
  });

  test('what is proven is remembered of so many, the latest', () => {
    bench.connect();
    for (let n = 0; n <= provenMax; n++) {
      bench.check(keyOf(n), addressOf(n));
      bench.answer('yes');
    }
    expect(bench.proofs.isProven(keyOf(0), addressOf(0), bench.now)).toBe(false);
    expect(bench.proofs.isProven(keyOf(1), addressOf(1), bench.now)).toBe(true);
    expect(bench.proofs.isProven(keyOf(provenMax), addressOf(provenMax), bench.now)).toBe(true);
  });
});

test('what is proven of one peer is not proven of another', () => {
  bench.connect();
  bench.check();
  bench.answer('yes');
  expect(bench.proofs.isProven(keyOf(1), address, bench.now)).toBe(false);
});

test('a peer that leaves is forgotten with its question', () => {
  bench.connect();
  bench.check();
  bench.answer('yes');
  bench.check(peer, addressOf(1));
  bench.proofs.forget(peer);
  bench.answer('yes');
  bench.pass(checkMs);
  expect(bench.results).toEqual([`peer ${address} true`]);
  expect(bench.proofs.isProven(peer, address, bench.now)).toBe(false);
});

test('a change of our network ends what waits, and unproves nobody', () => {
  bench.connect();
  bench.check();
  bench.answer('yes');
  bench.check(keyOf(1), addressOf(1));
  bench.proofs.networkChanged(bench.now);
  expect(bench.results.at(-1)).toBe(`0001 ${addressOf(1)} false`);
  expect(bench.proofs.nextTimeout()).toBeUndefined();
  expect(bench.proofs.isProven(peer, address, bench.now)).toBe(true);
});
