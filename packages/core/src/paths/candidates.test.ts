import { instant } from '@warren/core/base/instant';
import type { DirectPath } from '@warren/core/engines/paths';
import {
  CandidateTable,
  maxCandidates,
  maxLearntCandidates,
  maxListedCandidates,
  vouchMs,
} from '@warren/core/paths/candidates';
import { directPath } from '@warren/core/paths/testing/peer-drive';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const at = instant;
const addresses = (table: CandidateTable): string[] => [...table].map(({ path }) => path.remote);
const many = (count: number, network: string): DirectPath[] =>
  Array.from({ length: count }, (_, i) => directPath(`${network}.${i}:41641`));

test('what the network map lists stays as long as it lists it, however it was learnt first', () => {
  const table = new CandidateTable();
  table.learn(directPath('203.0.113.9:1'), at(0));
  table.setFromMap([directPath('203.0.113.9:1')], at(1000));
  table.expire(at(10 * vouchMs));
  expect(addresses(table)).toEqual(['203.0.113.9:1']);
  table.setFromMap([], at(10 * vouchMs));
  expect(addresses(table)).toEqual([]);
});

test('an address learnt from a ping is forgotten 45 s after the last one', () => {
  const table = new CandidateTable();
  table.learn(directPath('203.0.113.9:1'), at(0));
  table.learn(directPath('203.0.113.9:1'), at(10_000));
  table.expire(at(54_999));
  expect(table.size).toBe(1);
  table.expire(at(55_000));
  expect(table.size).toBe(0);
});

test('the same address from another socket is another candidate', () => {
  const table = new CandidateTable();
  table.learn(directPath('203.0.113.9:1'), at(0));
  table.learn({ ...directPath('203.0.113.9:1'), socketId: 2 }, at(0));
  expect(table.size).toBe(2);
});

test('the candidate in use and one that answered lately outlive their sources', () => {
  const table = new CandidateTable();
  table.setFromMap([directPath('203.0.113.1:1'), directPath('203.0.113.2:1')], at(0));
  table.inUse = table.get(directPath('203.0.113.1:1'));
  const answered = table.get(directPath('203.0.113.2:1'));
  if (answered !== undefined) answered.answeredAt = at(1000);
  table.setFromMap([], at(1000));
  expect(table.size).toBe(2);
  table.expire(at(1000 + vouchMs));
  expect(addresses(table)).toEqual(['203.0.113.1:1']);
});

test('no source can push out what another one says', () => {
  const table = new CandidateTable();
  table.setFromMap(many(3, '192.0.2'), at(0));
  table.setFromCallMeMaybe(many(200, '198.51.100'), at(0));
  for (const path of many(200, '203.0.113')) table.learn(path, at(1));
  const from = (network: string): number =>
    addresses(table).filter((address) => address.startsWith(network)).length;
  expect(from('192.0.2.')).toBe(3);
  expect(from('198.51.100.')).toBe(maxListedCandidates);
  expect(from('203.0.113.')).toBe(maxLearntCandidates);
});

test('of the learnt addresses those heard last are kept', () => {
  const table = new CandidateTable();
  const paths = many(maxLearntCandidates + 1, '203.0.113');
  for (const [i, path] of paths.entries()) table.learn(path, at(i));
  expect(addresses(table)).not.toContain('203.0.113.0:41641');
  expect(addresses(table)).toContain(`203.0.113.${maxLearntCandidates}:41641`);
});

test('the table never exceeds its limit', () => {
  const remote = fc.integer({ min: 0, max: 9999 }).map((i) => directPath(`203.0.113.9:${i + 1}`));
  const lists = fc.array(remote, { maxLength: 60 });
  const step = fc.tuple(fc.constantFrom('map', 'call', 'learn', 'answer', 'use'), lists);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const table = new CandidateTable();
      for (const [index, [kind, paths]] of steps.entries()) {
        const now = at(index * 1000);
        if (kind === 'map') table.setFromMap(paths, now);
        if (kind === 'call') table.setFromCallMeMaybe(paths, now);
        if (kind === 'learn') for (const path of paths) table.learn(path, now);
        if (kind === 'answer') for (const candidate of table) candidate.answeredAt = now;
        if (kind === 'use') [table.inUse] = table;
        expect(table.size).toBeLessThanOrEqual(maxCandidates);
      }
    }),
  );
});
