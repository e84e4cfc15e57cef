import { beforeEach, expect, test } from 'vitest';
import { after, instant } from '../../base/instant.js';
import { SeededRandom } from '../../base/seeded-random.js';
import { checksPerTargetMax, SshChecks, type SshSubject, sshCheckLifeMs } from './ssh-checks.js';
import { nodeKey, start } from './test-network.js';

const HOUR_MS = 3_600_000;
const now = instant(1000);
const subject: SshSubject = { source: 1, sourceKey: nodeKey(1), target: 2, localUser: 'ann' };

let checks: SshChecks;
beforeEach(() => {
  checks = new SshChecks(new SeededRandom(5));
});

function opened(other: Partial<SshSubject> = {}): string {
  const check = checks.open({ ...subject, ...other }, now, start);
  if (check === undefined) throw new Error('too many');
  return check.id;
}

test('an approval holds for its period, and for this source, key, target and name alone', () => {
  const id = opened();
  expect(checks.isApproved(subject, HOUR_MS, now)).toBe(false);
  expect(checks.decide(id, true, now)).toMatchObject(subject);
  expect(checks.poll()).toEqual({ id, ending: 'approved' });
  expect(checks.isApproved(subject, HOUR_MS, after(now, HOUR_MS - 1))).toBe(true);
  expect(checks.isApproved(subject, HOUR_MS, after(now, HOUR_MS))).toBe(false);
  for (const other of [
    { source: 3 },
    { sourceKey: nodeKey(9) },
    { target: 3 },
    { localUser: 'root' },
  ]) {
    expect(checks.isApproved({ ...subject, ...other }, HOUR_MS, now)).toBe(false);
  }
  // Good once.
  expect(checks.decide(id, true, now)).toBeUndefined();
});

test('a rejection is remembered for nobody', () => {
  const id = opened();
  checks.decide(id, false, now);
  expect(checks.poll()).toEqual({ id, ending: 'rejected' });
  expect(checks.isApproved(subject, HOUR_MS, now)).toBe(false);
  expect(opened()).not.toBe(id);
});

test('one that nobody decides ends after 15 minutes', () => {
  const id = opened();
  expect(checks.nextTimeout()).toBe(after(now, sshCheckLifeMs));
  checks.advance(after(now, sshCheckLifeMs - 1));
  expect(checks.poll()).toBeUndefined();
  checks.advance(after(now, sshCheckLifeMs));
  expect(checks.poll()).toEqual({ id, ending: 'expired' });
  expect(checks.decide(id, true, after(now, sshCheckLifeMs))).toBeUndefined();
});

test('asking again waits for the same answer; one target can’t fill the list', () => {
  const id = opened();
  expect(opened()).toBe(id);
  for (let source = 2; source <= checksPerTargetMax; source++) opened({ source });
  expect(checks.size).toBe(checksPerTargetMax);
  expect(checks.open({ ...subject, source: 99 }, now, start)).toBeUndefined();
  expect(checks.open({ ...subject, target: 3 }, now, start)).toBeDefined();
});
