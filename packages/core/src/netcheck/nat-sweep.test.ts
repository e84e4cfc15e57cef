import { describe, expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { DecodeFailure } from '../base/failure.js';
import { after, type Instant, instant } from '../base/instant.js';
import { SeededRandom } from '../base/seeded-random.js';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  type IpAddress,
} from '../ip/address.js';
import { encodeBindingIndication } from '../stun/indication.js';
import { answerFromSockets, type ServerSockets } from '../stun/server.js';
import { NatSweep, type SweepServers, sweepMs, sweepSockets } from './nat-sweep.js';

const main = '198.51.100.1:3478' as Endpoint;
const other = '198.51.100.2:3478' as Endpoint;
const outside = '203.0.113.9' as IpAddress;
const rttMs = 40;
const servers: SweepServers = {
  main,
  latencyMs: rttMs,
  alternatePort: 3479,
  alternateAddress: undefined,
  others: [other],
  dialBackRegion: 7,
};

interface Datagram {
  readonly socket: number;
  readonly remote: Endpoint;
  readonly bytes: Uint8Array;
}

/** A sweep among servers that really decode and answer, behind a NAT that keeps ports. */
class Drive {
  readonly counters = new Counters();
  readonly sent: Datagram[] = [];
  readonly asked: { token: Uint8Array; port: number }[] = [];
  readonly closed: number[] = [];
  /** What comes back for a datagram; default: the answer that it asks for. */
  respond: (to: Datagram) => readonly (readonly [Endpoint, Uint8Array])[] = (to) => this.answer(to);
  /** The NAT lets in what comes from elsewhere than it was sent to. */
  isOpen = false;
  now: Instant = instant(0);
  readonly sweep: NatSweep;
  #pending: { at: Instant; run: () => void }[] = [];

  constructor(changes: Partial<SweepServers> = {}) {
    this.sweep = new NatSweep(
      {
        random: new SeededRandom(5),
        counters: this.counters,
        servers: { ...servers, ...changes },
        localAddresses: ['192.168.1.10' as IpAddress],
        mayHairpin: true,
        allowLoopback: false,
      },
      this.now,
    );
    this.#drain();
  }

  /** The endpoint that servers see. */
  mapped(socket: number): Endpoint {
    return endpoint(outside, 50_000 + socket);
  }

  answer({ socket, remote, bytes }: Datagram): readonly (readonly [Endpoint, Uint8Array])[] {
    if (endpointAddress(remote) === outside) return [];
    const sockets: ServerSockets = {
      port: 3478,
      alternatePort: 3479,
      addresses: [],
      alternateAddresses: [],
    };
    const at = { alternateAddress: false, alternatePort: endpointPort(remote) === 3479 };
    const placed = answerFromSockets(bytes, this.mapped(socket), sockets, at);
    if (placed instanceof DecodeFailure) throw new Error(placed.reason);
    const port = placed.from.alternatePort ? 3479 : 3478;
    const from = endpoint(endpointAddress(remote), port);
    return from === remote || this.isOpen ? [[from, placed.reply]] : [];
  }

  deliver(inMs: number, socket: number, source: Endpoint, bytes: Uint8Array): void {
    this.#at(inMs, () => this.sweep.datagram(socket, source, bytes, this.now));
  }

  told(inMs: number, outcome: 'sent' | 'rate-limited', target: Endpoint | undefined): void {
    const [{ token } = { token: new Uint8Array(12) }] = this.asked;
    this.#at(inMs, () => this.sweep.dialBackTold({ token, outcome, target }, this.now));
  }

