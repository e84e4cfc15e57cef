import { Command } from 'commander';
import { expect, test } from 'vitest';
import { peerState } from '../render/status-table.js';
import { viaOfPrefix, viaOfSite } from '../render/via.js';
import { addRouteOptions, type RouteOptions, renderRoutes, routesOf } from '../route-options.js';
import { directPeer, quietPeer } from '../testing/reports.js';
import { exitNodeRows } from './exit-node.js';

function parse(...args: readonly string[]): ReturnType<typeof routesOf> {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  addRouteOptions(command);
  return routesOf(command.parse(args, { from: 'user' }).opts<RouteOptions>());
}

test('flags of routes are those that users of Tailscale know', () => {
  expect(parse()).toBeUndefined();
  expect(parse('--accept-routes', '--advertise-exit-node=false')).toEqual({
    acceptRoutes: true,
    advertiseExitNode: false,
  });
  expect(parse('--advertise-routes=10.1.0.0/16, fd00::/64', '--exit-node', 'fra')).toEqual({
    advertiseRoutes: ['10.1.0.0/16', 'fd00::/64'],
    exitNode: 'fra',
  });
  expect(parse('--advertise-routes=', '--exit-node=')).toEqual({
    advertiseRoutes: [],
    exitNode: '',
  });
  expect(() => parse('--advertise-routes=10.1.0.1/16')).toThrow('10.1.0.0/16 is meant');
  expect(() => parse('--accept-routes=maybe')).toThrow('true or false');
});

test('status names an exit node as Tailscale does', () => {
  expect(peerState({ ...quietPeer, exitNodeOption: true }, 0)).toBe('idle; offers exit node');
  expect(peerState({ ...directPeer, exitNodeOption: true, exitNode: true }, 0)).toContain(
    `active; exit node; direct ${directPeer.endpoint}`,
  );
});

test('the list has who offers, and who is used', () => {
  const peers = [quietPeer, { ...quietPeer, exitNodeOption: true, exitNode: true, online: false }];
  expect(exitNodeRows(peers)).toEqual([
    { name: quietPeer.name, address: quietPeer.addresses[0], online: false, selected: true },
  ]);
});

test('settings say what is announced and used', () => {
  const routes = {
    ...{ advertiseRoutes: ['10.1.0.0/16'], advertiseExitNode: false, acceptRoutes: true },
    ...{ exitNode: 'n3', exitNodeAllowLanAccess: false, snatSubnetRoutes: true },
  };
  expect(renderRoutes(routes)).toEqual([
    'announced routes: 10.1.0.0/16',
    'offers to be an exit node: no',
    'routes of others are used: yes',
    'exit node: n3, networks here shut out',
  ]);
});

test('4via6 is written both ways', () => {
  const prefix = 'fd7a:115c:a1e0:b1a:0:7:a01:100/120';
  const via = { site: 7, network: '10.1.1.0/24', prefix };
  expect(viaOfSite('7', '10.1.1.0/24')).toEqual(via);
  expect(viaOfSite('0x7', '10.1.1.0/24')).toEqual(via);
  expect(viaOfPrefix(prefix)).toEqual(via);
  for (const wrong of [() => viaOfSite('65536', '10.0.0.0/8'), () => viaOfSite('7', 'fd00::/64')]) {
    expect(wrong).toThrow(expect.objectContaining({ code: 'USAGE' }));
  }
  expect(() => viaOfPrefix('fd00::/64')).toThrow('stands for no IPv4 network');
});
