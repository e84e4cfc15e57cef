import { expect, test } from 'vitest';
import { judgePackets, parsePackets } from './packets.js';

const wires = { directRttMs: 62, relayRttMs: 122 };

test('the lines of ping are put in the order of sending, from the first packet on', () => {
  const text = `PING 100.64.0.2 (100.64.0.2) 56(84) bytes of data.
[1790000000.264000] 64 bytes from 100.64.0.2: icmp_seq=3 ttl=64 time=124 ms
[1790000000.246000] 64 bytes from 100.64.0.2: icmp_seq=2 ttl=64 time=126 ms

--- 100.64.0.2 ping statistics ---
3 packets transmitted, 2 received, 33% packet loss, time 40ms`;
  const packets = parsePackets(text);
  expect(packets.map(({ sentMs, rttMs }) => [Math.round(sentMs), rttMs])).toEqual([
    [20, 126],
    [40, 124],
  ]);
  expect(parsePackets('ping: connect: Network is unreachable')).toEqual([]);
});

test('direct is what came as fast as the wires, both ways', () => {
  const packets = [
    { sentMs: 0, rttMs: 246 },
    { sentMs: 20, rttMs: 226 },
    { sentMs: 140, rttMs: 93 },
    { sentMs: 160, rttMs: 63 },
    { sentMs: 180, rttMs: 63 },
  ];
  expect(judgePackets(packets, 6, wires)).toEqual({
    directFromMs: 160,
    directMs: 223,
    sent: 6,
    answered: 5,
    slower: 0,
    worstExcessMs: 0,
  });
  expect(judgePackets(packets.slice(0, 3), 3, wires).directMs).toBeNull();
});

test('a packet that took longer than by the relay is told, but for the wait for the handshake', () => {
  const late = [
    { sentMs: 0, rttMs: 280 },
    { sentMs: 60, rttMs: 300 },
    { sentMs: 200, rttMs: 172 },
  ];
  expect(judgePackets(late, 3, wires)).toMatchObject({ slower: 2, worstExcessMs: 76 });
});
