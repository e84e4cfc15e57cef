import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { formatAuthKey, generateAuthKey } from '@warren/core/control/auth-key';
import { runHub } from '@warren/servers/control/run-hub';
import { runRelay } from '@warren/servers/relay/run-relay';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { parsePin } from '@warren/shell/tls/pins';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchRelayMap, relayMapOf } from './fetch-relay-map.js';
import { findRelayMap } from './run-standalone.js';

const alive = new AbortController().signal;

let dir = '';
const closing: (() => Promise<void>)[] = [];

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'warren-map-'));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  fs.rmSync(dir, { recursive: true, force: true });
});

const server = (name: string) => ({
  crypto: createNodeCrypto(),
  random: createNodeRandom(),
  clock: systemClock,
  log: silentLogger,
  listenHost: '127.0.0.1',
  port: 0,
  stunPort: 0,
  hostName: '127.0.0.1',
  stateDir: path.join(dir, name),
  regionId: 901,
  regionCode: 'home',
  regionName: 'Home',
});

test('a hub hands its relay map to who pins it, and to nobody who was fooled', async () => {
  const hub = await runHub(server('hub'));
  closing.push(() => hub.close());
  const pin = parsePin(`sha256-raw:${hub.pins.certificateSha256}`);
  const map = await fetchRelayMap(hub.url, pin, alive);
  expect(map.regions.get(901)).toMatchObject({
    code: 'home',
    nodes: [{ hostName: '127.0.0.1', relayPort: hub.port, stunPort: hub.stunPort }],
  });
  expect(map.regions.get(901)?.nodes[0]?.dialsBack).toBe(true);
  const other = parsePin(`sha256-raw:${'00'.repeat(32)}`);
  await expect(fetchRelayMap(hub.url, other, alive)).rejects.toMatchObject({
    code: 'TLS_PIN_MISMATCH',
  });
  await expect(fetchRelayMap(hub.url, undefined, alive)).rejects.toMatchObject({
    code: 'TLS_UNTRUSTED',
  });
});

test('who has not joined yet pins the hub by the auth key, which stays unused', async () => {
  const hub = await runHub(server('hub'));
  closing.push(() => hub.close());
  const { pins } = hub;
  const authKey = formatAuthKey({ ...generateAuthKey(createNodeRandom()), pins });
  const places = {
    loginServer: hub.url,
    stateDir: dir,
    askDaemon: () => Promise.resolve(undefined),
    signal: alive,
  };
  expect((await findRelayMap({ ...places, authKey })).regions.has(901)).toBe(true);
  await expect(findRelayMap(places)).rejects.toMatchObject({ code: 'TLS_UNTRUSTED' });
  const cut = authKey.slice(0, -20);
  await expect(findRelayMap({ ...places, authKey: cut })).rejects.toMatchObject({
    code: 'AUTH_KEY_FORMAT',
  });
});

test('a server without a map is named', async () => {
  const relay = await runRelay(server('relay'));
  closing.push(() => relay.close());
  const pin = parsePin(relay.region.Nodes[0]?.CertName ?? '');
  const asked = fetchRelayMap(`https://127.0.0.1:${relay.port}`, pin, alive);
  await expect(asked).rejects.toMatchObject({ code: 'RELAY_MAP_UNKNOWN' });
  await expect(
    fetchRelayMap('http://hub', undefined, alive).catch((e: unknown) => e),
  ).resolves.toMatchObject({ code: 'LOGIN_SERVER_URL' });
});

test("the daemon's map comes before the login's, and none at all is told", async () => {
  const told = { Regions: { '7': { RegionID: 7, RegionCode: 'x', Nodes: [{ HostName: 'h' }] } } };
  const places = { loginServer: undefined, stateDir: dir, signal: alive };
  const map = await findRelayMap({ ...places, askDaemon: () => Promise.resolve(told) });
  expect([...map.regions.keys()]).toEqual([7]);
  const nobody = findRelayMap({ ...places, askDaemon: () => Promise.resolve(undefined) });
  await expect(nobody).rejects.toMatchObject({ code: 'RELAY_MAP_UNKNOWN' });
});

test('what is no map, or a map of nothing, is none', () => {
  for (const text of ['', 'no', '[]', '{}', '{"Regions":{}}', '{"Regions":[1]}']) {
    expect(relayMapOf(Buffer.from(text))).toBeUndefined();
  }
});
