import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { SeededRandom } from '../../base/seeded-random.js';
import { nobleCrypto } from '../../crypto/noble.js';
import { ALL_PORTS } from '../../engines/filter-rule.js';
import type { Prefix } from '../../ip/prefix.js';
import type { Policy } from '../../policy/policy.js';
import type { Policies } from './rights.js';
import { MapSessions } from './sessions.js';
import { withNode, withoutNode } from './state.js';
import { baseDomain } from './test-network.js';
import { policyOf, selector } from './test-policy.js';
import { relayMap, Stage } from './test-stage.js';
import { renameUser } from './users.js';

let stage: Stage;

/** ann's machines 1 and 2, bob's 3, a web server 4, all on stream as sessions of their numbers, quiet. */
beforeEach(() => {
  stage = new Stage();
  stage.network.join(1);
  stage.network.join(2);
  stage.network.join(3, { loginName: 'bob@net.example', displayName: 'Bob' });
  stage.network.join(4, { tags: ['tag:web'] });
  stage.publish();
  for (const machine of [1, 2, 3, 4]) stage.open(machine, machine);
  stage.pass(1000);
});

function set(policies: Policies): void {
  stage.handle({ type: 'policies', policies });
  stage.pass(1000);
}

const peers = (session: number): readonly number[] => [
  ...stage.netmap(session, session).peers.keys(),
];
const said = (session: number): number => stage.messages(session).length;

test('without a policy everybody sees everybody and may talk', () => {
  expect(peers(1)).toEqual([2, 3, 4]);
  expect(stage.netmap(1, 1).packetFilter).toEqual([
    {
      protocols: [6, 17, 1, 58],
      sources: ['100.64.0.0/10', 'fd7a:115c:a1e0::/48'],
      targets: ['0.0.0.0/0', '::/0'].map((prefix) => ({ prefix, ports: ALL_PORTS })),
    },
  ]);
});

test('a policy takes away who may not talk, and gives back who may, as deltas with nothing else', () => {
  const before = [said(1), said(3), said(4)];
  set(policyOf(['group:dev > tag:web 22']));
  const last = (session: number, count = 1): readonly object[] =>
    stage.messages(session).slice(-count);
  expect([said(1), said(3), said(4)]).toEqual(before.map((count) => count + 1));
  expect(last(1)).toEqual([{ PeersRemoved: [2, 3], PacketFilters: { base: [] } }]);
  expect(last(3)).toEqual([{ PeersRemoved: [1, 2, 4], PacketFilters: { base: [] } }]);
  const own = stage.network.node(4).addresses;
  expect(last(4)).toEqual([
    {
      PeersRemoved: [3],
      PacketFilters: {
        base: [
          {
            SrcIPs: ['100.64.0.1-100.64.0.2', 'fd7a:115c:a1e0::1-fd7a:115c:a1e0::2'],
            DstPorts: [own.v4, own.v6].map((IP) => ({ IP, Ports: { First: 22, Last: 22 } })),
          },
        ],
      },
    },
  ]);
  set(new Map());
  expect(last(3)).toMatchObject([
    { PeersChanged: [{ ID: 1 }, { ID: 2 }, { ID: 4 }], PacketFilters: { base: [{}] } },
  ]);
  expect(peers(3)).toEqual([1, 2, 4]);
});

test('another policy that means the same tells nobody anything', () => {
  set(policyOf(['group:dev > tag:web 22']));
  const before = [1, 2, 3, 4].map(said);
  set(policyOf(['ann@net.example > tag:web 22']));
  expect([1, 2, 3, 4].map(said)).toEqual(before);
});

test('what changes about a node is heard by those who may see it, and by nobody else', () => {
  set(policyOf(['group:dev > tag:web 22']));
  const before = [1, 2, 3, 4].map(said);
  stage.update(4, { Endpoints: ['192.0.2.4:7'] });
  stage.update(3, { Endpoints: ['192.0.2.3:7'] });
  stage.pass(1000);
  expect([1, 2, 3, 4].map(said)).toEqual([
    (before[0] ?? 0) + 1,
    (before[1] ?? 0) + 1,
    ...before.slice(2),
  ]);
  expect(stage.messages(1).at(-1)).toMatchObject({
    PeersChangedPatch: [{ NodeID: 4, Endpoints: ['192.0.2.4:7'] }],
  });
});

test('who is not seen is not named anywhere, and neither is its user', () => {
  set(policyOf(['group:dev > tag:web 22']));
  stage.open(10, 1);
  const [first = {}] = stage.messages(10);
  expect(JSON.stringify(first)).not.toMatch(/bob|host-3|100\.64\.0\.3/i);
  expect(first).toMatchObject({
    Peers: [{ ID: 4 }],
    UserProfiles: [{ LoginName: 'ann@net.example' }, { LoginName: 'tagged-devices' }],
  });
});

