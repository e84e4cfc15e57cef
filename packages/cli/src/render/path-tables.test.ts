import { expect, test } from 'vitest';
import { renderPaths } from './path-tables.js';

const at = '2026-01-02T00:00:00Z';
const nowMs = Date.parse(at) + 120_000;
const measured = { latencyMs: 62.1, loss: 0.05, rxBytes: 1, txBytes: 2 };

test('a row per path, who tells nothing is unknown, and what changed lately', () => {
  const lines = renderPaths(
    {
      present: [
        {
          ...{ from: 'laptop.warren.internal', to: 'desk.warren.internal', path: 'direct', at },
          ...{ endpoint: '192.0.2.7:41641', region: null, ...measured },
        },
        {
          ...{ from: 'phone.warren.internal', to: 'tv.warren.internal', path: 'unknown', at: null },
          ...{ endpoint: null, region: null, latencyMs: null, loss: null, rxBytes: 0, txBytes: 0 },
        },
      ],
      history: [
        {
          ...{ at, from: 'laptop.warren.internal', to: 'nodekey:\u001bab', path: 'relay' },
          ...{ endpoint: null, region: 901, latencyMs: null },
        },
      ],
    },
    nowMs,
  );
  expect(lines).toEqual([
    expect.stringMatching(/^FROM +TO +PATH +ROUND TRIP +LOSS +TOLD$/),
    expect.stringMatching(/^laptop +desk +direct 192\.0\.2\.7:41641 +62\.1 ms +5% +2m ago$/),
    expect.stringMatching(/^phone +tv +unknown +- +- +-$/),
    '',
    'Latest changes:',
    expect.stringMatching(/^2m ago +laptop +\S+ +relay region 901$/),
  ]);
  expect(lines.join('')).not.toContain('\u001b');
});
