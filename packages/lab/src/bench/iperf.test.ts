import { expect, test } from 'vitest';
import { parseIperf } from './iperf.js';

/** Ends of what Debian's iperf3 3.12 printed on loopback; fields that nobody reads are left out. */
const TCP = {
  sum_sent: { seconds: 1.001143, bytes: 772014080, bits_per_second: 6169061402.816582 },
  sum_received: { seconds: 1.006062, bytes: 771620864, bits_per_second: 6135771862.966696 },
};
const BOTH_WAYS = {
  sum_sent: { bytes: 144179200, bits_per_second: 1145692158.0878007 },
  sum_received: { bytes: 140247040, bits_per_second: 1110138908.8153024 },
  sum_sent_bidir_reverse: { bytes: 363069440, bits_per_second: 2885061161.73019 },
  sum_received_bidir_reverse: { bytes: 360316928, bits_per_second: 2852123233.9563236 },
};
const UDP = {
  sum: { bytes: 256632000, bits_per_second: 2052926665.6200662, lost_percent: 68.58505564387917 },
  sum_sent: { bytes: 256632000, bits_per_second: 2052926665.6200662, packets: 213860 },
  sum_received: { bytes: 80620800, bits_per_second: 644881920.4684186, packets: 213860 },
};

test.each([
  ['a stream', TCP, { receivedBytes: 771620864, receivedBitsPerSecond: 6135771862.966696 }],
  [
    'both directions, added',
    BOTH_WAYS,
    { receivedBytes: 500563968, receivedBitsPerSecond: 1110138908.8153024 + 2852123233.9563236 },
  ],
  ['datagrams, of which two thirds are lost', UDP, { receivedBytes: 80620800 }],
])('what arrives counts: %s', (_what, end, result) => {
  expect(parseIperf(JSON.stringify({ start: {}, intervals: [], end }))).toMatchObject(result);
});

test('a run without a result is an error with a reason', () => {
  const refused = { error: 'unable to connect to server: Connection refused', end: {} };
  expect(() => parseIperf(JSON.stringify(refused))).toThrow('Connection refused');
  expect(() => parseIperf(JSON.stringify({ end: { sum_received: { bytes: 0 } } }))).toThrow(
    'nothing has arrived',
  );
  expect(() => parseIperf('iperf3: parameter error')).toThrow('no JSON: iperf3: parameter');
});
