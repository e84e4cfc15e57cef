/** A peer that calls: when it is called back. */
import { beforeEach, describe, expect, test } from 'vitest';
import { callBackMs } from './call-back.js';
import { directPath, PeerDrive } from './testing/peer-drive.js';

const ADDRESS = '203.0.113.9:41641';
const path = directPath(ADDRESS);

describe('a peer that has called', () => {
  let drive: PeerDrive;

  beforeEach(() => {
    drive = PeerDrive.withCandidates();
    drive.answers.set(ADDRESS, 30);
  });

  const call = (): void => drive.input({ type: 'call-me-maybe', paths: [path] });
  const calls = (): number[] => drive.outputs('call-me-maybe').map(({ at }) => at);

  test('and answers our ping, but never pings, is called back once', () => {
    call();
    drive.pass(20_000);
    expect(calls()).toEqual([30 + callBackMs]);
  });

  test('each of its calls is worth one of ours, no faster than calls go', () => {
    call();
    drive.pass(10_000);
    call();
    drive.pass(10_000);
    expect(calls()).toEqual([30 + callBackMs, 10_030 + callBackMs]);
    drive.forget();
    for (let count = 0; count < 40; count++) {
      call();
      drive.pass(500);
    }
    expect(calls().length).toBeLessThanOrEqual(3 + 20_000 / 5000);
  });

  test('and pings us with its pong is not: it reaches us', () => {
    call();
    drive.pass(40);
    drive.input({ type: 'ping-received', path });
    drive.pass(20_000);
    expect(calls()).toEqual([]);
  });

  test('and pinged us just before is not either', () => {
    drive.input({ type: 'ping-received', path });
    drive.pass(100);
    call();
    drive.pass(20_000);
    expect(calls()).toEqual([]);
  });

  test('and does not answer is not: our call would not help', () => {
    drive.answers.clear();
    call();
    drive.pass(20_000);
    expect(calls()).toEqual([]);
  });
});

test('who never called is not called for its pongs', () => {
  const drive = PeerDrive.withCandidates(ADDRESS);
  drive.answers.set(ADDRESS, 30);
  drive.input({ type: 'sent' });
  drive.pass(100);
  drive.forget();
  drive.pass(20_000);
  expect(drive.outputs('call-me-maybe')).toEqual([]);
});
