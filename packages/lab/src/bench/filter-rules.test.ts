import { parsePacketFilter } from '@warren/servers/control/packet-filter-file';
import { expect, test } from 'vitest';
import { filterFile } from './filter-rules.js';

test('a hub takes the file: rules of which no two share a source or a port, then the one for the bench', () => {
  const rules = parsePacketFilter('filter.json', new TextEncoder().encode(filterFile(999)));
  expect(rules).toHaveLength(1000);
  const many = rules.slice(0, -1);
  const sources = many.flatMap(({ SrcIPs }) => SrcIPs);
  const ports = many.flatMap(({ DstPorts = [] }) => DstPorts.map(({ Ports }) => Ports.First));
  expect([new Set(sources).size, sources.length]).toEqual([19_980, 19_980]);
  expect(new Set(ports).size).toBe(999);
  expect(rules.at(-1)).toMatchObject({ DstPorts: [{ Ports: { First: 5201, Last: 5300 } }] });
});

test('with no rule before it, the bench still gets in', () => {
  expect(parsePacketFilter('filter.json', new TextEncoder().encode(filterFile(0)))).toHaveLength(1);
});
