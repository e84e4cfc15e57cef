import { Counters } from '@warren/core/base/counters';
import { type Instant, instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import type { Endpoint } from '@warren/core/ip/address';
import {
  DialBack,
  type DialBackInput,
  type DialBackVerdict,
  dialBackMs,
  type EarlierUse,
  mappingMemoryMs,
} from '@warren/core/netcheck/dial-back';
import { encodeBindingIndication } from '@warren/core/stun/indication';
import { describe, expect, test } from 'vitest';

const PORT = 41641;
const target = `203.0.113.9:${PORT}` as Endpoint;
const target6 = `[2001:db8::9]:${PORT}` as Endpoint;

/** A machine, what it asked, and its verdict. */
class Drive {
  readonly counters = new Counters();
  readonly machine: DialBack;
  readonly used: number[] = [];
  readonly asked: {
    readonly regionId: number;
    readonly token: Uint8Array;
    readonly port: number;
  }[] = [];
  readonly verdicts: { readonly at: number; readonly verdict: DialBackVerdict }[] = [];
  now: Instant = instant(1000);

  constructor(earlier: readonly EarlierUse[] = []) {
    const { counters } = this;
    this.machine = new DialBack({ random: new SeededRandom(5), counters, earlier });
  }

  input(input: DialBackInput): void {
    this.machine.handle(input, this.now);
    for (let out = this.machine.poll(); out !== undefined; out = this.machine.poll()) {
      if (out.type === 'use-relay') this.used.push(out.regionId);
      else if (out.type === 'ask') this.asked.push(out);
      else this.verdicts.push({ at: this.now, verdict: out.verdict });
    }
  }

  start(...regions: number[]): void {
    this.input({ type: 'start', regions, ports: { 4: PORT, 6: PORT } });
  }

  connect(regionId: number, dialsBack = true): void {
    this.input({ type: 'connected', regionId, dialsBack });
  }

  pass(ms: number): void {
    const end = instant(this.now + ms);
    for (let at = this.machine.nextTimeout(); at !== undefined && at <= end; ) {
      this.now = at;
      this.input({ type: 'timeout' });
      at = this.machine.nextTimeout();
    }
    this.now = end;
  }

  /** The relay's word on the nth question. */
  answer(nth: number, to: Endpoint | undefined, regionId = this.#question(nth).regionId): void {
    const outcome = to === undefined ? 'rate-limited' : 'sent';
    const { token } = this.#question(nth);
    this.input({ type: 'answer', regionId, token, outcome, target: to });
  }

  arrive(nth: number): void {
    const bytes = encodeBindingIndication(this.#question(nth).token);
    this.input({ type: 'datagram', bytes, receivedAt: this.now });
  }

  get verdict(): DialBackVerdict | undefined {
    expect(this.verdicts.length).toBeLessThan(2);
    return this.verdicts[0]?.verdict;
  }

  #question(nth: number) {
    const question = this.asked[nth];
    if (question === undefined) throw new Error(`${nth} was not asked`);
    return question;
  }
}

test('a datagram that arrives proves the address; first datagrams may leave at once', () => {
  const drive = new Drive();
  drive.start(901);
  expect(drive.used).toEqual([901]);
  drive.pass(200);
  drive.connect(901);
  expect(drive.asked.map(({ port }) => port)).toEqual([PORT, PORT]);
  drive.pass(30);
  drive.arrive(0);
  expect(drive.verdict).toBeUndefined();
  drive.answer(0, target);
  const proven = { target, verified: 'yes', reason: 'arrived', regionId: 901 };
  expect(drive.verdicts).toEqual([{ at: 1230, verdict: proven }]);
  drive.pass(60_000);
  expect(drive.verdicts).toHaveLength(1);
});

test('a datagram that does not arrive is given up soon after the relay has sent it', () => {
  const drive = new Drive();
  drive.start(901);
  drive.connect(901);
  drive.pass(100);
  drive.answer(0, target);
  drive.answer(1, target);
  drive.pass(99);
  expect(drive.verdict).toBeUndefined();
  drive.pass(1);
  expect(drive.verdict).toMatchObject({ target, verified: 'no', reason: 'did-not-arrive' });
});

test('of two datagrams one may be lost', () => {
  const drive = new Drive();
  drive.start(901);
  drive.connect(901);
  drive.pass(40);
  drive.answer(0, target);
  drive.answer(1, target);
  drive.pass(20);
  drive.arrive(1);
  expect(drive.verdict).toMatchObject({ verified: 'yes' });
});

test('an arrival after the end proves nothing: packets of ours may have opened the way', () => {
  const drive = new Drive();
  drive.start(901);
  drive.connect(901);
  drive.answer(0, target);
  drive.pass(1000);
  drive.arrive(0);
  expect(drive.verdict).toMatchObject({ verified: 'no' });
  expect(drive.counters.get('dial-back-late')).toBe(1);
});

test('with two regions both are asked, with many two of them', () => {
  const two = new Drive();
  two.start(901, 902);
  expect([...two.used].sort()).toEqual([901, 902]);
  const many = new Drive();
  many.start(1, 2, 3, 4, 5, 6, 7, 8);
  expect(new Set(many.used).size).toBe(2);
});

test('a relay that can be reached is enough, and one whose connection stands already is asked at once', () => {
  const drive = new Drive();
  drive.connect(902);
  drive.start(901, 902);
  drive.input({ type: 'failed', regionId: 901 });
  expect(drive.asked).toHaveLength(2);
  drive.answer(0, target);
  drive.arrive(0);
  expect(drive.verdict).toMatchObject({ verified: 'yes', regionId: 902 });
});

test('over IPv6 it is the IPv6 address that is proven', () => {
  const drive = new Drive();
  drive.start(901);
  drive.connect(901);
  drive.arrive(1);
  drive.answer(1, target6);
  expect(drive.verdict).toMatchObject({ target: target6, verified: 'yes' });
});

describe('nothing is said, and nothing held up for long', () => {
  test('when no region offers it', () => {
    const drive = new Drive();
    drive.start();
    expect(drive.verdicts).toMatchObject([{ at: 1000, verdict: { reason: 'not-offered' } }]);
    expect(drive.verdict?.verified).toBeUndefined();
  });

  test('when the map promised more than the relays keep', () => {
    const drive = new Drive();
    drive.start(901, 902);
    drive.connect(901, false);
    expect(drive.verdict).toBeUndefined();
    drive.connect(902, false);
    expect(drive.verdicts).toMatchObject([{ at: 1000, verdict: { verified: undefined } }]);
  });

  test('when no relay can be reached in time', () => {
    const drive = new Drive();
    drive.start(901, 902);
    drive.pass(60_000);
    const verdict = { target: undefined, verified: undefined, reason: 'no-relay-in-time' };
    expect(drive.verdicts).toMatchObject([{ at: 1000 + dialBackMs, verdict }]);
  });

  test('when the relays refuse', () => {
    const drive = new Drive();
    drive.start(901);
    drive.connect(901);
    drive.answer(0, undefined);
    expect(drive.verdict).toBeUndefined();
    drive.answer(1, undefined);
    expect(drive.verdict).toMatchObject({ verified: undefined, reason: 'refused' });
  });

  test('when the relay hangs up on the question, as on strangers', () => {
    const drive = new Drive();
    drive.start(901);
    drive.connect(901);
    drive.input({ type: 'failed', regionId: 901 });
    expect(drive.verdicts).toMatchObject([{ at: 1000, verdict: { verified: undefined } }]);
  });

  test('when there is no socket to ask for', () => {
    const drive = new Drive();
    drive.input({ type: 'start', regions: [901], ports: { 4: undefined, 6: undefined } });
    drive.connect(901);
    expect(drive.asked).toEqual([]);
    expect(drive.verdict?.verified).toBeUndefined();
  });
});

test("a relay's word on another one's question, or datagrams with tokens of nobody, change nothing", () => {
  const drive = new Drive();
  drive.start(901, 902);
  drive.connect(901);
  drive.answer(0, target, 902);
  const bytes = encodeBindingIndication(new Uint8Array(12).fill(7));
  drive.input({ type: 'datagram', bytes, receivedAt: drive.now });
  drive.input({ type: 'datagram', bytes: new Uint8Array(28), receivedAt: drive.now });
  expect(drive.verdict).toBeUndefined();
  expect(drive.counters.get('dial-back-unasked')).toBe(1);
  expect(drive.counters.get('dial-back-unknown')).toBe(2);
});

describe('a port that was in use before', () => {
  const arrived = (earlier: EarlierUse): DialBackVerdict | undefined => {
    const drive = new Drive([earlier]);
    drive.start(901);
    drive.connect(901);
    drive.arrive(0);
    drive.answer(0, target);
    return drive.verdict;
  };

  test('proves nothing by an arrival: a NAT may remember it', () => {
    const verdict = arrived({ port: PORT, agoMs: 20_000, reached: [] });
    expect(verdict).toMatchObject({ target, verified: undefined, reason: 'port-used-lately' });
  });

  test('keeps what was proven of the same address before, and of no other', () => {
    const use = { port: PORT, agoMs: 20_000 };
    expect(arrived({ ...use, reached: [target] })).toMatchObject({
      verified: 'yes',
      reason: 'proven-earlier',
    });
    const elsewhere = '198.51.100.1:41641' as Endpoint;
    expect(arrived({ ...use, reached: [elsewhere] })).toMatchObject({ verified: undefined });
  });

  test('is as good as new after a rest, and another port always', () => {
    const long = { port: PORT, agoMs: mappingMemoryMs, reached: [] };
    expect(arrived(long)).toMatchObject({ verified: 'yes', reason: 'arrived' });
    const other = { port: PORT + 1, agoMs: 0, reached: [] };
    expect(arrived(other)).toMatchObject({ verified: 'yes', reason: 'arrived' });
  });

  test('is known not to be reached when nothing arrives', () => {
    const drive = new Drive([{ port: PORT, agoMs: 0, reached: [target] }]);
    drive.start(901);
    drive.connect(901);
    drive.answer(0, target);
    drive.pass(1000);
    expect(drive.verdict).toMatchObject({ verified: 'no', reason: 'did-not-arrive' });
  });
});
