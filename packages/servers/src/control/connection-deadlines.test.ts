import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ConnectionDeadlines } from './connection-deadlines.js';

const GUEST_MS = 30;

class Stage {
  readonly ends: string[] = [];
  #onEnd: (() => void) | undefined;
  readonly deadlines = new ConnectionDeadlines(
    (reason) => {
      this.ends.push(reason);
      this.#onEnd?.();
    },
    { proveMs: 1000 * GUEST_MS, guestMs: GUEST_MS },
  );

  ended(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEnd = resolve;
    });
  }
}

test('a guest that shows nothing is ended', async () => {
  const stage = new Stage();
  await stage.ended();
  expect(stage.ends).toEqual(['ts2021-guest-too-long']);
  stage.deadlines.clear();
});

test('while any request waits for a person a guest stays; its time begins anew afterwards', async () => {
  const stage = new Stage();
  const [first, second] = [stage.deadlines.wait(), stage.deadlines.wait()];
  await sleep(3 * GUEST_MS);
  first();
  await sleep(3 * GUEST_MS);
  expect(stage.ends).toEqual([]);
  const ended = stage.ended();
  second();
  await ended;
  expect(stage.ends).toEqual(['ts2021-guest-too-long']);
  stage.deadlines.clear();
});

test('who was let in meanwhile is no guest any more', async () => {
  const stage = new Stage();
  const proceed = stage.deadlines.wait();
  stage.deadlines.clear();
  proceed();
  await sleep(3 * GUEST_MS);
  expect(stage.ends).toEqual([]);
});
