import { PathQuality } from '@warren/core/paths/quality';
import { expect, test } from 'vitest';

test('nothing is known before the first pong, and losses before it do not count', () => {
  const quality = new PathQuality();
  quality.lost();
  expect([quality.latencyMs, quality.judgedMs, quality.loss]).toEqual([undefined, undefined, 0]);
  quality.answered(40);
  expect([quality.latencyMs, quality.judgedMs, quality.loss]).toEqual([40, 40, 0]);
});

test('one slow sample moves the round trip by a quarter, a lasting step is followed', () => {
  const quality = new PathQuality();
  quality.answered(20);
  quality.answered(100);
  expect(quality.latencyMs).toBe(40);
  for (let i = 0; i < 8; i++) quality.answered(100);
  expect(quality.latencyMs).toBeGreaterThan(93);
});

test('loss makes a path slower in judgement and is forgotten', () => {
  const quality = new PathQuality();
  for (let i = 0; i < 9; i++) quality.answered(50);
  quality.lost();
  expect(quality.loss).toBe(0.1);
  expect(quality.judgedMs).toBe(100);
  expect(quality.latencyMs).toBe(50);
  for (let i = 0; i < 16; i++) quality.answered(50);
  expect(quality.judgedMs).toBe(50);
});
