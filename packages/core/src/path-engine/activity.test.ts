import { instant } from '@warren/core/base/instant';
import type { NodeKey } from '@warren/core/keys/keys';
import { Activity, countersEveryMs } from '@warren/core/path-engine/activity';
import { expect, test } from 'vitest';

const [known, stranger] = ['aa'.repeat(32), 'bb'.repeat(32)] as [NodeKey, NodeKey];
const at = instant;

test('a peer is active for 45 s after its last packet', () => {
  const activity = new Activity();
  activity.add(known);
  activity.sent(known, at(1000));
  expect(activity.status(known, at(45_999)).active).toBe(true);
  expect(activity.status(known, at(46_000)).active).toBe(false);
});

test('nothing is kept of strangers, nor of peers that left', () => {
  const activity = new Activity();
  activity.add(known);
  activity.sent(stranger, at(0));
  activity.handshake(stranger, at(0));
  activity.counters([{ peer: stranger, rxBytes: 1, txBytes: 1, lastHandshakeAt: at(0) }], {});
  expect(activity.status(stranger, at(0)).rxBytes).toBe(0);
  expect(activity.nextTimeout()).toBeUndefined();
  activity.handshake(known, at(5));
  activity.remove(known);
  expect(activity.status(known, at(10)).lastHandshakeAt).toBeUndefined();
});

test('a handshake told by itself survives counters that know of none', () => {
  const activity = new Activity();
  activity.add(known);
  activity.handshake(known, at(5));
  activity.counters([{ peer: known, rxBytes: 7, txBytes: 8, lastHandshakeAt: undefined }], {});
  expect(activity.status(known, at(10))).toEqual({
    active: false,
    lastHandshakeAt: 5,
    rxBytes: 7,
    txBytes: 8,
  });
});

test('counters are asked for while somebody is active, once more, and then no longer', () => {
  const activity = new Activity();
  activity.add(known);
  activity.sent(known, at(0));
  let asks = 0;
  for (let now = 0; now <= 300_000; now += 1000) if (activity.takeAsk(at(now))) asks++;
  expect(asks).toBe(45_000 / countersEveryMs);
  expect(activity.nextTimeout()).toBeUndefined();
  activity.sent(known, at(400_000));
  expect(activity.nextTimeout()).toBe(400_000 + countersEveryMs);
});
