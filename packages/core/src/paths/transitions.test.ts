import {
  hasPath,
  inSession,
  isTrusted,
  nextPathState,
  type PathEvent,
  type PathState,
} from '@warren/core/paths/transitions';
import { describe, expect, test } from 'vitest';

const STATES: PathState[] = ['idle', 'dormant', 'lingering', 'relayed', 'both', 'direct'];
const EVENTS: PathEvent[] = [
  'session-started',
  'session-ended',
  'path-proven',
  'trust-lost',
  'path-lost',
];

describe('the table of transitions', () => {
  test.each(STATES)('from %s every event leads where its name says', (state) => {
    for (const event of EVENTS) {
      const next = nextPathState(state, event);
      if (event === 'session-started') expect(inSession(next)).toBe(true);
      else if (event === 'session-ended') expect(inSession(next)).toBe(false);
      else expect(inSession(next)).toBe(inSession(state));

      if (event === 'path-proven') expect([hasPath(next), isTrusted(next)]).toEqual([true, true]);
      else if (event === 'path-lost') expect(hasPath(next)).toBe(false);
      else if (event === 'trust-lost') {
        expect([hasPath(next), isTrusted(next)]).toEqual([hasPath(state), false]);
      } else {
        expect([hasPath(next), isTrusted(next)]).toEqual([hasPath(state), isTrusted(state)]);
      }
    }
  });

  test('every state can be reached from every other', () => {
    for (const start of STATES) {
      const reached = new Set<PathState>([start]);
      for (const state of reached) {
        for (const event of EVENTS) reached.add(nextPathState(state, event));
      }
      expect(reached.size).toBe(STATES.length);
    }
  });
});
