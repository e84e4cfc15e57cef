import { after, type Instant, instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { Schedule, Turn } from '@warren/core/wireguard/schedule';
import { expect, test } from 'vitest';

const START = instant(1_000);

/** A turn that counts how often somebody looks at its time. */
class WatchedTurn extends Turn {
  static looks = 0;
  #at = Number.POSITIVE_INFINITY;

  constructor(fire: (now: Instant) => void = () => undefined) {
    super(fire);
    Object.defineProperty(this, 'at', {
      get: () => {
        WatchedTurn.looks++;
        return this.#at;
      },
      set: (at: number) => {
        this.#at = at;
      },
    });
  }
}

function takeAll(schedule: Schedule, now: Instant): Turn[] {
  const turns: Turn[] = [];
  for (let turn = schedule.takeDue(now); turn !== undefined; turn = schedule.takeDue(now)) {
    turns.push(turn);
  }
  return turns;
}

test('turns come in the order of their times, none early, none twice', () => {
  const random = new SeededRandom(0x5c);
  const schedule = new Schedule();
  const times = new Map<Turn, number>();
  for (let i = 0; i < 2_000; i++) {
    const turn = new Turn(() => undefined);
    const at = after(START, random.below(10_000));
    schedule.by(turn, at);
    times.set(turn, at);
  }
  const everyone = [...times.keys()];
  for (let i = 0; i < 2_000; i++) {
    const turn = everyone[random.below(everyone.length)];
    if (turn === undefined) continue;
    if (i % 4 === 0) {
      schedule.cancel(turn);
      times.delete(turn);
    } else if (times.has(turn)) {
      const at = after(START, random.below(10_000));
      schedule.by(turn, at);
      times.set(turn, Math.min(at, times.get(turn) ?? at));
    }
  }
  let last = 0;
  for (let now = START; schedule.size > 0; now = after(now, 500)) {
    for (const turn of takeAll(schedule, now)) {
      const at = times.get(turn);
      expect(at).toBeDefined();
      expect(at).toBeGreaterThanOrEqual(last);
      expect(at).toBeLessThanOrEqual(now);
      last = at ?? 0;
      times.delete(turn);
    }
    expect([...times.values()].every((at) => at > now)).toBe(true);
  }
  expect(times.size).toBe(0);
  expect(schedule.at).toBeUndefined();
});

test('a later time changes nothing, a cancelled turn may come again', () => {
  const schedule = new Schedule();
  const turn = new Turn(() => undefined);
  schedule.cancel(turn);
  schedule.by(turn, 5_000);
  schedule.by(turn, 9_000);
  expect(schedule.at).toBe(5_000);
  schedule.cancel(turn);
  expect([schedule.at, schedule.size]).toEqual([undefined, 0]);
  schedule.by(turn, 9_000);
  expect(takeAll(schedule, instant(8_999))).toEqual([]);
  expect(takeAll(schedule, instant(9_000))).toEqual([turn]);
});

test('among 5,000 turns a new time costs a few looks, a later one a single look', () => {
  const random = new SeededRandom(0x5d);
  const schedule = new Schedule();
  const turns = Array.from({ length: 5_000 }, () => new WatchedTurn());
  for (const turn of turns) schedule.by(turn, after(START, 100_000 + random.below(100_000)));
  for (let i = 0; i < 200; i++) {
    const turn = turns[random.below(turns.length)];
    if (turn === undefined) continue;
    WatchedTurn.looks = 0;
    schedule.by(turn, 1_000_000);
    expect(WatchedTurn.looks).toBe(1);
    WatchedTurn.looks = 0;
    schedule.by(turn, after(START, random.below(200_000)));
    schedule.cancel(turn);
    schedule.by(turn, after(START, 100_000 + random.below(100_000)));
    // Three walks along one branch of a heap 13 deep, with up to four looks at each fork.
    expect(WatchedTurn.looks).toBeLessThan(3 * 13 * 4);
  }
});
