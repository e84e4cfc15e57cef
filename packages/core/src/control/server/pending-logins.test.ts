import { expect, test } from 'vitest';
import { assert } from '../../base/assert.js';
import { after, instant } from '../../base/instant.js';
import { SeededRandom } from '../../base/seeded-random.js';
import {
  type LoginEnded,
  loginLifeMs,
  type PendingLogin,
  PendingLogins,
  pendingLoginsMax,
  pendingPerMachineMax,
  pendingPerSourceMax,
} from './pending-logins.js';
import type { RegisterRequest } from './requests.js';
import { machineKey, nodeKey, start } from './test-network.js';

const begin = instant(1000);

function request(key: number): RegisterRequest {
  return {
    version: 113,
    nodeKey: nodeKey(key),
    oldNodeKey: undefined,
    authKey: undefined,
    expiry: undefined,
    followup: '',
    host: undefined,
    ephemeral: false,
  };
}

class Desk {
  readonly logins = new PendingLogins(new SeededRandom(5));
  now = begin;

  tryOpen(machine: number, key = machine, source = `192.0.2.${machine}`): PendingLogin | undefined {
    return this.logins.open(machineKey(machine), request(key), source, this.now, start);
  }

  open(machine: number, key = machine, source?: string): PendingLogin {
    const login = this.tryOpen(machine, key, source);
    assert(login !== undefined, 'there is room');
    return login;
  }

  endings(): LoginEnded[] {
    const endings: LoginEnded[] = [];
    for (let next = this.logins.poll(); next !== undefined; next = this.logins.poll()) {
      endings.push(next);
    }
    return endings;
  }
}

test('an id has 26 characters, and no two are alike', () => {
  const desk = new Desk();
  const ids = Array.from({ length: 500 }, (_, machine) => desk.open(machine).id);
  for (const id of ids) expect(id).toMatch(/^[a-z0-9]{26}$/);
  expect(new Set(ids).size).toBe(ids.length);
});

test('a machine that repeats its request waits for the same, with another node key for another', () => {
  const desk = new Desk();
  const first = desk.open(1, 10);
  expect(desk.open(1, 10)).toBe(first);
  expect(desk.open(1, 11).id).not.toBe(first.id);
  // Another machine that claims the node key learns nothing of the first.
  expect(desk.open(2, 10).id).not.toBe(first.id);
});

test('after 15 minutes it is over, and whoever waits is woken', () => {
  const desk = new Desk();
  const { id } = desk.open(1);
  expect(desk.logins.nextTimeout()).toBe(after(begin, loginLifeMs));
  desk.now = after(begin, loginLifeMs - 1);
  expect(desk.logins.find(id, desk.now)?.id).toBe(id);
  desk.now = after(begin, loginLifeMs);
  expect(desk.logins.find(id, desk.now)).toBeUndefined();
  expect(desk.endings()).toEqual([{ id, ending: 'expired' }]);
  expect(desk.logins.nextTimeout()).toBeUndefined();
});

test('approved it is gone: an id is good once', () => {
  const desk = new Desk();
  const { id } = desk.open(1);
  desk.logins.end(id, 'approved');
  desk.logins.end(id, 'approved');
  expect(desk.logins.find(id, desk.now)).toBeUndefined();
  expect(desk.endings()).toEqual([{ id, ending: 'approved' }]);
});

test('a rejected one is remembered as such until its time is over, and hinders no new login', () => {
  const desk = new Desk();
  const { id } = desk.open(1);
  desk.logins.end(id, 'rejected');
  expect(desk.endings()).toEqual([{ id, ending: 'rejected' }]);
  expect(desk.logins.find(id, desk.now)?.isRejected).toBe(true);
  expect(desk.logins.list(desk.now)).toEqual([]);
  expect(desk.open(1).id).not.toBe(id);
  desk.now = after(begin, loginLifeMs);
  expect(desk.logins.find(id, desk.now)).toBeUndefined();
  expect(desk.endings().map(({ ending }) => ending)).toEqual(['expired']);
});

test('one source holds few; others are not hindered', () => {
  const desk = new Desk();
  for (let machine = 0; machine < pendingPerSourceMax; machine++) {
    desk.open(machine, machine, '198.51.100.1');
  }
  expect(desk.tryOpen(900, 900, '198.51.100.1')).toBeUndefined();
  expect(desk.tryOpen(900, 900, '198.51.100.2')).toBeDefined();
});

test('a machine that makes node key after node key loses its oldest login, and is slowed down', () => {
  const desk = new Desk();
  const ids = Array.from({ length: pendingPerMachineMax + 1 }, (_, key) => desk.open(1, key).id);
  expect(desk.endings()).toEqual([{ id: ids[0], ending: 'displaced' }]);
  expect(desk.logins.size).toBe(pendingPerMachineMax);
  let opened = 0;
  for (let key = 100; key < 300; key++) if (desk.tryOpen(1, key) !== undefined) opened++;
  expect(opened).toBeLessThan(64);
  desk.now = after(begin, 60_000);
  expect(desk.tryOpen(1, 400)).toBeDefined();
});

test('when all places are taken, the source that holds most loses its oldest', () => {
  const desk = new Desk();
  const honest = desk.open(1, 1, '203.0.113.1');
  let machine = 1000;
  for (let source = 0; desk.logins.size < pendingLoginsMax; source++) {
    for (
      let count = 0;
      count < pendingPerSourceMax && desk.logins.size < pendingLoginsMax;
      count++
    ) {
      desk.open(++machine, machine, `greedy ${source}`);
    }
  }
  expect(desk.endings()).toEqual([]);
  for (let newcomer = 1; newcomer <= 50; newcomer++) {
    desk.open(50_000 + newcomer, 50_000 + newcomer, `newcomer ${newcomer}`);
  }
  expect(desk.logins.size).toBe(pendingLoginsMax);
  expect(desk.endings()).toHaveLength(50);
  expect(desk.logins.find(honest.id, desk.now)).toBe(honest);
});
