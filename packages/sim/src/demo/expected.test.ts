import { expect, test } from 'vitest';
import { sevenMachines } from '../topology/seven-machines.js';
import type { Network, Topology } from '../topology/types.js';
import { demoWorldWithoutPortMapping } from './demo-world.js';
import { expectedPath } from './expected.js';

function relayedPairs(topology: Topology): string[] {
  const names = topology.machines.map(({ name }) => name);
  const pairs = names.flatMap((from, index) => names.slice(index + 1).map((to) => [from, to]));
  return pairs
    .filter(([from = '', to = '']) => expectedPath(topology, from, to) === 'relay')
    .map((pair) => pair.join(' '));
}

test('of 21 pairs of the seven machines, the two hard sides alone have only the relay', () => {
  expect(relayedPairs(sevenMachines)).toEqual(['hardnat-east hardnat-west']);
});

test.each([
  ['none', {}, 1],
  ['dead', { portMapping: { protocols: ['pcp'], dead: true } }, 1],
  ['NAT-PMP', { portMapping: { protocols: ['natpmp'] } }, 1],
] as const)('with port mapping that is %s', (_what, routers, relayed) => {
  const networks = sevenMachines.networks.map(({ portMapping, ...network }) =>
    portMapping === undefined ? network : ({ ...network, ...routers } as Network),
  );
  expect(relayedPairs({ ...sevenMachines, networks })).toHaveLength(relayed);
});

test.each([
  ['dead', { portMapping: { protocols: ['pcp'], dead: true } }, 6],
  ['lying', { portMapping: { protocols: ['pcp'], tells: '10.0.0.1' } }, 6],
  ['NAT-PMP', { portMapping: { protocols: ['natpmp'] } }, 0],
] as const)(
  'where all home routers are hard, with port mapping that is %s',
  (_what, routers, relayed) => {
    const networks = sevenMachines.networks.map(({ portMapping: _server, ...network }) =>
      network.balancers === undefined
        ? ({ ...network, nat: 'hard', ...routers } as Network)
        : network,
    );
    expect(relayedPairs({ ...sevenMachines, networks })).toHaveLength(relayed);
  },
);

test('the demo without port mapping has the same machines, and no router that maps', () => {
  const { topology } = demoWorldWithoutPortMapping;
  expect(topology.machines).toEqual(sevenMachines.machines);
  expect(topology.networks.map(({ name, nat }) => [name, nat])).toEqual(
    sevenMachines.networks.map(({ name, nat }) => [name, nat]),
  );
  expect(topology.networks.filter(({ portMapping }) => portMapping !== undefined)).toEqual([]);
});
