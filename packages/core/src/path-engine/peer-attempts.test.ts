import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { after, type Instant, instant } from '../base/instant.js';
import { SeededRandom } from '../base/seeded-random.js';
import type { DirectPath } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import { PeerPath } from '../paths/peer-path.js';
import type { PeerPathOutput } from '../paths/peer-path-io.js';
import { attemptsOf } from './peer-attempts.js';

const start: Instant = instant(1000);
const path = (port: number): DirectPath => ({
  kind: 'direct',
  socketId: 1,
  remote: `203.0.113.7:${port}` as Endpoint,
});

function looking(): { machine: PeerPath; pings: Extract<PeerPathOutput, { type: 'ping' }>[] } {
  const machine = new PeerPath({ random: new SeededRandom(1), counters: new Counters() });
  machine.handle({ type: 'can-ping', canPing: true }, start);
  machine.handle({ type: 'relay', regionId: 901 }, start);
  machine.handle({ type: 'map-endpoints', paths: [path(1), path(2)] }, start);
  machine.handle({ type: 'sent' }, start);
  const pings: Extract<PeerPathOutput, { type: 'ping' }>[] = [];
  for (let out = machine.poll(); out !== undefined; out = machine.poll()) {
    if (out.type === 'ping') pings.push(out);
  }
  return { machine, pings };
}

test('what was tried, where it is from and how long it takes so far', () => {
  const { machine } = looking();
  expect(attemptsOf(machine, after(start, 700))).toMatchObject({
    candidates: [
      { endpoint: '203.0.113.7:1', sources: ['map'], pingsSent: 1, pongs: 0, inUse: false },
      { endpoint: '203.0.113.7:2', sources: ['map'], pingsSent: 1, pongs: 0, inUse: false },
    ],
    callsSent: 1,
    callsReceived: 0,
    searchingMs: 700,
  });
});

test('an answer, a call, a refusal of the system', () => {
  const { machine, pings } = looking();
  const now = after(start, 30);
  machine.handle({ type: 'call-me-maybe', paths: [path(2), path(3)] }, now);
  machine.handle({ type: 'unreachable', path: path(1) }, now);
  const ping = pings.find(
    (sent) => sent.path.kind === 'direct' && sent.path.remote === path(2).remote,
  );
  if (ping === undefined) throw new Error('the second candidate was pinged');
  const { transactionId } = ping;
  const observed = '198.51.100.1:7' as Endpoint;
  machine.handle(
    { type: 'pong-received', transactionId, via: path(2), observed, receivedAt: now },
    now,
  );
  expect(attemptsOf(machine, now)).toMatchObject({
    candidates: [
      { endpoint: '203.0.113.7:1', error: 'unreachable', pongs: 0 },
      { endpoint: '203.0.113.7:2', sources: ['map', 'call-me-maybe'], pongs: 1, inUse: true },
      { endpoint: '203.0.113.7:3', sources: ['call-me-maybe'], pongs: 0 },
    ],
    callsReceived: 1,
    searchingMs: undefined,
  });
  expect(attemptsOf(machine, now).candidates[1]?.latencyMs).toBe(30);
});

test('another network begins anew', () => {
  const { machine } = looking();
  machine.handle({ type: 'sent' }, after(start, 500));
  machine.handle({ type: 'reset', cause: 'link-changed' }, after(start, 1000));
  const { callsSent, candidates } = attemptsOf(machine, after(start, 1000));
  expect(callsSent).toBeLessThanOrEqual(1);
  expect(candidates.every(({ pingsSent }) => pingsSent <= 1)).toBe(true);
});

test('of a plain peer nothing is tried', () => {
  expect(attemptsOf(undefined, start)).toMatchObject({ candidates: [], searchingMs: undefined });
});
