import { expect, test } from 'vitest';
import { type Instant, instant } from '../base/instant.js';
import type { Path } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { pathReportsMax } from '../netmap/path-report.js';
import type { PeerPathStatus } from './io.js';
import { measurementsEveryMs, PathReporter, reportedForMs } from './path-reporter.js';

const at = (ms: number): Instant => instant(ms);
const key = (number: number): NodeKey => number.toString(16).padStart(64, '0') as NodeKey;
const relay: Path = { kind: 'relay', regionId: 901 };
const direct: Path = { kind: 'direct', socketId: 1, remote: '203.0.113.7:41641' as Endpoint };

function status(number: number, changes: Partial<PeerPathStatus> = {}): PeerPathStatus {
  return {
    ...{ peer: key(number), path: relay, latencyMs: undefined, loss: undefined },
    ...{ lastHandshakeAt: undefined, rxBytes: 0, txBytes: 0, active: true, lastSentAt: at(0) },
    ...changes,
  };
}

test('peers in use are told with path, place and figures; idle ones are not', () => {
  const used = status(1, { path: direct, latencyMs: 62, loss: 0.1, rxBytes: 5, txBytes: 6 });
  const never = status(2, { lastSentAt: undefined });
  expect(new PathReporter().look([used, never, status(3)], at(1000))).toEqual([
    {
      peer: key(1),
      path: 'direct',
      endpoint: '203.0.113.7:41641',
      regionId: undefined,
      ...{ latencyMs: 62, loss: 0.1, rxBytes: 5, txBytes: 6 },
    },
    expect.objectContaining({ peer: key(3), path: 'relay', regionId: 901 }),
  ]);
});

test('who was told once hears nothing until something changes', () => {
  const reporter = new PathReporter();
  expect(reporter.look([status(1)], at(0))).toHaveLength(1);
  expect(reporter.look([status(1, { rxBytes: 9 })], at(5000))).toBeUndefined();
  expect(reporter.look([status(1, { path: direct })], at(10_000))).toMatchObject([
    { path: 'direct' },
  ]);
  expect(reporter.look([status(1, { path: direct })], at(15_000))).toBeUndefined();
});

test('figures alone are told every minute', () => {
  const reporter = new PathReporter();
  reporter.look([status(1)], at(0));
  const moved = status(1, { rxBytes: 9 });
  expect(reporter.look([moved], at(measurementsEveryMs - 1))).toBeUndefined();
  expect(reporter.look([moved], at(measurementsEveryMs))).toMatchObject([{ rxBytes: 9 }]);
  expect(reporter.look([moved], at(2 * measurementsEveryMs))).toBeUndefined();
});

test('a peer that falls silent leaves the report, and an empty one ends it', () => {
  const reporter = new PathReporter();
  reporter.look([status(1), status(2, { lastSentAt: at(60_000) })], at(60_000));
  const later = [status(1), status(2, { lastSentAt: at(60_000) })];
  expect(reporter.look(later, at(reportedForMs))).toMatchObject([{ peer: key(2) }]);
  expect(reporter.look(later, at(2 * reportedForMs))).toEqual([]);
  expect(reporter.look(later, at(3 * reportedForMs))).toBeUndefined();
});

test('of more peers than a report holds the busiest are told', () => {
  const many = Array.from({ length: 100 }, (_, index) => status(index, { lastSentAt: at(index) }));
  const report = new PathReporter().look(many, at(1000));
  expect(report).toHaveLength(pathReportsMax);
  expect(report?.[0]?.peer).toBe(key(99));
});

test('after a new login everything is told again', () => {
  const reporter = new PathReporter();
  reporter.look([status(1)], at(0));
  reporter.reset();
  expect(reporter.look([status(1)], at(1000))).toHaveLength(1);
});
