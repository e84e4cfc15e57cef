/** A check without a daemon against real relays on loopback, and its probes against liars. */
import * as fs from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { Counters } from '@warren/core/base/counters';
import type { IpAddress } from '@warren/core/ip/address';
import { decodeRelayMap } from '@warren/core/netmap/decode-relay-map';
import type { RelayMap, RelayRegion } from '@warren/core/netmap/types';
import { startHttpFront } from '@warren/servers/relay/http-front';
import { type RunningRelay, runRelay } from '@warren/servers/relay/run-relay';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { probeCaptive } from './captive-probe.js';
import { measureHttps } from './https-latency.js';
import { checkStandalone } from './standalone.js';

const parts = { crypto: createNodeCrypto(), random: createNodeRandom(), clock: systemClock };
const alive = new AbortController().signal;
const LOOPBACK = '127.0.0.1' as IpAddress;

let dir = '';
const closing: (() => unknown)[] = [];

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'warren-netcheck-'));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  fs.rmSync(dir, { recursive: true, force: true });
});

async function relay(regionId: number, stunPort: number | undefined = 0): Promise<RunningRelay> {
  const running = await runRelay({
    ...parts,
    log: silentLogger,
    port: 0,
    stunPort,
    hostName: '127.0.0.1',
    stateDir: path.join(dir, String(regionId)),
    regionId,
    regionCode: `r${regionId}`,
    regionName: `Region ${regionId}`,
  });
  closing.push(() => running.close());
  return running;
}

function mapOf(...relays: readonly RunningRelay[]): RelayMap {
  const regions = Object.fromEntries(relays.map(({ region }) => [region.RegionID, region]));
  const map = decodeRelayMap({ Regions: regions }, new Counters());
  if (map === undefined) throw new Error('a relay writes a map that can be read');
  return map;
}

const check = (relayMap: RelayMap, told: string[] = []) =>
  checkStandalone({
    ...parts,
    relayMap,
    port: 0,
    tunName: 'warren0',
    localAddresses: [LOOPBACK],
    onProgress: (message) => told.push(message),
  });

describe('a check of its own', () => {
  test('hears STUN servers, is dialled back before it speaks, and names the relays', async () => {
    const report = await check(mapOf(await relay(901), await relay(902)));
    expect(report).toMatchObject({ udp: true, ipv4: true, captivePortal: null });
    expect(report.relays.map(({ method }) => method)).toEqual(['stun', 'stun']);
    expect(['r901', 'r902']).toContain(report.preferredRelay);
    // The relays share an address, so they count as one server; but it sees the socket's own one.
    expect(report.globalV4).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(report.nat).toMatchObject({ class: 'none', mapping: 'none' });
    expect(report.endpoints).toContainEqual({
      addr: report.globalV4,
      type: 'stun',
      verified: 'yes',
    });
  });

  test('measures over HTTPS when no STUN server answers, and says what it does', async () => {
    const told: string[] = [];
    const running = await relay(901);
    const map = mapOf(running);
    const [region] = map.regions.values();
    const deaf = region?.nodes.map((node) => ({ ...node, stunPort: undefined })) ?? [];
    const startedAt = performance.now();
    const report = await check(
      { regions: new Map([[901, { ...(region as RelayRegion), nodes: deaf }]]) },
      told,
    );
    expect(performance.now() - startedAt).toBeLessThan(12_000);
    expect(report).toMatchObject({
      udp: false,
      ipv4: true,
      globalV4: null,
      mappingVariesByDestIP: null,
      nat: { class: 'unknown' },
      preferredRelay: 'r901',
    });
    expect(report.relays).toMatchObject([{ region: 'r901', method: 'https' }]);
    expect(report.relays[0]?.latencyMs).toBeGreaterThan(0);
    expect(told.some((message) => message.includes('HTTPS'))).toBe(true);
    expect(report.advice.join()).toContain('No UDP');
  });
});

describe('latency over HTTPS', () => {
  test('comes from a relay', async () => {
    const [region] = mapOf(await relay(901, undefined)).regions.values();
    const result = await measureHttps(region as RelayRegion, alive);
    expect(result).toMatchObject({ family: 4 });
  });

  test('does not come from who has another certificate, nor from nobody', async () => {
    const [region] = mapOf(await relay(901, undefined)).regions.values();
    const [node] = region?.nodes ?? [];
    if (region === undefined || node === undefined) throw new Error('a map has a node');
    const pinned = { ...node, certName: `sha256-raw:${'00'.repeat(32)}` };
    expect(await measureHttps({ ...region, nodes: [pinned] }, alive)).toBeUndefined();
    expect(await measureHttps({ ...region, nodes: [{ ...node, relayPort: 1 }] }, alive)).toBe(
      undefined,
    );
    const second = [{ ...node, relayPort: 1 }, node];
    expect(await measureHttps({ ...region, nodes: second }, alive)).toMatchObject({ family: 4 });
  });

  test('is not waited for by who gave up', async () => {
    const [region] = mapOf(await relay(901, undefined)).regions.values();
    expect(await measureHttps(region as RelayRegion, AbortSignal.abort())).toBeUndefined();
  });
});

describe('a captive portal', () => {
  async function portal(
    answer: (headers: Record<string, unknown>) => [number, Record<string, string>],
  ): Promise<number> {
    const server = createServer((request, response) => {
      const [status, headers] = answer(request.headers);
      response.writeHead(status, headers);
      response.end(status === 204 ? undefined : 'sign in');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => server.close());
    return (server.address() as AddressInfo).port;
  }
  const ask = (port: number) =>
    probeCaptive({ address: LOOPBACK, host: 'relay.example.net', port }, alive);

  test("is not our relay's plain HTTP, which serves nothing else", async () => {
    const front = await startHttpFront({ host: '127.0.0.1', port: 0 });
    closing.push(() => front.close());
    expect(await ask(front.port)).toBe('clear');
    const page = await fetch(`http://127.0.0.1:${front.port}/derp/probe`);
    expect(page.status).toBe(404);
  });

  test('redirects, answers with a page, or with 204 but without the echo', async () => {
    expect(await ask(await portal(() => [302, { Location: 'http://login.example' }]))).toBe(
      'captive',
    );
    expect(await ask(await portal(() => [200, {}]))).toBe('captive');
    expect(await ask(await portal(() => [204, {}]))).toBe('captive');
    const other = { 'X-Tailscale-Response': 'response ts_other' };
    expect(await ask(await portal(() => [204, other]))).toBe('captive');
  });

  test('is asked with the challenge, and told from a relay by its echo', async () => {
    const echo = await portal((headers) => [
      204,
      { 'X-Tailscale-Response': `response ${String(headers['x-tailscale-challenge'])}` },
    ]);
    expect(await ask(echo)).toBe('clear');
  });

  test('is not concluded from silence', async () => {
    expect(await ask(1)).toBe('failed');
  });
});
