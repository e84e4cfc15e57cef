import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { Counters } from '../../base/counters.js';
import { isFailure } from '../../base/failure.js';
import { asArray, asObject } from '../../base/json.js';
import { SeededRandom } from '../../base/seeded-random.js';
import { applyMapResponse } from '../../netmap/apply.js';
import { decodeMapResponse } from '../../netmap/decode.js';
import { decodeMapTags, type MapTags } from '../../netmap/map-tags.js';
import type { Netmap } from '../../netmap/types.js';
import { HeldMap } from '../held-map.js';
import { KEEP_ALIVE_JSON } from '../map-framing.js';
import { expireNode, renameNode } from './node-changes.js';
import { offlineGraceMs, returnGraceMs } from './presence.js';
import { MapSessions } from './sessions.js';
import { withNode, withoutNode } from './state.js';
import { baseDomain, nodeKey } from './test-network.js';
import { Stage, settings } from './test-stage.js';

/** A client that follows its streams and, as ours does, gives back the tags of what it was told. */
class Resumer {
  readonly #held = new HeldMap();
  readonly #stage: Stage;
  readonly #machine: number;
  #session = 0;
  #read = 0;
  #netmap: Netmap | undefined;
  /** Of the first message on its stream. */
  wasResumed = false;

  constructor(stage: Stage, machine: number) {
    this.#stage = stage;
    this.#machine = machine;
  }

