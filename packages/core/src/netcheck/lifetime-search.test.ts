import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { DecodeFailure } from '../base/failure.js';
import { after, type Instant, instant } from '../base/instant.js';
import { SeededRandom } from '../base/seeded-random.js';
import type { Endpoint } from '../ip/address.js';
import { encodeBindingIndication } from '../stun/indication.js';
import { answerBindingRequest } from '../stun/server.js';
import { LifetimeSearch, longestGapMs } from './lifetime-search.js';

const server = '198.51.100.1:3478' as Endpoint;
const mapped = '203.0.113.9:7000' as Endpoint;

/** A relay and a NAT that forgets `lifetimeMs` after the last packet that went out. */
class Drive {
  readonly counters = new Counters();
  readonly search = new LifetimeSearch({ random: new SeededRandom(2), counters: this.counters });
  now: Instant = instant(0);
  asks = 0;
  readonly gaps: number[] = [];
  /** The next datagrams of the relay that get lost. */
  lost = 0;
  outcome: 'sent' | 'rate-limited' = 'sent';
  isOpen = false;
  #sentAt = 0;
  readonly #lifetimeMs: number;

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  run(ms: number): void {
    const end = after(this.now, ms);
    this.#drain();
    for (let at = this.search.nextTimeout(); at !== undefined && at <= end; ) {
      this.now = at;
      this.search.run(at);
      this.#drain();
      at = this.search.nextTimeout();
    }
    this.now = end;
  }

  #drain(): void {
    for (let out = this.search.poll(); out !== undefined; out = this.search.poll()) {
      if (out.type === 'open-socket') {
        this.isOpen = true;
        this.search.opened(this.now);
      } else if (out.type === 'close-socket') {
        this.isOpen = false;
      } else if (out.type === 'send') {
        this.#sentAt = this.now;
        const reply = answerBindingRequest(out.bytes, mapped);
        if (reply instanceof DecodeFailure) throw new Error(reply.reason);
        this.search.datagram(out.remote, reply, this.now);
      } else {
        this.asks++;
        const restedMs = this.now - this.#sentAt;
        this.gaps.push(Math.round(restedMs / 1000));
        const { token } = out;
        this.search.told({ token, outcome: this.outcome, target: mapped }, this.now);
        const arrives = this.outcome === 'sent' && restedMs < this.#lifetimeMs && this.lost-- <= 0;
        if (arrives) this.search.datagram(server, encodeBindingIndication(out.token), this.now);
      }
    }
  }
}

function searchFor(lifetimeMs: number): Drive {
  const drive = new Drive(lifetimeMs);
  drive.search.start({ regionId: 7, server });
  return drive;
}

test.each([20_000, 30_500, 65_000, 120_500, 185_000, 300_500])(
  'a NAT that remembers for %i ms is known by that, and a little less',
  (lifetimeMs) => {
    const drive = searchFor(lifetimeMs);
    drive.run(3 * 3600_000);
    expect(drive.search.lifetimeMs).toBeLessThan(lifetimeMs);
    expect(drive.search.lifetimeMs).toBeGreaterThanOrEqual(lifetimeMs * 0.85 - 10_000);
    expect(drive.isOpen).toBe(false);
    expect(drive.asks).toBeLessThan(24);
  },
);

test('what is known so far is told at once, and ten minutes are enough', () => {
  const drive = searchFor(Infinity);
  drive.run(20_000);
  expect(drive.search.lifetimeMs).toBe(15_000);
  drive.run(3600_000);
  expect(drive.search.lifetimeMs).toBe(longestGapMs);
  expect(drive.gaps).toEqual([15, 30, 60, 120, 240, 480, 600]);
});

test('one lost datagram is no lost mapping', () => {
  const drive = searchFor(Infinity);
  drive.lost = 1;
  drive.run(3600_000);
  expect(drive.search.lifetimeMs).toBe(longestGapMs);
});

test('a relay that refuses leaves it unknown, and is asked few times', () => {
  const drive = searchFor(60_000);
  drive.outcome = 'rate-limited';
  drive.run(3600_000);
  expect(drive.search.lifetimeMs).toBeUndefined();
  expect(drive.asks).toBe(5);
  expect(drive.isOpen).toBe(false);
});

test('an interruption costs nothing that was found, another network all of it', () => {
  const drive = searchFor(70_000);
  drive.run(60_000);
  expect(drive.search.lifetimeMs).toBe(30_000);
  drive.search.interrupted();
  drive.run(1000);
  expect(drive.isOpen).toBe(false);
  drive.search.start({ regionId: 7, server });
  drive.run(100_000);
  expect(drive.search.lifetimeMs).toBe(60_000);
  drive.search.forget();
  expect(drive.search.lifetimeMs).toBeUndefined();
  expect(drive.search.isIdle).toBe(true);
});

test('answers and datagrams of others count for nothing', () => {
  const drive = searchFor(5_000);
  drive.run(10_000);
  const { search, now } = drive;
  search.datagram(server, encodeBindingIndication(new Uint8Array(12)), now);
  search.datagram(server, new Uint8Array(7), now);
  const reply = answerBindingRequest(new Uint8Array(0), mapped);
  expect(reply).toBeInstanceOf(DecodeFailure);
  expect(search.told({ token: new Uint8Array(12), outcome: 'sent', target: mapped }, now)).toBe(
    false,
  );
  expect(drive.counters.snapshot()).toEqual({
    'nat-lifetime-too-short': 1,
    'nat-lifetime-unknown-token': 1,
  });
  drive.run(3600_000);
  expect(search.lifetimeMs).toBeUndefined();
});
