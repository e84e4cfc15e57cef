import { expect, test } from 'vitest';
import { everybodyPlan, groupsPlan, type NetworkPlan, ringsPlan } from './network-plan.js';

interface Policy {
  readonly tagOwners: Readonly<Record<string, readonly string[]>>;
  readonly acls: readonly { readonly src: readonly string[]; readonly dst: readonly string[] }[];
}

/** Peers by the policy itself: whoever may reach or be reached. */
function peersByPolicy({ nodes, policy, tagOf }: NetworkPlan): number[][] {
  const { acls } = policy as Policy;
  const reaches = (from: number, to: number): boolean =>
    acls.some(({ src, dst }) => src.includes(tagOf(from) ?? '') && dst.includes(`${tagOf(to)}:*`));
  const all = Array.from({ length: nodes }, (_, index) => index);
  return all.map((one) => all.filter((o) => o !== one && (reaches(one, o) || reaches(o, one))));
}

test.each([
  ['groups of one size', groupsPlan('x@', 40, 10)],
  ['groups of nearly one size', groupsPlan('x@', 43, 10)],
  ['rings', ringsPlan('x@', [3, 10, 30])],
] as const)('%s: those peers that the policy gives', (_name, plan) => {
  const peers = peersByPolicy(plan);
  const all = Array.from({ length: plan.nodes }, (_, index) => index);
  expect(all.map((index) => plan.peersOf(index))).toEqual(peers.map(({ length }) => length));
  expect(all.map((one) => all.filter((other) => plan.sees(one, other)))).toEqual(peers);
});

test('a group of a hundred in two thousand: each sees ninety-nine', () => {
  const { peersOf } = groupsPlan('x@', 2000, 100);
  expect(new Set(Array.from({ length: 2000 }, (_, index) => peersOf(index)))).toEqual(
    new Set([99]),
  );
});

test('every tag has an owner, and audiences are those of the speakers', () => {
  const { policy, speakers, peersOf, nodes } = ringsPlan('x@', [100, 300]);
  expect(Object.values((policy as Policy).tagOwners)).toEqual(Array(4).fill(['x@']));
  expect(speakers.map(peersOf)).toEqual([100, 300]);
  expect(nodes).toBe(302);
});

test('everybody sees everybody but itself', () => {
  expect(everybodyPlan(5).peersOf(3)).toBe(4);
});
