import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeLine, LineSplitter } from './protocol.js';

test('lines come out whole however the stream was cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string().map((text) => text.replaceAll('\n', ' '))),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      (lines, cuts) => {
        const stream = lines.map((line) => `${line}\n`).join('');
        const splitter = new LineSplitter();
        const seen: string[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const length = cuts[turn % cuts.length] ?? 1;
          seen.push(...splitter.push(stream.slice(at, at + length)));
          at += length;
        }
        expect(seen).toEqual(lines);
      },
    ),
  );
});

test('what has no newline yet is held back', () => {
  const splitter = new LineSplitter();
  expect(splitter.push('{"is":')).toEqual([]);
  expect(splitter.push('"ready"}')).toEqual([]);
  expect(splitter.push('\n{')).toEqual(['{"is":"ready"}']);
  expect(splitter.push('}\n')).toEqual(['{}']);
});

test('a message is one line, also when it holds newlines', () => {
  const line = encodeLine({ is: 'failed', id: 1, message: 'two\nlines' });
  expect(line.indexOf('\n')).toBe(line.length - 1);
  expect(JSON.parse(line)).toEqual({ is: 'failed', id: 1, message: 'two\nlines' });
});
