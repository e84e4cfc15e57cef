import { encodeHex } from '@warren/core/base/bytes';
import { wallTime } from '@warren/core/base/instant';
import { encodeTai64n, isLater, TimestampSource } from '@warren/core/wireguard/tai64n';
import { expect, test } from 'vitest';

test('an instant has the label that the TAI64 page gives', () => {
  // cr.yp.to/libtai/tai64.html: 1992-06-02 08:07:09 TAI is 40 00 00 00 2a 2b 2c 2d; as UTC seconds
  // that is 0x2a2b2c2d less the 10 s that labels begin with.
  expect(encodeHex(encodeTai64n(0x2a2b2c2d - 10, 0))).toBe('400000002a2b2c2d00000000');
  expect(encodeHex(encodeTai64n(0, 5))).toBe('400000000000000a00000005');
});

test('seconds beyond 32 bits carry', () => {
  expect(encodeHex(encodeTai64n(2 ** 32, 0))).toBe('400000010000000a00000000');
});

test('timestamps compare like times', () => {
  expect(isLater(encodeTai64n(2, 0), encodeTai64n(1, 999_999_999))).toBe(true);
  expect(isLater(encodeTai64n(1, 5), encodeTai64n(1, 5))).toBe(false);
  expect(isLater(encodeTai64n(1, 4), encodeTai64n(1, 5))).toBe(false);
});

test('timestamps grow while the clock stands still', () => {
  const source = new TimestampSource(() => wallTime(1_767_225_600_123));
  let last = source.next();
  for (let i = 0; i < 200; i++) {
    const next = source.next();
    expect(isLater(next, last)).toBe(true);
    last = next;
  }
});

test('timestamps grow after the clock was set back', () => {
  let ms = 1_767_225_600_000;
  const source = new TimestampSource(() => wallTime(ms));
  const before = source.next();
  ms -= 3_600_000;
  const after = source.next();
  expect(isLater(after, before)).toBe(true);
  ms += 7_200_000;
  expect(isLater(source.next(), after)).toBe(true);
});

test('fine clock readings are not published', () => {
  let ms = 1_767_225_600_500;
  const source = new TimestampSource(() => wallTime(ms));
  const nanoseconds = new DataView(source.next().buffer).getUint32(8);
  expect(nanoseconds % 2 ** 24).toBe(0);
  expect(nanoseconds).toBeGreaterThan(480_000_000);
  ms += 20;
  const later = new DataView(source.next().buffer).getUint32(8);
  expect(later).toBeGreaterThan(nanoseconds);
});