  get tags(): MapTags | undefined {
    return decodeMapTags(this.#held.encode());
  }

  get messages(): object[] {
    return this.#stage.messages(this.#session);
  }

  open(session: number): void {
    this.#session = session;
    this.#read = 0;
    const held = this.tags;
    const key = nodeKey(this.#machine);
    this.#stage.handle({ type: 'open', session, nodeKey: key, compression: '', held });
    this.netmap();
  }

  netmap(): Netmap {
    for (const message of this.messages.slice(this.#read)) {
      const response = decodeMapResponse(message, new Counters());
      if (isFailure(response)) throw new Error(response.reason);
      if (this.#read++ === 0) this.wasResumed = response.resumed;
      const isFull = this.#read === 1 && !response.resumed;
      const next = applyMapResponse(isFull ? undefined : this.#netmap, response, {
        selfKey: nodeKey(this.#machine),
        acceptRoutes: false,
        serverTime: undefined,
        counters: new Counters(),
      });
      if (isFailure(next)) throw new Error(next.reason);
      this.#held.take(response, isFull);
      this.#netmap = next;
    }
    if (this.#netmap === undefined) throw new Error('no message came');
    return this.#netmap;
  }
}

let stage: Stage;
let resumer: Resumer;

function restart(): void {
  stage.sessions = new MapSessions(stage.network.state, settings, new SeededRandom(2));
  stage.handle({ type: 'timeout' });
}

function begin(): void {
  stage = new Stage();
  resumer = new Resumer(stage, 1);
  for (let machine = 1; machine <= 6; machine++) {
    stage.network.join(machine, machine % 2 === 0 ? { loginName: 'bob@net.example' } : {});
    stage.update(machine, { Endpoints: [`192.0.2.${machine}:41641`] });
  }
  resumer.open(1);
  for (let machine = 2; machine <= 6; machine++) stage.open(machine, machine);
  stage.pass(1000);
  resumer.netmap();
}

beforeEach(begin);

test('nothing changed: the first message says nothing but that', () => {
  stage.handle({ type: 'closed', session: 1 });
  resumer.open(11);
  expect(resumer.messages).toEqual([
    { WarrenResumed: true, WarrenTags: {}, ControlTime: expect.any(String) },
  ]);
  expect(stage.sessions.counters.get('map-resumed')).toBe(1);
});

test('across a restart of the server, peers that come back within a minute never seemed away', () => {
  restart();
  resumer.open(11);
  expect(resumer.wasResumed).toBe(true);
  expect(asObject(resumer.messages[0])).not.toHaveProperty('PeersChanged');
  for (let machine = 2; machine <= 5; machine++) stage.open(20 + machine, machine);
  stage.pass(returnGraceMs - 1);
  expect(resumer.messages.slice(1).filter((message) => !('KeepAlive' in message))).toEqual([]);
  stage.pass(200);
  // The sixth did not.
  expect(resumer.netmap().peers.get(6)?.online).toBe(false);
  expect(resumer.netmap().peers.get(5)?.online).toBe(true);
  expect(stage.others).toContainEqual({ type: 'offline', node: 6, lastSeen: expect.any(Number) });
});

test('a node whose record says that it is away is said to be there when it comes', () => {
  stage.handle({ type: 'closed', session: 2 });
  stage.pass(offlineGraceMs + 1000);
  const node = stage.network.node(2);
  stage.network.state = withNode(stage.network.state, { ...node, lastSeen: stage.wall });
  stage.publish();
  stage.others.length = 0;
  stage.open(22, 2);
  expect(stage.others).toEqual([{ type: 'online', node: node.id }]);
});

test('a client that holds nothing, or forged tags, gets what is so', () => {
  const key = nodeKey(1);
  const open = (session: number, held: unknown): object | undefined => {
    const tags = decodeMapTags(held);
    stage.handle({ type: 'open', session, nodeKey: key, compression: '', held: tags });
    return stage.messages(session)[0];
  };
  expect(open(31, {})).toHaveProperty('Peers');
  expect(open(32, { Head: { Node: '' } })).toHaveProperty('Peers');
  const forged = open(33, { Head: { Node: 'AAAA' }, Peers: { 2: 'BBBB', 99: 'CC', x: 7 } });
  expect(forged).toMatchObject({ WarrenResumed: true, Node: { ID: 1 }, PeersRemoved: [99] });
  expect(forged).toHaveProperty('PeersChanged.length', 5);
  expect(forged).toHaveProperty('PacketFilters');
  // One that doesn't know of tags hears of none.
  stage.open(34, 1);
  expect(stage.messages(34)[0]).not.toHaveProperty('WarrenTags');
});

test('resuming gives what a full map gives, whatever happened meanwhile', () => {
  const action = fc.record({
    kind: fc.constantFrom('port', 'host', 'rename', 'expire', 'delete', 'join', 'leave', 'come'),
    machine: fc.integer({ min: 2, max: 6 }),
    number: fc.integer({ min: 1, max: 60_000 }),
  });
  const act = ({
    kind,
    machine,
    number,
  }: typeof action extends fc.Arbitrary<infer T> ? T : never) => {
    const { network } = stage;
    const id = network.state.nodeIdByKey.get(nodeKey(machine));
    if (id === undefined && kind !== 'join') return;
    switch (kind) {
      case 'port':
        stage.update(machine, { Endpoints: [`192.0.2.1:${number}`] });
        break;
      case 'host':
        stage.update(machine, { Hostinfo: { Hostname: `n-${number}`, OS: 'linux' } });
        break;
      case 'rename': {
        const renamed = renameNode(network.state, id ?? 0, `name-${number}`, baseDomain);
        if (typeof renamed !== 'string') network.state = renamed.state;
        break;
      }
      case 'expire': {
        const expired = expireNode(
          network.state,
          id ?? 0,
          number % 2 === 0 ? stage.wall : undefined,
        );
        if (typeof expired !== 'string') network.state = expired.state;
        break;
      }
      case 'delete':
        network.state = withoutNode(network.state, id ?? 0);
        break;
      case 'join':
        if (id === undefined) network.join(machine);
        break;
      case 'leave':
        stage.handle({ type: 'closed', session: machine });
        break;
      case 'come':
        stage.open(100_000 + number * 10 + machine, machine);
        break;
    }
    stage.publish();
  };
  fc.assert(
    fc.property(
      fc.array(action, { maxLength: 12 }),
      fc.array(action, { maxLength: 6 }),
      fc.boolean(),
      (seen, missed, isRestart) => {
        begin();
        const used = new Set<string>();
        const fresh = (list: typeof seen): typeof seen =>
          list.filter(({ kind, machine, number }) => {
            const name = `${kind === 'come'} ${machine} ${kind === 'come' ? number : ''}`;
            if (kind !== 'come') return true;
            if (used.has(name)) return false;
            used.add(name);
            return true;
          });
        for (const one of fresh(seen)) {
          act(one);
          stage.pass(one.number % 300);
        }
        resumer.netmap();
        stage.handle({ type: 'closed', session: 1 });
        for (const one of fresh(missed)) act(one);
        stage.pass(isRestart ? 1000 : 20_000);
        if (isRestart) restart();
        resumer.open(11);
        expect(resumer.wasResumed).toBe(true);
        stage.pass(200);
        resumer.netmap();
        stage.open(12, 1);
        const full = stage.netmap(12, 1);
        const { users, ...resumed } = resumer.netmap();
        const { users: fullUsers, ...expected } = full;
        expect(resumed).toEqual(expected);
        // Clients never forget a user.
        for (const [id, user] of fullUsers) expect(users.get(id)).toEqual(user);
      },
    ),
    { numRuns: 150 },
  );
});

test('a crowd gets its maps at a bounded rate; who waits is kept alive, and gets one of its moment', () => {
  const crowd = 850;
  for (let machine = 7; machine <= crowd; machine++) stage.network.join(machine);
  stage.publish();
  stage.pass(1000);
  for (let session = 1; session <= 6; session++) stage.handle({ type: 'closed', session });
  const began = stage.now;
  for (let machine = 1; machine <= crowd; machine++) stage.open(1000 + machine, machine);
  const given = (): number => stage.sessions.counters.get('map-full') - 6;
  // 850 maps of 849 peers: a second's worth at once, the others in turn.
  expect(given()).toBeGreaterThan(100);
  expect(given()).toBeLessThan(150);
  stage.update(2, { Endpoints: ['198.51.100.9:9'] });
  stage.handle({ type: 'closed', session: 1000 + crowd - 1 });
  while (given() < crowd - 1 && stage.now < began + 20_000) stage.pass(100);
  expect(given()).toBe(crowd - 1);
  expect(stage.now - began).toBeGreaterThan(5000);
  expect(stage.now - began).toBeLessThan(9000);
  stage.pass(10_000);
  expect(given()).toBe(crowd - 1);
  const last = stage.messages(1000 + crowd);
  expect(last[0]).toEqual(JSON.parse(KEEP_ALIVE_JSON));
  expect(last.filter((one) => 'Peers' in one)).toHaveLength(1);
  const about = (peers: unknown): unknown =>
    asArray(peers).find((peer) => asObject(peer)?.['ID'] === 2);
  const whole = asObject(last.find((one) => 'Peers' in one));
  expect(about(whole?.['Peers'])).toMatchObject({ Endpoints: ['198.51.100.9:9'] });
});
