/** Relay maps from elsewhere, read from files and from a web server on loopback. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@warren/shell/log';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkMapUrl, DerpMaps, mergedRegions, readPartialMap } from './derp-maps.js';

const region = (id: number, host = `derp${id}.example.net`): object => ({
  RegionID: id,
  RegionCode: `r${id}`,
  RegionName: `Region ${id}`,
  Nodes: [{ Name: `${id}a`, RegionID: id, HostName: host }],
});
const text = (regions: object, more: object = {}): string =>
  JSON.stringify({ Regions: regions, ...more });

function read(json: string): Exclude<ReturnType<typeof readPartialMap>, string> {
  const map = readPartialMap(Buffer.from(json));
  if (typeof map === 'string') throw new Error(map);
  return map;
}
const idsOf = (regions: readonly { readonly RegionID: number }[]): number[] =>
  regions.map(({ RegionID }) => RegionID);

let directory: string;
let server: Server;
let url: string;
let answer: { status: number; body: string };
let maps: DerpMaps | undefined;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'warren-maps-'));
  answer = { status: 200, body: text({ 1: region(1), 2: region(2) }) };
  server = createServer((_, response) => {
    response.writeHead(answer.status).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/derpmap/default`;
});
afterEach(() => {
  maps?.close();
  server.close();
  server.closeAllConnections();
  rmSync(directory, { recursive: true });
});

async function started(file?: string): Promise<{ readonly maps: DerpMaps; changes: () => number }> {
  let changes = 0;
  const path = join(directory, 'map.json');
  if (file !== undefined) writeFileSync(path, file);
  maps = new DerpMaps({
    sources: [
      { kind: 'url', place: url },
      ...(file === undefined ? [] : [{ kind: 'file', place: path } as const]),
    ],
    log: silentLogger,
    onChange: () => changes++,
  });
  await maps.start();
  return { maps, changes: () => changes };
}

test('a later source adds, replaces and removes regions of those before it', () => {
  const first = read(text({ 1: region(1), 2: region(2), 3: region(3) }));
  const second = read(text({ 2: null, 3: region(3, 'other.example.net'), 900: region(900) }));
  const merged = mergedRegions([first, second]);
  expect(idsOf(merged)).toEqual([1, 3, 900]);
  expect(merged[1]?.Nodes[0]?.HostName).toBe('other.example.net');
  const alone = read(text({ 900: region(900) }, { omitDefaultRegions: true }));
  expect(idsOf(mergedRegions([first, alone]))).toEqual([900]);
});

test('a region that no client could use is left out, and a map of none but these is none', () => {
  const odd = { RegionID: 2, Nodes: [{ Name: 'x', RegionID: 2, HostName: 'not a host' }] };
  expect([...read(text({ 1: region(1), 2: odd })).regions.keys()]).toEqual([1]);
  expect(readPartialMap(Buffer.from(text({ 2: odd })))).toBe('no region of it can be used');
});

test.each(['', '[]', '{"Regions": 1}', text({ zero: region(1) }), text({ 0: null })])(
  '%j is no map',
  (json) => {
    expect(readPartialMap(Buffer.from(json))).toEqual(expect.any(String));
  },
);

test.each(['http://derp.example.net/map', 'ftp://x/map', 'derp.example.net', ''])(
  '%j is no address of a map',
  (place) => {
    expect(() => checkMapUrl(place)).toThrow(expect.objectContaining({ code: 'CONTROL_SETTING' }));
  },
);

test('what changed is told once, what did not is not, and a failure changes nothing', async () => {
  const { maps: read, changes } = await started(text({ 2: null }));
  expect(idsOf(read.regions)).toEqual([1]);
  expect(changes()).toBe(1);
  await read.refresh();
  expect(changes()).toBe(1);
  for (const bad of [
    { status: 500, body: '' },
    { status: 200, body: 'no' },
    { status: 200, body: text({ 1: { ...region(1), pad: 'x'.repeat(2 ** 20) } }) },
  ]) {
    answer = bad;
    await read.refresh();
  }
  expect(idsOf(read.regions)).toEqual([1]);
  expect(changes()).toBe(1);
  answer = { status: 200, body: text({ 3: region(3) }) };
  await read.refresh();
  expect(idsOf(read.regions)).toEqual([3]);
  expect(changes()).toBe(2);
});

test('a start goes on without an address that does not answer, not without a file', async () => {
  answer = { status: 404, body: '' };
  expect((await started()).maps.regions).toEqual([]);
  await expect(started('{')).rejects.toMatchObject({ code: 'CONTROL_SETTING' });
});
