/** The reference decoder of zstd opens the stored frames that the server writes for stock clients. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { encodeMapFrame } from './map-framing.js';

/** u32 length in front of every frame of the map stream. */
const LENGTH_BYTES = 4;

test.each([1, 255, 256, 65_791, 65_792, 131_072, 131_073, 400_000])(
  'a stored frame of %d bytes opens with the zstd command',
  (length) => {
    const text = 'a'.repeat(length);
    const frame = encodeMapFrame(text, 'zstd').subarray(LENGTH_BYTES);
    const opened = execFileSync('zstd', ['--decompress', '--stdout'], {
      input: frame,
      maxBuffer: 1 << 24,
    });
    expect(opened.toString()).toBe(text);
  },
);
