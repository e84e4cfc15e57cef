import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { DecodeFailure } from '../base/failure.js';
import { after, type Instant, instant } from '../base/instant.js';
import { SeededRandom } from '../base/seeded-random.js';
import type { Endpoint } from '../ip/address.js';
import { answerBindingRequest } from '../stun/server.js';
import { NatBehaviour, sweepPauseMs } from './nat-behaviour.js';
import { sweepMs } from './nat-sweep.js';
import type { NetcheckReport } from './report.js';

const server = '198.51.100.1:3478' as Endpoint;
const mapped = '203.0.113.9:41641' as Endpoint;
/** The main socket has just been answered. */
const heard = {
  observations: [{ regionId: 1, family: 4, server, mapped, latencyMs: 30 }],
} as unknown as NetcheckReport;
const context = {
  ...{ relayMap: { regions: new Map() }, localAddresses: [] },
  ...{ dialBackRegions: new Set<number>(), allowLoopback: false },
};

/** Sweeps whose requests are answered for the first `room` sockets that ask. */
function sweeper() {
  const behaviour = new NatBehaviour({ random: new SeededRandom(3), counters: new Counters() });
  let now: Instant = instant(0);
  let room = 0;
  const carry = (): void => {
    for (let out = behaviour.poll(); out !== undefined; out = behaviour.poll()) {
      const { family } = out;
      if (out.type === 'open-socket') behaviour.opened(family, out.socket, 50_000, now);
      if (out.type !== 'send' || out.socket >= room) continue;
      const reply = answerBindingRequest(out.bytes, mapped);
      if (reply instanceof DecodeFailure) throw new Error(reply.reason);
      behaviour.datagram(family, out.socket, server, reply, now);
    }
  };
  return {
    /** The next report, and what is known when its sweep is over. */
    sweep: (answered: number): boolean | undefined => {
      room = answered;
      behaviour.report(heard, context, now);
      for (const end = after(now, sweepMs + sweepPauseMs); now < end; now = after(now, 10)) {
        carry();
        behaviour.run(now);
      }
      return behaviour.findings(4)?.tablePressure;
    },
    move: (): void => behaviour.networkChanged(),
  };
}

test('when no new socket gets an answer, and the main one does, twice, the table is full', () => {
  const { sweep, move } = sweeper();
  expect(sweep(0)).toBeUndefined();
  expect(sweep(0)).toBe(true);
  move();
  expect(sweep(0)).toBeUndefined();
});

test('once may be an outage; where some sockets are answered the silent ones tell', () => {
  const { sweep } = sweeper();
  expect(sweep(0)).toBeUndefined();
  expect(sweep(2)).toBe(true);
  expect(sweeper().sweep(5)).toBe(false);
});
