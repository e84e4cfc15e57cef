import type { Prefix } from '@warren/core/ip/prefix';
import { expect, test } from 'vitest';
import { announcedMax, announcedRoutes, servedRoutes } from './served-routes.js';

const prefixes = (...texts: string[]): readonly Prefix[] => texts as Prefix[];
const nobody = (): boolean => false;

test('what a node announces is read as far as it makes sense', () => {
  const RoutableIPs = [
    '10.1.0.0/16',
    'fd00:1::/64',
    '10.1.0.0/16',
    '10.1.0.1/16',
    7,
    'x',
    '0.0.0.0/0',
  ];
  expect(announcedRoutes({ RoutableIPs })).toEqual(['10.1.0.0/16', 'fd00:1::/64', '0.0.0.0/0']);
  for (const hostInfo of [{}, { RoutableIPs: null }, { RoutableIPs: 'all' }]) {
    expect(announcedRoutes(hostInfo)).toEqual([]);
  }
  const many = Array.from(
    { length: announcedMax + 9 },
    (_, at) => `10.${at >> 8}.${at & 255}.0/24`,
  );
  expect(announcedRoutes({ RoutableIPs: many })).toHaveLength(announcedMax);
});

test('what is served is announced and approved, by hand or by the policy', () => {
  const announced = prefixes('10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16');
  const approved = prefixes('10.2.0.0/16', '10.9.0.0/16');
  expect(servedRoutes(announced, approved, nobody)).toEqual(['10.2.0.0/16']);
  const isAuto = (route: Prefix): boolean => route === '10.3.0.0/16';
  expect(servedRoutes(announced, approved, isAuto)).toEqual(['10.2.0.0/16', '10.3.0.0/16']);
});

test('the default routes of both families are approved together', () => {
  const both = prefixes('0.0.0.0/0', '::/0');
  expect(servedRoutes(both, prefixes('0.0.0.0/0'), nobody)).toEqual(both);
  expect(servedRoutes(both, prefixes('::/0'), nobody)).toEqual(both);
  expect(servedRoutes(both, [], (route) => route === '::/0')).toEqual(both);
  expect(servedRoutes(both, prefixes('10.0.0.0/8'), nobody)).toEqual([]);
  expect(servedRoutes(prefixes('::/0'), prefixes('0.0.0.0/0'), nobody)).toEqual(['::/0']);
});
