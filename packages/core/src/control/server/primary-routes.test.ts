import type { Prefix } from '@warren/core/ip/prefix';
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { PrimaryRoutes, type RouteServer } from './primary-routes.js';
import type { NodeId } from './state.js';

const A = '10.1.0.0/16' as Prefix;
const B = '10.2.0.0/16' as Prefix;
const EXIT = '0.0.0.0/0' as Prefix;

let table: PrimaryRoutes;
beforeEach(() => {
  table = new PrimaryRoutes();
});

function is(node: NodeId, changes: Partial<RouteServer> = {}): readonly NodeId[] {
  return [...table.set(node, { routes: [A], isOnline: true, isHealthy: true, ...changes })].sort();
}

test('the first that serves a route carries it, and one that comes later waits', () => {
  expect(is(2)).toEqual([2]);
  expect(is(1)).toEqual([]);
  expect([table.primaryOf(A), table.carriedBy(2), table.carriedBy(1)]).toEqual([2, [A], []]);
});

test('when the primary goes the next one carries the route, and keeps it when the other comes back', () => {
  is(1);
  is(2);
  is(3);
  expect(is(1, { isOnline: false })).toEqual([1, 2]);
  expect(is(1)).toEqual([]);
  expect(table.primaryOf(A)).toBe(2);
});

test('one that does not answer any more gives way to one that does', () => {
  is(1);
  is(2);
  expect(is(1, { isHealthy: false })).toEqual([1, 2]);
  // While all are ill the one there is keeps it: moving would help nobody.
  expect(is(2, { isHealthy: false })).toEqual([]);
  expect(table.primaryOf(A)).toBe(2);
  expect(is(1)).toEqual([1, 2]);
});

test('an ill one is better than one that is gone', () => {
  is(1);
  is(2, { isHealthy: false });
  expect(is(1, { isOnline: false })).toEqual([1, 2]);
});

test('nobody online: the last one keeps its routes', () => {
  is(1);
  expect(is(1, { isOnline: false })).toEqual([]);
  expect(table.primaryOf(A)).toBe(1);
  expect(is(2)).toEqual([1, 2]);
});

test('routes that are not served any more are taken at once', () => {
  is(1, { routes: [A, B] });
  is(2);
  expect(is(1, { routes: [B] })).toEqual([1, 2]);
  expect([...table.forget(1)]).toEqual([1]);
  expect([table.primaryOf(A), table.primaryOf(B)]).toEqual([2, undefined]);
});

test('exit routes have no primary', () => {
  expect(is(1, { routes: [EXIT] })).toEqual([]);
  expect(table.carriedBy(1)).toEqual([]);
});

test('rivals are those online that serve the same route', () => {
  is(1);
  expect([...table.rivals()]).toEqual([]);
  is(2, { routes: [A, B] });
  is(3, { routes: [B], isOnline: false });
  expect([...table.rivals()].sort()).toEqual([1, 2]);
});

test('lists keep their identity, exactly one node carries each route, and who changed is told', () => {
  const step = fc.record({
    node: fc.integer({ min: 1, max: 4 }),
    routes: fc.subarray([A, B, EXIT]),
    isOnline: fc.boolean(),
    isHealthy: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const routes = new PrimaryRoutes();
      const servers = new Map<NodeId, RouteServer>();
      for (const { node, ...server } of steps) {
        const before = new Map([1, 2, 3, 4].map((id) => [id, routes.carriedBy(id)]));
        const primaryBefore = routes.primaryOf(A);
        const changed = routes.set(node, server);
        servers.set(node, server);
        for (const [id, carried] of before) {
          expect(changed.has(id)).toBe(
            routes.carriedBy(id) !== carried && !bothEmpty(carried, routes.carriedBy(id)),
          );
        }
        for (const route of [A, B]) {
          const serving = [...servers].filter(([, one]) => one.routes.includes(route));
          const carrying = serving.filter(([id]) => routes.carriedBy(id).includes(route));
          expect(carrying.map(([id]) => id)).toEqual(
            serving.length === 0 ? [] : [routes.primaryOf(route)],
          );
          const primary = routes.primaryOf(route);
          const works = serving
            .filter(([, one]) => one.isOnline && one.isHealthy)
            .map(([id]) => id);
          if (works.length > 0) expect(works).toContain(primary);
        }
        const kept = primaryBefore === undefined ? undefined : servers.get(primaryBefore);
        if (kept?.routes.includes(A) && kept.isOnline && kept.isHealthy) {
          expect(routes.primaryOf(A)).toBe(primaryBefore);
        }
      }
    }),
  );
});

function bothEmpty(one: readonly Prefix[], other: readonly Prefix[]): boolean {
  return one.length === 0 && other.length === 0;
}
