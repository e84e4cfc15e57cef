import { instant } from '@warren/core/base/instant';
import type { DownMessage } from '@warren/core/engines/messages';
import { EngineOutputs } from '@warren/core/path-engine/outputs';
import { ipv4SocketId, ipv6SocketId, reopenMs, Sockets } from '@warren/core/path-engine/sockets';
import { beforeEach, describe, expect, test } from 'vitest';

let outputs: EngineOutputs;
beforeEach(() => {
  outputs = new EngineOutputs();
});

/** Sockets asked for since the last call, as `id:port`. */
function opened(): string[] {
  const messages: DownMessage[] = [];
  for (let out = outputs.poll(); out !== undefined; out = outputs.poll()) {
    if (out.type === 'down') messages.push(out.message);
  }
  return messages.flatMap((message) =>
    message.type === 'open-socket' ? [`${message.socketId}:${message.port}`] : [],
  );
}

describe('opening', () => {
  test('IPv4 first, then IPv6 on the same port', () => {
    const sockets = new Sockets(outputs, 0);
    expect(opened()).toEqual(['1:0']);
    expect(sockets.opened(ipv4SocketId, 50_123)).toBe(4);
    expect(opened()).toEqual(['2:50123']);
    expect(sockets.settled).toBe(false);
    sockets.opened(ipv6SocketId, 50_123);
    expect([sockets.settled, sockets.osHasIpv6, sockets.port(4), sockets.port(6)]).toEqual([
      true,
      true,
      50_123,
      50_123,
    ]);
  });

  test('a port that is taken gives way to any', () => {
    const sockets = new Sockets(outputs, 41_641);
    sockets.failed(ipv4SocketId, instant(0));
    expect(opened()).toEqual(['1:41641', '1:0']);
    sockets.opened(ipv4SocketId, 50_000);
    expect(opened()).toEqual(['2:50000']);
  });

  test('a system without IPv6 is asked twice, then left alone until its network changes', () => {
    const sockets = new Sockets(outputs, 41_641);
    sockets.opened(ipv4SocketId, 41_641);
    sockets.failed(ipv6SocketId, instant(0));
    sockets.failed(ipv6SocketId, instant(0));
    expect(opened()).toEqual(['1:41641', '2:41641', '2:0']);
    expect([sockets.settled, sockets.osHasIpv6, sockets.nextTimeout()]).toEqual([
      true,
      false,
      undefined,
    ]);
    sockets.retryFailed();
    expect(opened()).toEqual(['2:41641']);
  });

  test('the old holder of a port is closed before it is asked for', () => {
    new Sockets(outputs, 41_641);
    const first = outputs.poll();
    expect(first).toEqual({ type: 'down', message: { type: 'close-socket', socketId: 1 } });
  });
});

test('a socket that dies is opened again on its port, at once and then every 5 s', () => {
  const sockets = new Sockets(outputs, 0);
  sockets.opened(ipv4SocketId, 50_000);
  sockets.opened(ipv6SocketId, 50_000);
  opened();
  sockets.failed(ipv4SocketId, instant(1000));
  expect([sockets.isOpen(4), sockets.port(4), sockets.nextTimeout()]).toEqual([
    false,
    undefined,
    1000,
  ]);
  sockets.runTimers(instant(1000));
  expect(opened()).toEqual(['1:50000']);
  sockets.opened(ipv4SocketId, 50_000);
  sockets.failed(ipv4SocketId, instant(1100));
  expect(sockets.nextTimeout()).toBe(1000 + reopenMs);
  sockets.runTimers(instant(1200));
  expect(opened()).toEqual([]);
});

test('sockets that are not ours are ignored', () => {
  const sockets = new Sockets(outputs, 0);
  expect([sockets.opened(7, 1), sockets.failed(7, instant(0))]).toEqual([undefined, undefined]);
});
