import { execFileSync } from 'node:child_process';
import { storeZstd } from '@warren/core/control/map-framing';
import { expect, test } from 'vitest';
import { createFrameOpener, storedContent } from './zstd.js';

const texts = ['', 'x', 'ab'.repeat(200), 'abc'.repeat(100_000)];

test.each(texts.map((text) => [text.length, text] as const))(
  'a stored frame of %d bytes opens without a decoder',
  (_length, text) => {
    const frame = Buffer.from(storeZstd(Buffer.from(text)));
    expect(storedContent(frame)?.toString()).toBe(text);
  },
);

test('cut frames and other bytes are not taken for stored ones', () => {
  const frame = Buffer.from(storeZstd(Buffer.from('hello')));
  for (let length = 0; length < 9; length++) {
    expect(storedContent(frame.subarray(0, length))).toBeUndefined();
  }
  expect(storedContent(Buffer.from('{"KeepAlive":true}'))).toBeUndefined();
});

test('compressed frames open, with their length told or not, and broken ones fail', async () => {
  const open = await createFrameOpener();
  for (const text of texts) {
    for (const options of [{ input: text }, { input: text, flags: ['--no-content-size'] }]) {
      const { input, flags = [] } = options as { input: string; flags?: string[] };
      const frame = execFileSync('zstd', ['--stdout', ...flags], { input });
      expect(open(frame).toString()).toBe(text);
    }
  }
  expect(() => open(Buffer.from('28b52ffd04000000', 'hex'))).toThrow();
});
