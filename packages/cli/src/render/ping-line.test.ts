import type { PingLine } from '@warren/node/local-api/protocol';
import { expect, test } from 'vitest';
import { renderPingLine } from './ping-line.js';

const base = { seq: 1, peer: 'printer', address: '100.64.0.7', elapsedMs: 40 };

test('pongs look as Tailscale’s', () => {
  const relayed: PingLine = { ...base, path: 'relay', region: 'hbt', latencyMs: 33.6 };
  expect(renderPingLine(relayed)).toBe('pong from printer (100.64.0.7) via DERP(hbt) in 34ms');
  const direct: PingLine = {
    ...base,
    path: 'direct',
    endpoint: '192.168.1.20:41641',
    latencyMs: 3.1,
  };
  expect(renderPingLine(direct)).toBe(
    'pong from printer (100.64.0.7) via 192.168.1.20:41641 in 3ms',
  );
});

test('a missing pong says why', () => {
  expect(renderPingLine({ ...base, path: 'none', reason: 'timeout' })).toBe(
    'no reply from printer (100.64.0.7): timeout',
  );
});

test('what a peer calls itself cannot drive the terminal', () => {
  const line: PingLine = { ...base, peer: 'x\u001b[2J', path: 'none', reason: 'a\nb' };
  expect(renderPingLine(line)).toBe('no reply from x?[2J (100.64.0.7): a?b');
});