  /** Runs until `ms` have passed. */
  pass(ms: number): void {
    const end = after(this.now, ms);
    for (let steps = 0; ; steps++) {
      if (steps > 10_000) throw new Error('time stands still');
      this.#pending.sort((a, b) => a.at - b.at);
      const next = Math.min(this.sweep.nextTimeout() ?? Infinity, this.#pending[0]?.at ?? Infinity);
      if (next > end) break;
      this.now = instant(Math.max(this.now, next));
      if ((this.#pending[0]?.at ?? Infinity) <= this.now) this.#pending.shift()?.run();
      else this.sweep.run(this.now);
      this.#drain();
    }
    this.now = end;
  }

  #at(inMs: number, run: () => void): void {
    this.#pending.push({ at: after(this.now, inMs), run });
  }

  #drain(): void {
    for (let out = this.sweep.poll(); out !== undefined; out = this.sweep.poll()) {
      const { type } = out;
      if (type === 'open-socket') {
        const { socket } = out;
        this.#at(1, () => this.sweep.opened(socket, 50_000 + socket, this.now));
      } else if (type === 'close-socket') {
        this.closed.push(out.socket);
      } else if (type === 'ask') {
        this.asked.push({ token: out.token, port: out.port });
      } else {
        this.sent.push(out);
        for (const [from, bytes] of this.respond(out)) {
          this.deliver(rttMs, out.socket, from, bytes);
        }
      }
    }
  }
}

const all = [0, 1, 2, 3, 4];

test('one socket asks several servers, another one alone, and all close when it is over', () => {
  const drive = new Drive();
  drive.pass(sweepMs);
  const of = (socket: number) =>
    new Set(drive.sent.filter((one) => one.socket === socket).map(({ remote }) => remote));
  expect([...of(0)]).toEqual([main, '198.51.100.1:3479', other]);
  expect([...of(1)]).toEqual([main]);
  expect(drive.closed).toEqual(all);
  expect(drive.sweep.findings).toMatchObject({
    mapping: 'endpoint-independent',
    filtering: 'address-and-port-dependent',
    allocation: { portAllocation: 'preserving' },
    hairpin: false,
    tablePressure: false,
  });
  expect(drive.counters.snapshot()).toEqual({});
});

describe('filtering by another relay’s datagram', () => {
  function withDialBack(act: (drive: Drive) => void): Drive {
    const drive = new Drive();
    drive.isOpen = true;
    drive.pass(100);
    expect(drive.asked.map(({ port }) => port)).toEqual([50_001, 50_001]);
    act(drive);
    drive.pass(sweepMs);
    return drive;
  }
  const [{ token: nobodys }] = [{ token: new Uint8Array(12) }];

  test('that arrives: independent of the endpoint', () => {
    const drive = withDialBack((one) => {
      const token = one.asked[0]?.token ?? nobodys;
      one.deliver(30, 1, other, encodeBindingIndication(token));
    });
    expect(drive.sweep.findings?.filtering).toBe('endpoint-independent');
  });

  test('that was sent and did not arrive: by address', () => {
    const drive = withDialBack((one) => one.told(30, 'sent', one.mapped(1)));
    expect(drive.sweep.findings?.filtering).toBe('address-dependent');
  });

  test.each([
    ['was refused', (one: Drive) => one.told(30, 'rate-limited', undefined)],
    ['went elsewhere', (one: Drive) => one.told(30, 'sent', '203.0.113.10:50001' as Endpoint)],
    ['nobody tells of', () => undefined],
  ])('that %s: not known', (_what, act) => {
    expect(withDialBack(act).sweep.findings?.filtering).toBeUndefined();
  });

  test('with a token of nobody’s proves nothing, and is counted', () => {
    const drive = withDialBack((one) => {
      one.deliver(30, 1, other, encodeBindingIndication(nobodys));
      one.told(60, 'sent', one.mapped(1));
    });
    expect(drive.sweep.findings?.filtering).toBe('address-dependent');
    expect(drive.counters.get('nat-probe-unknown-token')).toBe(1);
  });

  test('that came to another socket proves nothing', () => {
    const drive = withDialBack((one) => {
      one.deliver(30, 0, other, encodeBindingIndication(one.asked[0]?.token ?? nobodys));
      one.told(60, 'sent', one.mapped(1));
    });
    expect(drive.sweep.findings?.filtering).toBe('address-dependent');
  });
});

describe('servers that do not do what they say', () => {
  test('one without its other port is not taken for a filter', () => {
    const drive = new Drive();
    drive.respond = (to) => (endpointPort(to.remote) === 3479 ? [] : drive.answer(to));
    drive.pass(sweepMs);
    expect(drive.sweep.findings?.filtering).toBeUndefined();
  });

  test('one that refuses the change is not taken for a filter', () => {
    const drive = new Drive({ dialBackRegion: undefined });
    drive.respond = (to) => {
      if (to.bytes.length === 40) return drive.answer(to);
      const refusal = to.bytes.slice(0, 20);
      refusal.set([0x01, 0x11, 0, 0]);
      return [[to.remote, refusal]];
    };
    drive.pass(sweepMs);
    expect(drive.sweep.findings?.filtering).toBeUndefined();
  });

  test('an address that only one of them names is not sent to', () => {
    const liar = '192.0.2.66' as IpAddress;
    const drive = new Drive();
    const honest = drive.mapped.bind(drive);
    drive.mapped = (socket) => (socket === 0 ? honest(0) : endpoint(liar, 50_000 + socket));
    drive.pass(sweepMs);
    expect(drive.sent.some(({ remote }) => endpointAddress(remote) === liar)).toBe(false);
    expect(drive.sweep.findings?.hairpin).toBeUndefined();
  });
});

describe('answers that are none', () => {
  test('from another source, to another socket, twice, or unknown: refused and counted', () => {
    const drive = new Drive();
    drive.respond = (to) => {
      const answers = drive.answer(to);
      const [, bytes = new Uint8Array()] = answers[0] ?? [];
      if (answers.length === 0) return [];
      drive.deliver(10, to.socket, '198.51.100.66:3478' as Endpoint, bytes);
      drive.deliver(11, (to.socket + 1) % sweepSockets, to.remote, bytes);
      drive.deliver(12, to.socket, endpoint(endpointAddress(to.remote), 9999), bytes);
      const unknown = bytes.slice();
      unknown[19] = (unknown[19] ?? 0) ^ 1;
      drive.deliver(13, to.socket, to.remote, unknown);
      return [...answers, ...answers];
    };
    drive.pass(sweepMs);
    expect(drive.sweep.findings).toMatchObject({
      mapping: 'endpoint-independent',
      allocation: { portAllocation: 'preserving' },
    });
    const counted = drive.counters.snapshot();
    expect(counted['nat-probe-wrong-source']).toBe(3 * 7);
    expect(counted['nat-probe-unknown-transaction']).toBe(2 * 7);
  });

  test('floods of them change nothing and keep nothing', () => {
    const drive = new Drive();
    drive.pass(5);
    const random = new SeededRandom(9);
    for (let i = 0; i < 5_000; i++) {
      const bytes = random.fill(new Uint8Array(random.below(1400)));
      if (i % 2 === 0)
        bytes.set([0x01, 0x01, 0, 12, 0x21, 0x12, 0xa4, 0x42].slice(0, bytes.length));
      drive.sweep.datagram(i % sweepSockets, main, bytes, drive.now);
    }
    const flooded = Object.values(drive.counters.snapshot()).reduce((sum, one) => sum + one, 0);
    expect(flooded).toBe(5_000);
    drive.pass(sweepMs);
    expect(drive.sweep.findings).toMatchObject({ mapping: 'endpoint-independent' });
    expect(drive.sent.length).toBeLessThan(40);
  });

  test('nobody answers: it ends, and nothing is said', () => {
    const drive = new Drive();
    drive.respond = () => [];
    drive.pass(sweepMs);
    expect(drive.sweep.findings).toEqual({
      mapping: undefined,
      filtering: undefined,
      allocation: undefined,
      hairpin: undefined,
      tablePressure: undefined,
      isSilent: true,
    });
    expect(drive.closed).toEqual(all);
  });
});

test('a router that bears few flows is noticed', () => {
  const drive = new Drive();
  drive.respond = (to) => (to.socket >= 3 ? [] : drive.answer(to));
  drive.pass(sweepMs);
  expect(drive.sweep.findings?.tablePressure).toBe(true);
});

test('a request that got lost is repeated, and its mapping has no place in the order', () => {
  const drive = new Drive();
  let lost = 0;
  drive.respond = (to) => (to.socket === 2 && lost++ === 0 ? [] : drive.answer(to));
  drive.pass(sweepMs);
  expect(drive.sweep.findings).toMatchObject({ tablePressure: false });
  expect(drive.sent.filter(({ socket, remote }) => socket === 2 && remote === main)).toHaveLength(
    2,
  );
});