test('a node that gets a tag changes sides, with profile and filter', () => {
  set(policyOf(['tag:web > bob@ 80']));
  expect([1, 2, 3, 4].map(peers)).toEqual([[], [], [4], [3]]);
  const node = stage.network.node(2);
  stage.network.state = withNode(stage.network.state, { ...node, tags: ['tag:web'], userId: 0 });
  stage.publish();
  stage.pass(100);
  expect([1, 2, 3, 4].map(peers)).toEqual([[], [3], [2, 4], [3]]);
  expect(stage.messages(2).at(-1)).toMatchObject({
    UserProfiles: [{ DisplayName: 'Bob' }, { LoginName: 'tagged-devices' }],
  });
  expect(stage.netmap(3, 3).packetFilter).toMatchObject([
    {
      sources: ['100.64.0.2/32', '100.64.0.4/32', 'fd7a:115c:a1e0::2/128', 'fd7a:115c:a1e0::4/128'],
    },
  ]);
});

test('own machines see each other, and nobody of another user', () => {
  set(policyOf(['autogroup:member > autogroup:self *']));
  expect([1, 2, 3, 4].map(peers)).toEqual([[2], [1], [], []]);
  stage.network.join(5, { loginName: 'bob@net.example', displayName: 'Bob' });
  stage.publish();
  stage.open(5, 5);
  stage.pass(100);
  expect([3, 5].map(peers)).toEqual([[5], [3]]);
  expect(stage.netmap(3, 3).packetFilter).toMatchObject([{ sources: { length: 4 } }]);
});

test('a user of another name is in other groups from then on', () => {
  set(policyOf(['group:dev > tag:web 22']));
  const ann = stage.network.node(1).userId;
  const renamed = renameUser(stage.network.state, ann, 'anna@net.example', 'Anna');
  if (typeof renamed === 'string') throw new Error(renamed);
  stage.network.state = renamed.state;
  stage.publish();
  stage.pass(100);
  expect([1, 4].map(peers)).toEqual([[], []]);
  expect(stage.messages(1).at(-1)).toMatchObject({
    PeersRemoved: [4],
    UserProfiles: [{ LoginName: 'anna@net.example' }],
  });
});

test('a policy is there from the start, and not for nodes whose key expired', () => {
  const policies = policyOf(['* > * 80']);
  const settings = { baseDomain, relayMap, policies, crypto: nobleCrypto };
  stage.sessions = new MapSessions(stage.network.state, settings, new SeededRandom(1));
  stage.open(9, 1);
  expect(stage.messages(9)[0]).toMatchObject({
    PacketFilters: { base: [{ DstPorts: [{ IP: '*', Ports: { First: 80, Last: 80 } }] }] },
  });
  stage.network.state = withNode(stage.network.state, {
    ...stage.network.node(1),
    keyExpiry: stage.wall,
  });
  stage.publish();
  stage.pass(1000);
  expect(stage.netmap(9, 1).packetFilter).toEqual([]);
  expect(stage.netmap(9, 1).peers.size).toBe(0);
});

test('attributes and SSH rules come with the policy, and go with it', () => {
  set(
    policyOf(['* > * 22'], {
      nodeAttributes: [{ targets: [selector('tag:web')], names: ['drive:share'] }],
      randomizeClientPort: true,
      ssh: [
        {
          ...{ line: 1, action: 'accept', users: ['root'], acceptEnv: [], checkPeriod: 'always' },
          sources: [selector('bob@')],
          targets: [selector('tag:web')],
        },
      ],
    }),
  );
  expect(stage.messages(4).at(-1)).toMatchObject({
    Node: {
      CapMap: {
        'drive:share': [],
        'https://tailscale.com/cap/file-sharing': [],
        'https://tailscale.com/cap/ssh': [],
        'randomize-client-port': [],
      },
    },
    SSHPolicy: {
      rules: [
        {
          principals: [{ nodeIP: '100.64.0.3' }, { nodeIP: 'fd7a:115c:a1e0::3' }],
          sshUsers: { root: 'root' },
          action: { accept: true },
        },
      ],
    },
  });
  expect(stage.messages(1).at(-1)).toMatchObject({ SSHPolicy: { rules: [] } });
  set(new Map());
  expect(stage.messages(4).at(-1)).toMatchObject({
    Node: { CapMap: { 'https://tailscale.com/cap/file-sharing': [] } },
    SSHPolicy: { rules: [] },
  });
  const before = said(4);
  set(policyOf(['* > * *']));
  expect(said(4)).toBe(before);
});

const RULES = [
  ...['* > * *', 'group:dev > tag:web 22', 'tag:web > bob@ 80', 'tag:db > autogroup:member *'],
  ...['autogroup:member > autogroup:self *', '100.64.0.3 > 100.64.0.1 443', 'bob@ > tag:db 1'],
  ...['autogroup:member > 10.7.0.0/16 80', '10.8.0.0/16 > tag:web 80', 'group:dev > tag:db *'],
  ...['bob@ > autogroup:internet *', '10.7.0.0/16 > 10.8.0.0/16 *', '* > bob@ 443'],
];
const ROUTES = ['10.7.0.0/16', '10.8.1.0/24', '0.0.0.0/0', '::/0'] as Prefix[];
const ATTRIBUTES = ['dns-subdomain-resolve', 'suggest-exit-node', 'drive:share'];
const MACHINES = [1, 2, 3, 4, 5, 6];

