/** Routes as clients see them: approval, who carries them, and what happens when that one dies. */
import { beforeEach, expect, test } from 'vitest';
import { SeededRandom } from '../../base/seeded-random.js';
import { nobleCrypto } from '../../crypto/noble.js';
import type { Prefix } from '../../ip/prefix.js';
import { rangeOfPrefix } from '../../policy/address-set.js';
import { CompiledPolicy } from '../../policy/compiled-policy.js';
import { OPEN_POLICY } from '../../policy/policy.js';
import { approveRoutes } from './node-changes.js';
import { offlineGraceMs } from './presence.js';
import { probeEveryMs, probeTimeoutMs } from './route-probes.js';
import { MapSessions, pingPath } from './sessions.js';
import { baseDomain, machineKey } from './test-network.js';
import { relayMap, Stage } from './test-stage.js';

const LAN = '10.7.0.0/16' as Prefix;
const EXIT = ['0.0.0.0/0', '::/0'] as Prefix[];
const serverUrl = 'https://hub.example';

let stage: Stage;

/** Machine 1 looks on; 2 and 3 are routers. All on stream as sessions of their numbers, quiet. */
beforeEach(() => {
  stage = new Stage();
  const settings = { baseDomain, relayMap, serverUrl, crypto: nobleCrypto };
  stage.sessions = new MapSessions(stage.network.state, settings, new SeededRandom(1));
  for (const machine of [1, 2, 3]) stage.network.join(machine);
  stage.publish();
  for (const machine of [1, 2, 3]) stage.open(machine, machine);
  stage.pass(1000);
});

function announce(machine: number, ...RoutableIPs: string[]): void {
  stage.update(machine, { Hostinfo: { Hostname: `host-${machine}`, RoutableIPs } });
}

function approve(machine: number, ...routes: Prefix[]): void {
  const { id } = stage.network.node(machine);
  const result = approveRoutes(stage.network.state, id, routes);
  if (typeof result === 'string') throw new Error(result);
  stage.network.state = result.state;
  stage.publish();
}

/** What machine 1 was last told that machine leads to, its own addresses left out. */
function seen(machine: number): readonly string[] {
  const own = stage.network.node(machine);
  const peers = stage.messages(1) as {
    readonly Peers?: readonly WireRoutes[];
    readonly PeersChanged?: readonly WireRoutes[];
  }[];
  let routes: readonly string[] = [];
  for (const { Peers = [], PeersChanged = [] } of peers) {
    for (const peer of [...Peers, ...PeersChanged]) {
      if (peer.ID !== own.id) continue;
      routes = peer.AllowedIPs.filter((route) => !peer.Addresses.includes(route));
      const carried = routes.filter((route) => !EXIT.includes(route as Prefix));
      expect(peer.PrimaryRoutes ?? []).toEqual(carried);
    }
  }
  return routes;
}

interface WireRoutes {
  readonly ID: number;
  readonly Addresses: readonly string[];
  readonly AllowedIPs: readonly string[];
  readonly PrimaryRoutes?: readonly string[];
}

/** Tokens that a machine was asked for since it was looked at last. */
function asked(machine: number): readonly string[] {
  const list = stage.messages(machine) as {
    readonly PingRequest?: { readonly URL: string; readonly URLIsNoise: boolean };
  }[];
  const tokens = list.flatMap(({ PingRequest }) => {
    if (PingRequest === undefined) return [];
    expect(PingRequest.URLIsNoise).toBe(true);
    expect(PingRequest.URL.startsWith(`${serverUrl}${pingPath}`)).toBe(true);
    return [PingRequest.URL.slice(`${serverUrl}${pingPath}`.length)];
  });
  return tokens;
}

