/** Which routes, and which attributes of peers, each client is told under a policy, and when that changes. */
import { beforeEach, expect, test } from 'vitest';
import type { Prefix } from '../../ip/prefix.js';
import { withNode } from './state.js';
import { policyOf, rule, selector } from './test-policy.js';
import { Stage } from './test-stage.js';

const LAN = '10.7.0.0/16' as Prefix;
const PRINTERS = '10.8.0.0/16' as Prefix;
const EXIT = ['0.0.0.0/0', '::/0'] as Prefix[];
const BOB = { loginName: 'bob@net.example', displayName: 'Bob' };
/** Everybody sees the router, whatever else a policy says. */
const PING = '* > tag:web 1';

let stage: Stage;

/** ann's machines 1 and 2, bob's 3, a tagged router 4 that leads to two networks and out; all on stream, quiet. */
beforeEach(() => {
  stage = new Stage();
  stage.network.join(1);
  stage.network.join(2);
  stage.network.join(3, BOB);
  stage.network.join(4, { tags: ['tag:web'] });
  serve(LAN, PRINTERS, ...EXIT);
  for (const machine of [1, 2, 3, 4]) stage.open(machine, machine);
  stage.pass(1000);
});

function serve(...routes: readonly Prefix[]): void {
  const node = stage.network.node(4);
  const hostInfo = { ...node.hostInfo, RoutableIPs: routes };
  stage.network.state = withNode(stage.network.state, {
    ...node,
    hostInfo,
    approvedRoutes: routes,
  });
  stage.publish();
  stage.pass(100);
}

function set(...rules: readonly string[]): void {
  stage.handle({ type: 'policies', policies: policyOf(rules) });
  stage.pass(100);
}

/** What a client believes that the router leads to. */
function routes(machine: number): readonly string[] {
  const router = stage.netmap(machine, machine).peers.get(4);
  if (router === undefined) return ['not seen'];
  const own: readonly string[] = router.addresses;
  const lan = router.allowedIps.filter((route) => !own.includes(route));
  return [...new Set([...lan, ...(router.exitRoutes ?? [])])];
}

const said = (session: number): number => stage.messages(session).length;
const last = (session: number): object | undefined => stage.messages(session).at(-1);

test('without a policy, and with `*`, everybody is told everything', () => {
  expect(routes(1)).toEqual([LAN, PRINTERS, ...EXIT]);
  const before = said(1);
  set('* > * *');
  expect([routes(1), routes(3)]).toEqual([
    [LAN, PRINTERS, ...EXIT],
    [LAN, PRINTERS, ...EXIT],
  ]);
  expect(said(1)).toBe(before);
});

test('a policy takes routes away from who may not use them, in one message, and gives them back', () => {
  set('* > * *');
  const before = said(3);
  set('autogroup:member > tag:web 22', 'ann@net.example > 10.7.1.0/24 80');
  expect([routes(1), routes(3)]).toEqual([[LAN], []]);
  expect(said(3)).toBe(before + 1);
  expect(last(1)).toMatchObject({ PeersChanged: [{ ID: 4, PrimaryRoutes: [LAN] }] });
  expect(JSON.stringify(last(3))).not.toMatch(/10\.[78]\.|PrimaryRoutes|RoutableIPs|0\.0\.0\.0/);
  set('autogroup:member > tag:web 22', 'autogroup:member > autogroup:internet *');
  expect([routes(1), routes(3)]).toEqual([EXIT, EXIT]);
  set('* > * *');
  expect([routes(1), routes(3)]).toEqual([
    [LAN, PRINTERS, ...EXIT],
    [LAN, PRINTERS, ...EXIT],
  ]);
});

test('who comes later, or comes back, is told the same', () => {
  set('autogroup:member > tag:web 22', 'ann@net.example > 10.7.1.0/24 80');
  stage.open(11, 1);
  stage.open(13, 3);
  const peers = [11, 13].map((session) => stage.netmap(session, session - 10).peers.get(4));
  expect(peers[0]).toEqual(stage.netmap(1, 1).peers.get(4));
  expect(peers[1]).toEqual(stage.netmap(3, 3).peers.get(4));
});