const step = fc.oneof(
  fc.record({
    kind: fc.constant('policy' as const),
    rules: fc.option(fc.subarray(RULES, { maxLength: 4 })),
    attributes: fc.subarray(ATTRIBUTES),
  }),
  fc.record({
    kind: fc.constant('routes' as const),
    machine: fc.constantFrom(...MACHINES),
    routes: fc.subarray(ROUTES),
  }),
  fc.record({
    kind: fc.constant('owner' as const),
    machine: fc.constantFrom(...MACHINES),
    owner: fc.nat(4),
  }),
  fc.record({
    kind: fc.constant('expiry' as const),
    machine: fc.constantFrom(...MACHINES),
    inMs: fc.constantFrom(-1, 30, 400),
  }),
  fc.record({
    kind: fc.constant('update' as const),
    machine: fc.constantFrom(...MACHINES),
    port: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    kind: fc.constant('name' as const),
    machine: fc.constantFrom(...MACHINES),
    name: fc.constantFrom('a', 'b'),
  }),
  fc.record({ kind: fc.constant('delete' as const), machine: fc.constantFrom(5, 6) }),
  fc.record({ kind: fc.constant('stuck' as const), machine: fc.constantFrom(...MACHINES) }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(10, 60, 500) }),
);

const attributes = (names: readonly string[]): Partial<Policy> => ({
  nodeAttributes: names.length === 0 ? [] : [{ targets: [selector('autogroup:tagged')], names }],
});

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

class Play {
  readonly stage = new Stage();
  readonly deleted = new Set<number>();

  constructor() {
    for (const machine of MACHINES) this.stage.network.join(machine);
    this.stage.network.join(7, { loginName: 'bob@net.example', displayName: 'Bob' });
    this.stage.publish();
    for (const machine of MACHINES) this.stage.open(machine, machine);
  }

  unstick(session: number): void {
    if (this.stage.stuck.delete(session)) this.stage.handle({ type: 'drained', session });
  }

  take(one: Step): void {
    const { network } = this.stage;
    if ('machine' in one && this.deleted.has(one.machine)) return;
    switch (one.kind) {
      case 'policy':
        this.stage.handle({
          type: 'policies',
          policies:
            one.rules === null ? new Map() : policyOf(one.rules, attributes(one.attributes)),
        });
        return;
      case 'routes': {
        const node = network.node(one.machine);
        const hostInfo = { ...node.hostInfo, RoutableIPs: one.routes };
        const routed = { ...node, hostInfo, approvedRoutes: one.routes };
        network.state = withNode(network.state, routed);
        break;
      }
      case 'owner': {
        const tags = [[], [], ['tag:web'], ['tag:db'], ['tag:db', 'tag:web']][one.owner] ?? [];
        const userId = tags.length > 0 ? 0 : one.owner + 1;
        network.state = withNode(network.state, { ...network.node(one.machine), tags, userId });
        break;
      }
      case 'expiry': {
        const keyExpiry = one.inMs < 0 ? undefined : ((this.stage.wall + one.inMs) as never);
        network.state = withNode(network.state, { ...network.node(one.machine), keyExpiry });
        break;
      }
      case 'update':
        this.stage.update(one.machine, { Endpoints: [`192.0.2.1:${one.port}`] });
        return;
      case 'name':
        this.stage.update(one.machine, { Hostinfo: { Hostname: one.name } });
        return;
      case 'delete':
        this.deleted.add(one.machine);
        network.state = withoutNode(network.state, network.node(one.machine).id);
        break;
      case 'stuck':
        if (this.stage.stuck.has(one.machine)) this.unstick(one.machine);
        else this.stage.stuck.add(one.machine);
        return;
      case 'pass':
        this.stage.pass(one.ms);
        return;
    }
    this.stage.publish();
  }
}

test('whatever policies, owners, keys and machines do, every client ends with what a new one is told', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 30 }), (steps) => {
      const play = new Play();
      for (const one of steps) play.take(one);
      for (const machine of MACHINES) play.unstick(machine);
      play.stage.pass(1000);
      for (const machine of MACHINES) {
        if (play.deleted.has(machine)) continue;
        play.stage.open(100 + machine, machine);
        const fresh = play.stage.netmap(100 + machine, machine);
        const own = play.stage.netmap(machine, machine);
        // Clients never forget a user.
        expect({ ...own, users: null }).toEqual({ ...fresh, users: null });
        for (const [id, user] of fresh.users) expect(own.users.get(id)).toEqual(user);
      }
    }),
    { numRuns: 60 },
  );
}, 60_000);