/** Time goes on; the machines of the list answer whatever they are asked at once. */
function pass(ms: number, alive: readonly number[]): void {
  const answered = new Set<string>();
  for (let passed = 0; passed < ms; passed += 50) {
    stage.pass(50);
    for (const machine of alive) {
      for (const token of asked(machine)) {
        if (answered.has(token) || !stage.sessions.isAsked(token, machineKey(machine))) continue;
        answered.add(token);
        stage.handle({ type: 'ping-answered', token });
      }
    }
  }
}

test('a route is used when it is announced and approved, and no longer', () => {
  announce(2, LAN);
  pass(100, []);
  expect(seen(2)).toEqual([]);
  approve(2, LAN);
  pass(100, []);
  expect(seen(2)).toEqual([LAN]);
  announce(2);
  pass(100, []);
  expect(seen(2)).toEqual([]);
  announce(2, LAN);
  approve(2);
  pass(100, []);
  expect(seen(2)).toEqual([]);
});

test('a router is told what it serves, and an exit node leads everywhere', () => {
  announce(2, LAN, ...EXIT);
  approve(2, LAN, ...EXIT);
  pass(100, []);
  expect(seen(2)).toEqual([LAN, ...EXIT]);
  const self = stage.messages(2).findLast((message) => 'Node' in message) as {
    readonly Node: WireRoutes;
  };
  expect(self.Node.AllowedIPs).toEqual([...self.Node.Addresses, LAN, ...EXIT]);
  const { id } = stage.network.node(2);
  expect(stage.sessions.routesOf(id)).toEqual({ served: [LAN, ...EXIT], carried: [LAN] });
});

test('the policy approves by itself, until it is another one', () => {
  announce(2, LAN, '10.8.0.0/16');
  const approval = { range: rangeOfPrefix(LAN), approvers: [{ kind: 'member' } as const] };
  const policy = { ...OPEN_POLICY, routeApprovals: [approval] };
  stage.handle({ type: 'policies', policies: new Map([['home', new CompiledPolicy(policy)]]) });
  pass(100, []);
  expect(seen(2)).toEqual([LAN]);
  stage.handle({ type: 'policies', policies: new Map() });
  pass(100, []);
  expect(seen(2)).toEqual([]);
});

function bothServe(): void {
  announce(2, LAN);
  announce(3, LAN);
  approve(2, LAN);
  approve(3, LAN);
  pass(20_000, [2, 3]);
  expect([seen(2), seen(3)]).toEqual([[LAN], []]);
}

test('of two routers one carries the route; when its stream ends the other does', () => {
  bothServe();
  stage.handle({ type: 'closed', session: 2 });
  pass(offlineGraceMs + 200, [3]);
  expect([seen(2), seen(3)]).toEqual([[], [LAN]]);
  stage.open(12, 2);
  pass(20_000, [3]);
  expect([seen(2), seen(3)]).toEqual([[], [LAN]]);
});

test('a router that died without a word loses its routes within ten seconds', () => {
  bothServe();
  const before = stage.now;
  for (; seen(2).length > 0; pass(50, [3])) expect(stage.now - before).toBeLessThan(10_000);
  expect(seen(3)).toEqual([LAN]);
  // One that answers again takes nothing back.
  pass(20_000, [2, 3]);
  expect([seen(2), seen(3)]).toEqual([[], [LAN]]);
  expect(stage.sessions.counters.get('route-server-recovered')).toBe(1);
});

test('nobody is asked while there is no choice, and another machine’s answer is none', () => {
  announce(2, LAN);
  approve(2, LAN);
  pass(60_000, []);
  expect(asked(2)).toEqual([]);
  announce(3, LAN);
  approve(3, LAN);
  stage.pass(probeEveryMs + probeTimeoutMs / 2);
  const [token = ''] = asked(2);
  expect(token).not.toBe('');
  expect(stage.sessions.isAsked(token, machineKey(3))).toBe(false);
  expect(stage.sessions.isAsked(token, machineKey(2))).toBe(true);
  expect(stage.sessions.isAsked('', machineKey(2))).toBe(false);
});
