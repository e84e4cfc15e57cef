import { expect, test } from 'vitest';
import { sevenMachines } from '../topology/seven-machines.js';
import type { Network } from '../topology/types.js';
import { demoWorldWithoutPortMapping } from './demo-world.js';
import { expectedPath } from './expected.js';

test('of 21 pairs of the seven machines, the two hard sides alone have only the relay', () => {
  const names = sevenMachines.machines.map(({ name }) => name);
  const pairs = names.flatMap((from, index) => names.slice(index + 1).map((to) => [from, to]));
  expect(pairs).toHaveLength(21);
  const relayed = pairs.filter(
    ([from = '', to = '']) => expectedPath(sevenMachines, from, to) === 'relay',
  );
  expect(relayed.map((pair) => pair.join(' ')).sort()).toEqual(['hardnat-east hardnat-west']);
});

test.each([
  ['none', {}, 5],
  ['dead', { portMapping: { protocols: ['pcp'], dead: true } }, 5],
  ['lying', { portMapping: { protocols: ['pcp'], tells: '10.0.0.1' } }, 5],
  ['NAT-PMP', { portMapping: { protocols: ['natpmp'] } }, 1],
] as const)('with port mapping that is %s', (_what, routers, relayed) => {
  const networks = sevenMachines.networks.map(({ portMapping, ...network }) =>
    portMapping === undefined ? network : ({ ...network, ...routers } as Network),
  );
  const topology = { ...sevenMachines, networks };
  const names = topology.machines.map(({ name }) => name);
  const paths = names.flatMap((from, index) =>
    names.slice(index + 1).map((to) => expectedPath(topology, from, to)),
  );
  expect(paths.filter((path) => path === 'relay')).toHaveLength(relayed);
});

test('the demo without port mapping has the same machines, and no router that maps', () => {
  const { topology } = demoWorldWithoutPortMapping;
  expect(topology.machines).toEqual(sevenMachines.machines);
  expect(topology.networks.map(({ name, nat }) => [name, nat])).toEqual(
    sevenMachines.networks.map(({ name, nat }) => [name, nat]),
  );
  expect(topology.networks.filter(({ portMapping }) => portMapping !== undefined)).toEqual([]);
});
