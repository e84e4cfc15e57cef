import { isFailure } from '@warren/core/base/failure';
import { SeededRandom } from '@warren/core/base/seeded-random';
import type { IpAddress } from '@warren/core/ip/address';
import { ipPacketLength } from '@warren/core/packet-engine/ip-packet';
import { ipPacket } from '@warren/core/packet-engine/testing/ip-packets';
import { expect, test } from 'vitest';

const v4 = ipPacket('100.64.0.1' as IpAddress, '100.64.0.2' as IpAddress, new Uint8Array(30));
const v6 = ipPacket('fd7a::1' as IpAddress, 'fd7a::2' as IpAddress, new Uint8Array(30));

test('the header says where padding begins', () => {
  expect(ipPacketLength(v4, 0, v4.length)).toBe(50);
  expect(ipPacketLength(v6, 0, v6.length)).toBe(70);
  const padded = new Uint8Array(100);
  padded.set(v4, 7);
  expect(ipPacketLength(padded, 7, 64)).toBe(50);
});

test('packets cut anywhere are refused', () => {
  for (const packet of [v4, v6]) {
    for (let length = 0; length < packet.length; length++) {
      expect(ipPacketLength(packet.slice(0, length), 0, length)).toMatchObject({
        reason: 'ip-truncated',
      });
    }
  }
});

test('impossible IPv4 lengths are refused', () => {
  const shortHeader = v4.slice();
  shortHeader[0] = 0x44;
  expect(ipPacketLength(shortHeader, 0, shortHeader.length)).toMatchObject({
    reason: 'ip-bad-length',
  });
  const longHeader = v4.slice();
  longHeader[0] = 0x4f;
  expect(ipPacketLength(longHeader, 0, longHeader.length)).toMatchObject({
    reason: 'ip-bad-length',
  });
  const shortTotal = v4.slice();
  shortTotal[3] = 19;
  expect(ipPacketLength(shortTotal, 0, shortTotal.length)).toMatchObject({
    reason: 'ip-bad-length',
  });
});

test('other versions are refused', () => {
  for (const version of [0, 1, 5, 7, 15]) {
    const packet = v4.slice();
    packet[0] = (version << 4) | 5;
    expect(ipPacketLength(packet, 0, packet.length)).toMatchObject({
      reason: 'ip-unknown-version',
    });
  }
});

test('random bytes give a reason or a length that fits', () => {
  const random = new SeededRandom(0x1b);
  for (let i = 0; i < 5_000; i++) {
    const bytes = random.fill(new Uint8Array(random.below(80)));
    const length = ipPacketLength(bytes, 0, bytes.length);
    if (!isFailure(length)) expect(length).toBeLessThanOrEqual(bytes.length);
  }
});
