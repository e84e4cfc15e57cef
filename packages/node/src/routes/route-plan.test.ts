import type { Prefix } from '@warren/core/ip/prefix';
import { expect, test } from 'vitest';
import { tableText } from './nft-table.js';
import {
  routeNumbers,
  routeRuleLines,
  showsAll,
  tableRoutes,
  type UsedRoutes,
} from './route-plan.js';

const p = (text: string): Prefix => text as Prefix;
const nothing: UsedRoutes = { subnets: [], kept: [], exit: undefined };

test('subnets go into the tunnel, what is kept goes on to the main table, each family by itself', () => {
  const used = {
    ...nothing,
    subnets: [p('10.1.0.0/16')],
    kept: [p('10.1.2.0/24'), p('fd00::/64')],
  };
  expect(tableRoutes(used, 'warren0', 4)).toEqual(['throw 10.1.2.0/24', '10.1.0.0/16 dev warren0']);
  expect(tableRoutes(used, 'warren0', 6)).toEqual([]);
});

test('an exit node without IPv6 blocks it, but for the link', () => {
  const used = { ...nothing, exit: { v4: true, v6: false } };
  expect(tableRoutes(used, 'warren0', 4)).toEqual([
    'unreachable default metric 65535',
    'default dev warren0',
  ]);
  expect(tableRoutes(used, 'warren0', 6)).toEqual([
    'unreachable default metric 65535',
    'throw fe80::/10',
  ]);
});

test('devices of one machine have numbers of their own', () => {
  const all = ['warren0', 'warren7'].map(routeNumbers);
  expect(all).toEqual([
    { table: 4180, marked: 5113, stopped: 5114, routes: 5116 },
    { table: 4187, marked: 5183, stopped: 5184, routes: 5186 },
  ]);
  expect(routeRuleLines(routeNumbers('warren0'), 41641)).toEqual([
    'rule add pref 5113 fwmark 0x570000/0xff0000 lookup main',
    'rule add pref 5113 ipproto udp sport 41641 lookup main',
    'rule add pref 5114 fwmark 0x570000/0xff0000 unreachable',
    'rule add pref 5116 lookup 4180',
  ]);
});

test('routes that somebody took away are missed', () => {
  const wanted = [
    'unreachable default metric 65535',
    'default dev warren0',
    '10.9.0.1/32 dev warren0',
  ];
  const shown =
    'default dev warren0 scope link \n10.9.0.1 dev warren0 scope link\nunreachable default metric 65535';
  expect(showsAll(shown, wanted, 'warren0')).toBe(true);
  expect(showsAll(shown.replace('default dev', 'x'), wanted, 'warren0')).toBe(false);
  expect(showsAll('', wanted, 'warren0')).toBe(false);
  expect(showsAll('', [], 'warren0')).toBe(true);
});

test('the table of nftables has what is wished for, and replaces whatever stood', () => {
  const no = { forwards: false, masquerades: false, marks: false, udpPort: undefined };
  expect(tableText('warren0', no)).toBe('table inet warren-0\ndelete table inet warren-0\n');
  const router = tableText('warren0', { ...no, forwards: true, masquerades: true });
  expect(router).toContain('masquerade');
  expect(tableText('warren0', { ...no, forwards: true })).not.toContain('masquerade');
  expect(tableText('warren3', { ...no, marks: true, udpPort: 5 })).toMatch(
    /table inet warren-3 \{[\s\S]*udp dport 5 /,
  );
});
