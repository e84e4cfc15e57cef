import { beforeAll, describe, expect, test, vi } from 'vitest';
import { sevenMachines } from '../topology/seven-machines.js';
import { demoWorldWithoutPortMapping } from './demo-world.js';
import { expectedPath } from './expected.js';
import type { DemoEvent, DemoReport } from './report.js';
import { runSimDemo } from './run-sim-demo.js';

// Seconds of an idle core; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

describe('the demo in the simulator', () => {
  const events: DemoEvent[] = [];
  let report: DemoReport;
  beforeAll(async () => {
    report = await runSimDemo({}, (event) => events.push(event));
  });

  test('measures all 21 pairs of the seven machines, and each is as expected', () => {
    expect(report.world).toBe('sim');
    expect(report.machines).toHaveLength(7);
    expect(report.pairs).toHaveLength(21);
    for (const { from, to, actual, problems } of report.pairs) {
      expect({ from, to, actual, problems }).toEqual({
        from,
        to,
        actual: expectedPath(sevenMachines, from, to),
        problems: [],
      });
    }
    expect(report.ok).toBe(true);
  });

  test('names what made each direct path possible', () => {
    const methods = new Set(report.pairs.map(({ method }) => method));
    expect(methods).toEqual(new Set(['open', 'portmap', 'static', 'relay']));
    const mapped = report.pairs.filter(({ method }) => method === 'portmap');
    expect(mapped.map(({ from, to }) => `${from} ${to}`)).toEqual([
      'easynat-east hardnat-east',
      'easynat-east easynat-west',
      'easynat-east hardnat-west',
      'hardnat-east easynat-west',
      'easynat-west hardnat-west',
    ]);
  });

  test('moves every byte, over relays only where nothing else is possible', () => {
    for (const { intact, actual, relayDataFramesDuringTransfer: frames } of report.pairs) {
      expect(intact).toBe(true);
      if (actual === 'direct') expect(frames).toBe(0);
      else expect(frames).toBeGreaterThan(1000);
    }
  });

  test('tells of every pair twice: when it was pinged, and when it was measured', () => {
    expect(events.filter(({ type }) => type === 'pinged')).toHaveLength(21);
    expect(events.filter(({ type }) => type === 'pair')).toHaveLength(21);
  });
});

test('without port mapping the hard NATs meet the easy ones by birthday', async () => {
  const { ok, pairs } = await runSimDemo({ world: demoWorldWithoutPortMapping }, () => undefined);
  expect(pairs.flatMap(({ problems }) => problems)).toEqual([]);
  expect(ok).toBe(true);
  const pairsBy = (wanted: string): string[] =>
    pairs
      .filter(({ method }) => method === wanted)
      .map(({ from, to }) => [from, to].join(' '))
      .sort();
  expect(pairsBy('birthday')).toEqual([
    'easynat-east hardnat-east',
    'easynat-east hardnat-west',
    'easynat-west hardnat-west',
    'hardnat-east easynat-west',
  ]);
  expect(pairsBy('punch')).toEqual(['easynat-east easynat-west']);
  expect(pairsBy('relay')).toEqual(['hardnat-east hardnat-west']);
});

test('whoever gives up is heard before the next step', async () => {
  const giveUp = new AbortController();
  const told: DemoEvent[] = [];
  const demo = runSimDemo({ signal: giveUp.signal }, (event) => {
    told.push(event);
    // As a signal's handler would: from a turn of the event loop of its own.
    if (event.type === 'pinged') setImmediate(() => giveUp.abort());
  });
  await expect(demo).rejects.toMatchObject({ name: 'AbortError' });
  expect(told.filter(({ type }) => type === 'pair')).toHaveLength(0);
});
