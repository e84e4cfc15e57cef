import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import {
  decodePathReports,
  encodePathReports,
  type PathReport,
  pathReportsMax,
} from './path-report.js';

const key = (number: number): NodeKey => (number + 1).toString(16).padStart(64, '0') as NodeKey;

const bytes = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const measured = {
  latencyMs: fc.option(
    fc.integer({ min: 0, max: 100_000 }).map((hundredths) => hundredths / 100),
    { nil: undefined },
  ),
  loss: fc.option(
    fc.integer({ min: 0, max: 1000 }).map((thousandths) => thousandths / 1000),
    { nil: undefined },
  ),
  rxBytes: bytes,
  txBytes: bytes,
};
const peer = fc.integer({ min: 0, max: 500 }).map(key);
const endpoint = fc.constantFrom('203.0.113.7:41641', '[2001:db8::7]:1') as fc.Arbitrary<Endpoint>;
const nothing = fc.constant(undefined);

const report: fc.Arbitrary<PathReport> = fc.oneof(
  fc.record({ peer, path: fc.constant('direct'), endpoint, regionId: nothing, ...measured }),
  fc.record({
    ...{ peer, path: fc.constant('relay'), endpoint: nothing },
    regionId: fc.integer({ min: 1, max: 9000 }),
    ...measured,
  }),
  fc.record({ peer, path: fc.constant('none'), endpoint: nothing, regionId: nothing, ...measured }),
);

const travelled = (reports: readonly PathReport[]) =>
  decodePathReports(JSON.parse(JSON.stringify(encodePathReports(reports))));

test('what is reported is what is read', () => {
  fc.assert(
    fc.property(fc.uniqueArray(report, { selector: (one) => one.peer }), (reports) => {
      expect(travelled(reports)).toEqual(reports);
    }),
  );
});

test('reports are bounded on both sides, and a peer counts once', () => {
  const one = fc.sample(report, 1)[0];
  if (one === undefined) throw new Error('a sample has an entry');
  const many = Array.from({ length: 200 }, (_, index) => ({ ...one, peer: key(index) }));
  expect(travelled(many)).toHaveLength(pathReportsMax);
  const wire = many.map((entry) => ({ Peer: `nodekey:${entry.peer}`, Path: 'none' }));
  expect(decodePathReports(wire)).toHaveLength(pathReportsMax);
  expect(decodePathReports([wire[0], wire[0]])).toHaveLength(1);
});

test('no list is no report, and entries that make no sense are left out', () => {
  for (const value of [undefined, null, {}, 'x', 3]) {
    expect(decodePathReports(value)).toBeUndefined();
  }
  const Peer = `nodekey:${key(1)}`;
  expect(
    decodePathReports([null, 'x', {}, { Peer }, { Peer: 'nodekey:1', Path: 'none' }, [Peer]]),
  ).toEqual([]);
  expect(
    decodePathReports([{ Peer, Path: 'direct', Endpoint: 'there', Ms: -1, Loss: 7, Rx: 1.5 }]),
  ).toEqual([
    {
      ...{ peer: key(1), path: 'direct', endpoint: undefined, regionId: undefined },
      ...nothingMeasured,
    },
  ]);
});

const nothingMeasured = { latencyMs: undefined, loss: undefined, rxBytes: 0, txBytes: 0 };

test('random JSON is read without harm', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), (value) => {
      decodePathReports(value);
    }),
  );
});
