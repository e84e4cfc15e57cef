/** What scripts read of `warren demo --json`, by the simulated demo, which any computer can run. */
import { expect, test } from 'vitest';
import { runCli } from '../testing/run-cli.js';

/** Seconds of an idle core. */
const TIMEOUT_MS = 180_000;
const METHODS = 'open punch lan ipv6 portmap static predict birthday relay'.split(' ');
const ACTUALS = ['direct', 'relay', 'peer-relay', 'none'];

/** null: it did not happen. */
const numberOrNull = expect.toSatisfy(
  (value) => value === null || (typeof value === 'number' && value >= 0),
) as number | null;
const oneOf = (words: readonly string[]): string =>
  expect.toSatisfy((value) => words.includes(value as string)) as string;

interface Report {
  readonly machines: readonly { readonly name: string }[];
  readonly pairs: readonly { readonly from: string; readonly to: string }[];
}

test('the demo’s JSON: one object with world, machines, every pair and whether all is as expected', {
  timeout: TIMEOUT_MS,
}, async () => {
  const { code, out } = await runCli(['demo', '--sim', '--json']);
  const report = JSON.parse(out) as Report;
  expect(report).toMatchObject({
    world: 'sim',
    machines: expect.any(Array) as unknown[],
    pairs: expect.any(Array) as unknown[],
    ok: true,
  });
  expect(code).toBe(0);
  const names = report.machines.map(({ name }) => name);
  expect(new Set(names).size).toBe(7);
  const pairs = report.pairs.map(({ from, to }) => [from, to].toSorted().join(' '));
  expect(new Set(pairs).size).toBe(21);
  for (const pair of report.pairs) {
    expect(pair).toMatchObject({
      from: oneOf(names),
      to: oneOf(names),
      expected: oneOf(['direct', 'relay', 'either']),
      actual: oneOf(ACTUALS),
      method: oneOf(METHODS),
      firstReplyMs: numberOrNull,
      directMs: numberOrNull,
      latencyMs: numberOrNull,
      relayDataFramesDuringTransfer: numberOrNull,
    });
  }
});
