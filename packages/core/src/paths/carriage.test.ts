import { instant } from '@warren/core/base/instant';
import { Carriage, doubtMs, silenceMs } from '@warren/core/paths/carriage';
import { expect, test } from 'vitest';

test('data that is answered within the time of a passive keepalive is carried', () => {
  const carriage = new Carriage();
  for (let at = 0; at < 60_000; at += 10_000) {
    carriage.dataSent(instant(at));
    expect(carriage.due(instant(at + 9999))).toBeUndefined();
    expect(carriage.authenticated(false)).toBe(false);
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

test.each([
  [true, true],
  [false, false],
])(
  'heard over the relay (%s) after the doubt, the path is condemned: %s',
  (overRelay, condemned) => {
    const carriage = new Carriage();
    carriage.dataSent(instant(0));
    carriage.due(instant(silenceMs));
    expect(carriage.authenticated(overRelay)).toBe(condemned);
    expect(carriage.doubted).toBe(false);
  },
);

test('silence on all paths acquits it', () => {
  const carriage = new Carriage();
  carriage.dataSent(instant(0));
  carriage.due(instant(silenceMs));
  expect(carriage.due(instant(silenceMs + doubtMs - 1))).toBeUndefined();
  expect(carriage.due(instant(silenceMs + doubtMs))).toBe('absolve');
  expect(carriage.nextTimeout()).toBeUndefined();
});
