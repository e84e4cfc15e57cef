/** A hub and a relay on files of an authority, and what they serve when these change. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { parseAuthKey } from '@warren/core/control/auth-key';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { makeSelfSigned, type TlsIdentity } from '@warren/shell/tls/self-signed';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runHub } from './control/run-hub.js';
import { runRelay } from './relay/run-relay.js';
import type { ServerOptions } from './server-options.js';

const CHAINED = makeSelfSigned(['behind.example.net'], systemClock.wall()).certificatePem;

let directory: string;
let options: ServerOptions;
let serving: TlsIdentity;
/** The latest first: servers wait for who is connected. */
const running: { close(): unknown }[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-certificate-'));
  options = {
    crypto: createNodeCrypto(),
    random: createNodeRandom(),
    clock: systemClock,
    log: silentLogger,
    listenHost: '127.0.0.1',
    port: 0,
    stunPort: 0,
    hostName: '127.0.0.1',
    stateDir: join(directory, 'state'),
    certificateFiles: { certificate: file('fullchain.pem'), privateKey: file('privkey.pem') },
    regionId: 900,
    regionCode: 'home',
    regionName: 'Home',
  };
  serving = replace();
});
afterEach(async () => {
  for (const one of running.splice(0)) await one.close();
  rmSync(directory, { recursive: true });
});

const file = (name: string): string => join(directory, name);

/** Others on disk from now on. */
function replace(): TlsIdentity {
  const identity = makeSelfSigned([options.hostName], systemClock.wall());
  writeFileSync(file('fullchain.pem'), identity.certificatePem + CHAINED);
  writeFileSync(file('privkey.pem'), identity.privateKeyPem);
  return identity;
}

/** A connection of who trusts `identity` and looks at names; rejects when it is not that which is served. */
async function connects(port: number, identity: TlsIdentity): Promise<TLSSocket> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ca: identity.certificatePem }, () => {
      running.unshift({ close: () => socket.destroy() });
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

async function connectsSoon(port: number, identity: TlsIdentity): Promise<TLSSocket> {
  for (const end = performance.now() + 10_000; ; await sleep(100)) {
    try {
      return await connects(port, identity);
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
}

test('a hub serves them with their chain, and tells nobody to pin anything', async () => {
  const hub = await runHub(options);
  running.unshift(hub);
  const socket = await connects(hub.port, serving);
  expect(socket.getPeerX509Certificate()?.toString()).toBe(serving.certificatePem);
  const { key } = await hub.admin.createAuthKey({ reusable: false, expiresInMs: 60_000 });
  expect(parseAuthKey(key)).not.toHaveProperty('pins');
  expect(JSON.stringify(hub.relayMap)).not.toContain('sha256');
  expect(() => readFileSync(join(options.stateDir, 'tls.pem'))).toThrow('ENOENT');
});

test('a relay’s region has no pin', async () => {
  const relay = await runRelay(options);
  running.unshift(relay);
  await connects(relay.port, serving);
  expect(relay.region.Nodes).toEqual([
    expect.not.objectContaining({ CertName: expect.anything() as string }),
  ]);
});

test('others on disk are served within seconds; who was connected stays', async () => {
  const hub = await runHub(options);
  running.unshift(hub);
  const before = await connects(hub.port, serving);
  const next = replace();
  await connectsSoon(hub.port, next);
  await expect(connects(hub.port, serving)).rejects.toThrow();
  expect(before.destroyed).toBe(false);
});

test('what makes no sense is not served; the key that comes after its certificate mends it', async () => {
  const hub = await runHub(options);
  running.unshift(hub);
  const next = makeSelfSigned([options.hostName], systemClock.wall());
  writeFileSync(file('fullchain.pem'), next.certificatePem);
  await sleep(2_500);
  await connects(hub.port, serving);
  writeFileSync(file('privkey.pem'), next.privateKeyPem);
  await connectsSoon(hub.port, next);
});

test('a start with files that can’t serve says why, and leaves nothing behind', async () => {
  await expect(runHub({ ...options, hostName: '127.0.0.2' })).rejects.toMatchObject({
    code: 'CERTIFICATE_UNUSABLE',
  });
  running.unshift(await runHub(options));
});