test('a network whose machines may begin is told to those whom they reach', () => {
  set('autogroup:member > tag:web 22', '10.8.0.0/16 > bob@ 443');
  expect([routes(1), routes(3)]).toEqual([[], [PRINTERS]]);
  // `*` are the networks behind machines too, but nobody on the internet.
  set('autogroup:member > tag:web 22', '* > bob@ 443');
  expect([routes(1), routes(3)]).toEqual([[], [LAN, PRINTERS]]);
});

test('of a route that comes and goes they hear who may use it, and nobody else', () => {
  set('autogroup:member > tag:web 22', 'ann@net.example > 10.7.1.0/24 80');
  const before = [said(1), said(3)];
  serve(PRINTERS);
  expect([routes(1), routes(3)]).toEqual([[], []]);
  expect([said(1), said(3)]).toEqual([(before[0] ?? 0) + 1, before[1]]);
  serve(LAN);
  expect([routes(1), routes(3)]).toEqual([[LAN], []]);
  expect([said(1), said(3)]).toEqual([(before[0] ?? 0) + 2, before[1]]);
});

test('a machine that becomes somebody else’s has to do with other routes', () => {
  set('autogroup:member > tag:web 22', 'bob@ > 10.8.0.0/16 *');
  expect(routes(2)).toEqual([]);
  const bob = stage.network.node(3).userId;
  stage.network.state = withNode(stage.network.state, { ...stage.network.node(2), userId: bob });
  stage.publish();
  stage.pass(100);
  expect([routes(1), routes(2), routes(3)]).toEqual([[], [PRINTERS], [PRINTERS]]);
});

test('a rule for the router itself, or of capabilities alone, is none for what is behind it', () => {
  set(PING, 'ann@net.example > 100.64.0.4 *', 'autogroup:member > autogroup:self *');
  expect([routes(1), routes(3)]).toEqual([[], []]);
  const rules = [rule(PING), { ...rule('bob@ > 10.7.0.0/16 *'), allows: [] }];
  stage.handle({ type: 'policies', policies: policyOf([], { rules }) });
  stage.pass(100);
  expect([routes(1), routes(3)]).toEqual([[], []]);
  set(PING, 'bob@ > 0.0.0.0/0 *');
  expect([routes(1), routes(3)]).toEqual([[], [LAN, PRINTERS, ...EXIT]]);
});

const attributes = (names: readonly string[]): void => {
  const nodeAttributes = [{ targets: [selector('tag:web'), selector('bob@')], names }];
  stage.handle({ type: 'policies', policies: policyOf(['* > * *'], { nodeAttributes }) });
  stage.pass(100);
};
const peerCapabilities = (machine: number, peer: number): readonly string[] =>
  stage.netmap(machine, machine).peers.get(peer)?.capabilities ?? [];

test('of its attributes peers know two, when the policy changes and when the node does', () => {
  attributes(['dns-subdomain-resolve', 'suggest-exit-node', 'drive:share']);
  expect(peerCapabilities(1, 4)).toEqual(['dns-subdomain-resolve', 'suggest-exit-node']);
  // One that is no exit node is not to be proposed as one.
  expect(peerCapabilities(1, 3)).toEqual(['dns-subdomain-resolve']);
  expect(peerCapabilities(1, 2)).toEqual([]);
  expect(last(1)).toMatchObject({ PeersChanged: [{ ID: 3 }, { ID: 4 }] });
  const before = said(1);
  attributes(['suggest-exit-node', 'dns-subdomain-resolve']);
  expect(said(1)).toBe(before);
  serve(LAN);
  expect(peerCapabilities(1, 4)).toEqual(['dns-subdomain-resolve']);
  attributes(['drive:share']);
  expect([peerCapabilities(1, 3), peerCapabilities(1, 4)]).toEqual([[], []]);
  expect(last(1)).toMatchObject({ PeersChanged: [{ ID: 3 }, { ID: 4 }] });
});
