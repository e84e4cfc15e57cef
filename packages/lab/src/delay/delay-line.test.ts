import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DelayLine, frameBytes } from './delay-line.js';

const delayUs = 31_000;

/** Puts a frame of one repeated byte in; false when the line is full. */
function put(line: DelayLine, length: number, mark: number, nowUs: number): boolean {
  const offset = line.reserve();
  if (offset < 0) return false;
  line.bytes.fill(mark, offset, offset + length);
  line.commit(length, nowUs);
  return true;
}

function take(line: DelayLine): { length: number; mark: number } {
  const { headOffset, headLength } = line;
  const frame = line.bytes.subarray(headOffset, headOffset + headLength);
  const mark = frame[0] ?? -1;
  expect(frame.every((byte) => byte === mark)).toBe(true);
  line.pop();
  return { length: headLength, mark };
}

test('a frame is due the delay after it came, and nothing is due on an empty line', () => {
  const line = new DelayLine(delayUs);
  expect(line.dueUs).toBe(Number.POSITIVE_INFINITY);
  put(line, 60, 1, 1000);
  put(line, 60, 2, 1500);
  expect(line.dueUs).toBe(32_000);
  take(line);
  expect(line.dueUs).toBe(32_500);
  take(line);
  expect(line.dueUs).toBe(Number.POSITIVE_INFINITY);
});

/** A line of five frames may refuse no earlier: up to three are lost to the gap at the ring's end. */
function waiting(model: readonly { length: number }[]): number {
  return model.reduce((sum, { length }) => sum + length, 0);
}

test('frames come out in order and unharmed, whatever their sizes, or are refused', () => {
  const step = fc.oneof(
    fc.record({ put: fc.integer({ min: 1, max: frameBytes }) }),
    fc.record({ take: fc.integer({ min: 1, max: 4 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const line = new DelayLine(delayUs, 5 * frameBytes, 16);
      const model: { length: number; mark: number }[] = [];
      let mark = 0;
      for (const [now, action] of steps.entries()) {
        if ('put' in action) {
          mark = (mark + 1) % 251;
          if (put(line, action.put, mark, now)) model.push({ length: action.put, mark });
          else expect(model.length === 16 || waiting(model) > 2 * frameBytes).toBe(true);
        } else {
          for (let i = 0; i < action.take && model.length > 0; i++) {
            expect(take(line)).toEqual(model.shift());
          }
        }
        expect(line.size).toBe(model.length);
      }
      while (model.length > 0) expect(take(line)).toEqual(model.shift());
      expect(line.reserve()).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test('the number of frames is bounded, and a place is free again after a pop', () => {
  const line = new DelayLine(delayUs, 4 * frameBytes, 8);
  for (let mark = 0; mark < 8; mark++) expect(put(line, 60, mark, 0)).toBe(true);
  expect(put(line, 60, 9, 0)).toBe(false);
  take(line);
  expect(put(line, 60, 9, 0)).toBe(true);
});

test('the number of bytes is bounded: a frame that might not fit is refused', () => {
  const line = new DelayLine(delayUs, 3 * frameBytes, 1000);
  let accepted = 0;
  while (put(line, frameBytes, accepted, 0)) accepted++;
  expect(accepted).toBe(3);
});

test('31 ms at 1 Gbit/s of full frames fit', () => {
  const line = new DelayLine(delayUs);
  const frames = Math.ceil((1e9 / 8 / 1514) * 0.031);
  for (let i = 0; i < frames; i++) expect(put(line, 1524, i % 251, i)).toBe(true);
});
