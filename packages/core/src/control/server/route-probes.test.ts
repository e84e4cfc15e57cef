import { after, type Instant, instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { beforeEach, expect, test } from 'vitest';
import {
  probeEveryMs,
  probeTimeoutMs,
  RouteProbes,
  type RouteProbesOutput,
} from './route-probes.js';

let probes: RouteProbes;
let now: Instant;
beforeEach(() => {
  probes = new RouteProbes(new SeededRandom(1));
  now = instant(0);
});

function outputs(): readonly RouteProbesOutput[] {
  const all: RouteProbesOutput[] = [];
  for (let out = probes.poll(); out !== undefined; out = probes.poll()) all.push(out);
  return all;
}

/** Time goes on; what came of it. */
function pass(ms: number): readonly RouteProbesOutput[] {
  const end = after(now, ms);
  for (
    let next = probes.nextTimeout();
    next !== undefined && next <= end;
    next = probes.nextTimeout()
  ) {
    now = next;
    probes.handleTimeout(now);
  }
  now = end;
  return outputs();
}

function tokensOf(all: readonly RouteProbesOutput[]): readonly string[] {
  return all.flatMap((one) => (one.type === 'ask' ? [one.token] : []));
}

test('rivals are asked at every turn, each time for something else; who answers is healthy', () => {
  probes.setRivals(new Set([1, 2]), now);
  const first = pass(probeEveryMs);
  expect(first.map(({ type, node }) => [type, node])).toEqual([
    ['ask', 1],
    ['ask', 2],
  ]);
  for (const token of tokensOf(first)) expect(probes.answered(token)).toBe(true);
  const second = pass(probeEveryMs);
  expect(second.map(({ type }) => type)).toEqual(['ask', 'ask']);
  expect(new Set(tokensOf([...first, ...second])).size).toBe(4);
});

test('who does not answer is ill until it does, and that is known within ten seconds', () => {
  probes.setRivals(new Set([1, 2]), now);
  const [, token = ''] = tokensOf(pass(probeEveryMs));
  probes.answered(token);
  expect(pass(probeTimeoutMs)).toEqual([{ type: 'health', node: 1, isHealthy: false }]);
  expect(probeEveryMs + probeTimeoutMs).toBeLessThan(10_000);
  const asked = tokensOf(pass(1000));
  expect(probes.answered(asked[0] ?? '')).toBe(true);
  expect(outputs()).toEqual([{ type: 'health', node: 1, isHealthy: true }]);
});

test('an answer counts once, in time, and only with the token that was asked for', () => {
  probes.setRivals(new Set([1]), now);
  const [token = ''] = tokensOf(pass(probeEveryMs));
  expect(probes.answered('00'.repeat(16))).toBe(false);
  expect(probes.answered(token)).toBe(true);
  expect(probes.answered(token)).toBe(false);
  const [late = ''] = tokensOf(pass(probeEveryMs));
  pass(probeTimeoutMs);
  expect(probes.answered(late)).toBe(false);
});

test('what a new stream left unanswered says nothing', () => {
  probes.setRivals(new Set([1]), now);
  pass(probeEveryMs);
  probes.streamBegan(1);
  expect(pass(probeTimeoutMs)).toEqual([]);
});

test('who is no rival any more is not asked, and not held to be ill', () => {
  probes.setRivals(new Set([1, 2]), now);
  pass(probeEveryMs + probeTimeoutMs);
  probes.setRivals(new Set(), now);
  expect(outputs()).toEqual([
    { type: 'health', node: 1, isHealthy: true },
    { type: 'health', node: 2, isHealthy: true },
  ]);
  expect(probes.nextTimeout()).toBeUndefined();
  expect(pass(60_000)).toEqual([]);
});
