import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { wallTime } from '@warren/core/base/instant';
import { expect, test } from 'vitest';
import { parsePin, verifyPinned } from './pins.js';
import { makeSelfSigned } from './self-signed.js';

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'over %s the pinned certificate is accepted and another refused',
  async (version) => {
    const identity = makeSelfSigned(['localhost', '127.0.0.1'], wallTime(Date.now()));
    const server = tls.createServer({ cert: identity.certificatePem, key: identity.privateKeyPem });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
    });
    try {
      await once(socket, 'secureConnect');
      expect(verifyPinned(socket, identity.pin)).toBe(true);
      const other = makeSelfSigned(['localhost'], wallTime(Date.now()));
      expect(verifyPinned(socket, other.pin)).toBe(false);
    } finally {
      socket.destroy();
      server.close();
    }
  },
);

test('a trusting client accepts the certificate by name', async () => {
  const identity = makeSelfSigned(['localhost', '127.0.0.1'], wallTime(Date.now()));
  const server = tls.createServer({ cert: identity.certificatePem, key: identity.privateKeyPem });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = tls.connect({ host: '127.0.0.1', port, ca: identity.certificatePem });
  try {
    await once(socket, 'secureConnect');
    expect(socket.authorized).toBe(true);
  } finally {
    socket.destroy();
    server.close();
  }
});

test('pins parse in either case and nothing else does', () => {
  const hex = 'ab'.repeat(32);
  expect(parsePin(`sha256-raw:${hex.toUpperCase()}`)).toBe(`sha256-raw:${hex}`);
  for (const text of ['', hex, `sha256-raw:${hex}0`, 'sha256-raw:', 'relay.example.net']) {
    expect(parsePin(text)).toBeUndefined();
  }
});
