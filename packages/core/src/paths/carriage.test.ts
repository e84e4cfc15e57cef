import { instant } from '@warren/core/base/instant';
import { lateAnswerMs } from '@warren/core/paths/candidates';
import { Carriage, doubtMs, silenceMs } from '@warren/core/paths/carriage';
import { evidenceStepMs } from '@warren/core/paths/suspicion';
import { expect, test } from 'vitest';

test('data that is answered within the time of a passive keepalive is carried', () => {
  const carriage = new Carriage();
  for (let at = 0; at < 66_000; at += 11_000) {
    carriage.dataSent(instant(at));
    expect(carriage.due(instant(at + 9999))).toBeUndefined();
    carriage.authenticated(false, instant(at + 9999));
  }
  expect(carriage.nextTimeout()).toBeUndefined();
});

test('the silence is counted from the first unanswered data', () => {
  const carriage = new Carriage();
  carriage.dataSent(instant(100));
  carriage.dataSent(instant(9000));
  expect(carriage.nextTimeout()).toBe(100 + silenceMs);
  expect(carriage.due(instant(100 + silenceMs))).toBe('doubt');
  expect(carriage.doubted).toBe(true);
});

/** In doubt since now. */
function inDoubt(): { readonly carriage: Carriage; readonly since: number } {
  const carriage = new Carriage();
  carriage.dataSent(instant(0));
  expect(carriage.due(instant(silenceMs))).toBe('doubt');
  return { carriage, since: silenceMs };
}

test('a path that answers pings while the peer is heard over the relay alone is condemned', () => {
  const { carriage, since } = inDoubt();
  carriage.answered(instant(since + 50));
  carriage.authenticated(true, instant(since + 1100));
  expect(carriage.due(instant(since + 1100 + lateAnswerMs - 1))).toBeUndefined();
  expect(carriage.due(instant(since + 1100 + lateAnswerMs))).toBe('condemn');
  expect(carriage.doubted).toBe(false);
});

// Seed 7432 of the random worlds: a cut while nobody talked.
test('a path that answers no ping is not to blame for data that took the relay', () => {
  const { carriage, since } = inDoubt();
  for (let at = since; at < since + doubtMs; at += 1000) carriage.authenticated(true, instant(at));
  expect(carriage.due(instant(since + doubtMs))).toBe('absolve');
});

// Seed 27437: its cable was pulled, and a packet for the relay had waited for the connection.
test('a peer that comes back may be heard over the relay before it knows that the path lives', () => {
  const { carriage, since } = inDoubt();
  carriage.authenticated(true, instant(since + 1000));
  carriage.answered(instant(since + 1300));
  carriage.authenticated(true, instant(since + 1800));
  expect(carriage.due(instant(since + doubtMs - 1))).toBeUndefined();
  expect(carriage.due(instant(since + doubtMs))).toBe('absolve');
});

test('the direct copy may be slower than that of the relay', () => {
  const { carriage, since } = inDoubt();
  carriage.answered(instant(since + 50));
  carriage.authenticated(true, instant(since + 1100));
  carriage.authenticated(false, instant(since + 1400));
  expect(carriage.doubted).toBe(false);
  expect(carriage.nextTimeout()).toBeUndefined();
});

test('data right after a report of the peer may be answered without one', () => {
  const carriage = new Carriage();
  carriage.authenticated(false, instant(1000));
  carriage.dataSent(instant(1000 + evidenceStepMs - 1));
  expect(carriage.nextTimeout()).toBeUndefined();
  carriage.dataSent(instant(1000 + evidenceStepMs));
  expect(carriage.nextTimeout()).toBe(1000 + evidenceStepMs + silenceMs);
});

test('silence on all paths acquits it', () => {
  const carriage = new Carriage();
  carriage.dataSent(instant(0));
  carriage.due(instant(silenceMs));
  expect(carriage.due(instant(silenceMs + doubtMs - 1))).toBeUndefined();
  expect(carriage.due(instant(silenceMs + doubtMs))).toBe('absolve');
  expect(carriage.nextTimeout()).toBeUndefined();
});
