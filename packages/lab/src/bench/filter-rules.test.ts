import type { IpAddress } from '@warren/core/ip/address';
import type { WireFilterRule } from '@warren/core/netmap/wire';
import { AccessTable } from '@warren/core/policy/access-table';
import { FilterBook } from '@warren/core/policy/filter-rules';
import { loadPolicy } from '@warren/servers/control/policy/parse-policy';
import { expect, test } from 'vitest';
import { filterFile } from './filter-rules.js';

/** What a machine of the bench is told. */
function rulesOf(count: number): readonly WireFilterRule[] {
  const addresses = ['100.64.0.1'] as IpAddress[];
  const node = { id: 1, userId: 1, login: 'owner@here', tags: [], addresses, routes: [] };
  const compiled = loadPolicy('policy.json', new TextEncoder().encode(filterFile(count)));
  return new FilterBook(new AccessTable(compiled, [node])).filterOf(1);
}

test('a hub takes the file: rules of which no two share a source or a port, then the one for the bench', () => {
  const rules = rulesOf(999);
  expect(rules).toHaveLength(1000);
  const many = rules.slice(0, -1);
  const sources = many.flatMap(({ SrcIPs }) => SrcIPs);
  const ports = many.flatMap(({ DstPorts = [] }) => DstPorts.map(({ Ports }) => Ports.First));
  expect([new Set(sources).size, sources.length]).toEqual([19_980, 19_980]);
  expect(new Set(ports).size).toBe(999);
  expect(rules.at(-1)).toMatchObject({ DstPorts: [{ Ports: { First: 5201, Last: 5300 } }] });
});

test('with no rule before it, the bench still gets in', () => {
  expect(rulesOf(0)).toHaveLength(1);
});
