import { instant } from '@warren/core/base/instant';
import { maxSuspicionPings, Suspicion } from '@warren/core/paths/suspicion';
import { describe, expect, test } from 'vitest';

/** Everything that the suspicion asks for until `end`, each with its time. */
function actions(suspicion: Suspicion, end: number): [number, string][] {
  const seen: [number, string][] = [];
  for (;;) {
    const at = suspicion.nextTimeout();
    if (at === undefined || at > end) return seen;
    for (let action = suspicion.due(at); action !== undefined; action = suspicion.due(at)) {
      seen.push([at, action]);
    }
  }
}

describe('the early warning', () => {
  test('stays silent while pings are answered', () => {
    const suspicion = new Suspicion();
    for (let beat = 0; beat < 10; beat++) {
      suspicion.pinged(instant(3000 * beat));
      expect(actions(suspicion, 3000 * beat + 200)).toEqual([]);
      suspicion.answered(60);
    }
    expect(suspicion.nextTimeout()).toBeUndefined();
  });

  test('pings every 100 ms from 250 ms on, tells of the second loss once and then tires', () => {
    const suspicion = new Suspicion();
    suspicion.pinged(instant(0));
    const seen = actions(suspicion, 60_000);
    expect(seen.slice(0, 5)).toEqual([
      [250, 'ping'],
      [350, 'ping'],
      [450, 'ping'],
      [550, 'ping'],
      [600, 'duplicate'],
    ]);
    expect(seen.filter(([, action]) => action === 'ping')).toHaveLength(maxSuspicionPings);
    expect(seen.filter(([, action]) => action === 'duplicate')).toHaveLength(1);
  });

  test('waits three round trips on a long path', () => {
    const suspicion = new Suspicion();
    suspicion.answered(300);
    suspicion.pinged(instant(0));
    const seen = actions(suspicion, 2000);
    expect(seen[0]).toEqual([900, 'ping']);
    expect(seen.find(([, action]) => action === 'duplicate')).toEqual([1900, 'duplicate']);
  });

  test('one answer that took seconds does not hide a dead path until trust runs out', () => {
    const suspicion = new Suspicion();
    suspicion.answered(1050);
    suspicion.dataSent(instant(0));
    const seen = actions(suspicion, 6500);
    expect(seen[0]).toEqual([2000, 'ping']);
    expect(seen.find(([, action]) => action === 'duplicate')).toEqual([3100, 'duplicate']);
  });

  test('a path whose round trips take two seconds is not given up for it', () => {
    const suspicion = new Suspicion();
    suspicion.answered(2000);
    for (let beat = 0; beat < 10; beat++) {
      suspicion.pinged(instant(3000 * beat));
      const seen = actions(suspicion, 3000 * beat + 2000);
      expect(seen.filter(([, action]) => action === 'duplicate')).toEqual([]);
      suspicion.answered(2000);
    }
  });

  test('an answer ends it', () => {
    const suspicion = new Suspicion();
    suspicion.pinged(instant(0));
    expect(actions(suspicion, 400)).toHaveLength(2);
    suspicion.answered(40);
    expect(actions(suspicion, 60_000)).toEqual([]);
  });

  test('data without any answer starts it after a second more, data heard back ends that', () => {
    const suspicion = new Suspicion();
    suspicion.dataSent(instant(0));
    suspicion.dataSent(instant(1000));
    expect(suspicion.nextTimeout()).toBe(1250);
    suspicion.authenticated();
    expect(suspicion.nextTimeout()).toBeUndefined();
  });
});
