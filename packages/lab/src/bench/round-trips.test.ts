import { expect, test } from 'vitest';
import { parseRoundTrips } from './round-trips.js';

test('the round trips of what ping printed, and not those of its summary', () => {
  const text = `PING 100.64.0.2 (100.64.0.2) 56(84) bytes of data.
64 bytes from 100.64.0.2: icmp_seq=1 ttl=64 time=0.455 ms
64 bytes from 100.64.0.2: icmp_seq=3 ttl=64 time=124 ms

--- 100.64.0.2 ping statistics ---
3 packets transmitted, 2 received, 33.3333% packet loss, time 40ms
rtt min/avg/max/mdev = 0.455/62.227/124.000/61.772 ms`;
  expect(parseRoundTrips(text)).toEqual([0.455, 124]);
});
