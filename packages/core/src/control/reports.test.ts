import { expect, test } from 'vitest';
import { after, type Instant, instant } from '../base/instant.js';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { type NatDescription, UNKNOWN_NAT } from '../netmap/nat-description.js';
import type { PathReport } from '../netmap/path-report.js';
import { reportGapMs } from './client.js';
import { Paced } from './paced.js';
import { Play, peer } from './test-play.js';

const nat = (changes: Partial<NatDescription>): NatDescription => ({ ...UNKNOWN_NAT, ...changes });

const report: PathReport = {
  peer: 'bb'.repeat(32) as NodeKey,
  path: 'direct',
  endpoint: '203.0.113.7:41641' as Endpoint,
  regionId: undefined,
  latencyMs: 31.456,
  loss: undefined,
  rxBytes: 10,
  txBytes: 20,
};

function lastUpdate(play: Play): unknown {
  return play.body(play.request('update'));
}

test('the NAT is told in the host information, once', () => {
  const play = new Play().running();
  const before = play.requests('update').length;
  play.handle({ type: 'nat-description', nat: nat({ class: 'hard' }) });
  expect(lastUpdate(play)).toMatchObject({
    Hostinfo: { Hostname: 'alpha', WarrenNat: { V: 1, Class: 'hard' } },
    OmitPeers: true,
  });
  play.answer('update', 200);
  play.handle({ type: 'nat-description', nat: nat({ class: 'hard' }) }).pass(20_000);
  expect(play.requests('update')).toHaveLength(before + 1);
});

test('a NAT that flutters is told four times and then every 5 s at most, and its latest state in the end', () => {
  const play = new Play().running();
  const before = play.requests('update').length;
  for (let step = 0; step < 100; step++) {
    play.handle({
      type: 'nat-description',
      nat: nat({ class: step % 2 === 0 ? 'easy' : 'hard', cgnat: step === 99 }),
    });
    if (play.requests('update').length > before) play.answer('update', 200);
    play.pass(100);
  }
  play.pass(reportGapMs).answer('update', 200);
  expect(lastUpdate(play)).toMatchObject({ Hostinfo: { WarrenNat: { CGNAT: true } } });
  // Ten seconds of flutter: four at once, then after 5 s and 10 s.
  expect(play.requests('update')).toHaveLength(before + 5);
});

test('what says the same of a NAT again is no telling', () => {
  const play = new Play().running();
  for (let step = 0; step < 20; step++) play.handle({ type: 'nat-description', nat: nat({}) });
  play.answer('update', 200);
  const before = play.requests('update').length;
  for (const cgnat of [true, false, true]) {
    play.handle({ type: 'nat-description', nat: nat({ cgnat }) }).answer('update', 200);
  }
  expect(play.requests('update')).toHaveLength(before + 3);
});

test('paths are told to control and not in the poll that peers have nothing of', () => {
  const play = new Play().running();
  play.handle({ type: 'path-reports', reports: [report] });
  expect(lastUpdate(play)).toMatchObject({
    WarrenPaths: [{ Path: 'direct', Endpoint: '203.0.113.7:41641', Ms: 31.46, Rx: 10, Tx: 20 }],
  });
  play.answer('update', 200).handle({ type: 'disconnected', reason: 'test' }).pass(60_000);
  play.handle({ type: 'connected' });
  expect(play.body(play.request('map'))).not.toHaveProperty('WarrenPaths');
});

test('after a lost connection both are told again', () => {
  const play = new Play().running();
  play.handle({ type: 'nat-description', nat: nat({ class: 'easy' }) }).answer('update', 200);
  play.handle({ type: 'disconnected', reason: 'test' }).pass(60_000);
  const before = play.requests('update').length;
  play.handle({ type: 'connected' });
  expect(play.requests('update')).toHaveLength(before + 1);
  expect(lastUpdate(play)).toMatchObject({ Hostinfo: { WarrenNat: { Class: 'easy' } } });
});

test("a peer's NAT is in the netmap, whole and patched", () => {
  const play = new Play().joined();
  play.fullMap({ Peers: [{ ...peer(2), WarrenNat: { V: 1, Class: 'easy' } }, peer(3)] });
  const peers = () => play.last('netmap').netmap.peers;
  expect(peers().get(2)?.nat?.class).toBe('easy');
  expect(peers().get(3)?.nat).toBeUndefined();
  play.frame({ PeersChangedPatch: [{ NodeID: 2, WarrenNat: { V: 1, Class: 'hard' } }] });
  expect(peers().get(2)?.nat?.class).toBe('hard');
  play.frame({ PeersChangedPatch: [{ NodeID: 2, Online: true }] });
  expect(peers().get(2)?.nat?.class).toBe('hard');
});

test('what is paced: the first at once, then the latest when the gap is over', () => {
  const paced = new Paced<number>(1000);
  const start: Instant = instant(0);
  expect(paced.take(start)).toBeUndefined();
  paced.set(1);
  expect(paced.take(start)).toBe(1);
  paced.set(2);
  paced.set(3);
  expect(paced.take(after(start, 999))).toBe(1);
  expect(paced.nextTimeout()).toBe(1000);
  expect(paced.take(after(start, 1000))).toBe(3);
  expect(paced.nextTimeout()).toBeUndefined();
});

test('what is paced with a burst: some at once, and again after as many gaps', () => {
  const paced = new Paced<number>(1000, 3);
  const tell = (value: number, atMs: number): number | undefined => {
    paced.set(value);
    return paced.take(instant(atMs));
  };
  expect([tell(1, 0), tell(2, 10), tell(3, 20), tell(4, 30)]).toEqual([1, 2, 3, 3]);
  expect(paced.nextTimeout()).toBe(1000);
  expect([tell(5, 999), tell(6, 1000), tell(7, 1001)]).toEqual([3, 6, 6]);
  expect([tell(8, 9000), tell(9, 9001), tell(10, 9002), tell(11, 9003)]).toEqual([8, 9, 10, 10]);
});
