import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Endpoint } from '@warren/core/ip/address';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseNodeConfig } from './node-config.js';
import { readSettings, type SettingSources } from './settings.js';
import { parseStaticEndpoint, splitEndpointList } from './static-endpoints.js';

let directory: string;
let configFile: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-config-'));
  configFile = join(directory, 'node.hujson');
});
afterEach(() => rmSync(directory, { recursive: true }));

function settings(change: Partial<SettingSources>): readonly string[] {
  return readSettings({ configFile, staticEndpoints: [], environment: {}, ...change })
    .staticEndpoints;
}

test('flags, environment and configuration add up, each endpoint once', () => {
  writeFileSync(
    configFile,
    '{ // ours\n "staticEndpoints": ["192.0.2.3:3", "192.0.2.1:1", "[2001:DB8:0::1]:4"],\n}',
  );
  const environment = { WARREN_STATIC_ENDPOINTS: ' 192.0.2.2:2 ,192.0.2.1:1,' };
  const staticEndpoints = ['192.0.2.1:1' as Endpoint];
  expect(settings({ environment, staticEndpoints })).toEqual([
    '192.0.2.1:1',
    '192.0.2.2:2',
    '192.0.2.3:3',
    '[2001:db8::1]:4',
  ]);
});

test('routers are asked to map ports unless flag, environment or configuration forbid it', () => {
  const portMapping = (change: Partial<SettingSources>) =>
    readSettings({ configFile, staticEndpoints: [], environment: {}, ...change }).portMapping;
  writeFileSync(configFile, '{}');
  expect(portMapping({})).toBe(true);
  expect(portMapping({ portMapping: false })).toBe(false);
  for (const [value, isOn] of [
    ['1', false],
    ['true', false],
    ['', true],
    ['0', true],
    ['false', true],
  ] as const) {
    const environment = { WARREN_DISABLE_PORTMAPPER: value };
    expect(portMapping({ environment })).toBe(isOn);
  }
  writeFileSync(configFile, '{ "portMapping": false }');
  expect(portMapping({})).toBe(false);
  expect(portMapping({ portMapping: true })).toBe(false);
});

test('a configuration that was named must exist; the usual one need not', () => {
  expect(() => settings({})).toThrow(expect.objectContaining({ code: 'FILE_MISSING' }));
  writeFileSync(configFile, '{}');
  expect(settings({})).toEqual([]);
});

test('a wrong line of the configuration is named', () => {
  const bytes = Buffer.from('{\n"staticEndpoints": [\n"192.0.2.1"]}');
  expect(() => parseNodeConfig('/etc/warren/node.hujson', bytes)).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message:
        '/etc/warren/node.hujson:3:1: "192.0.2.1" is not ADDRESS:PORT or NAME:PORT (IPv6: [ADDRESS]:PORT)',
    }),
  );
  expect(() => parseNodeConfig('/x', Buffer.from('{"staticEndpoint": []}'))).toThrow(
    '/x:1:2: "staticEndpoint" is no setting; there is: staticEndpoints, healthPort',
  );
});

test('a wrong variable is named', () => {
  writeFileSync(configFile, '{}');
  const environment = { WARREN_STATIC_ENDPOINTS: '192.0.2.1:1,nonsense' };
  expect(() => settings({ environment })).toThrow(
    expect.objectContaining({
      code: 'STATIC_ENDPOINT',
      message: expect.stringMatching(/^WARREN_STATIC_ENDPOINTS: "nonsense" is not ADDRESS:PORT/),
    }),
  );
});

test('more than sixteen are refused, wherever they come from', () => {
  const many = (count: number) => Array.from({ length: count }, (_, at) => `192.0.2.1:${at + 1}`);
  writeFileSync(configFile, JSON.stringify({ staticEndpoints: many(16) }));
  expect(settings({})).toHaveLength(16);
  const environment = { WARREN_STATIC_ENDPOINTS: '192.0.2.9:9' };
  expect(() => settings({ environment })).toThrow('there are 17 static endpoints');
  writeFileSync(configFile, JSON.stringify({ staticEndpoints: many(17) }));
  expect(() => settings({})).toThrow(':1:20: at most 16 static endpoints');
});

test.each([
  ['192.0.2.1:0', /has no port/],
  ['192.0.2.1:65536', /is not ADDRESS:PORT/],
  ['192.0.2.300:1', /is not ADDRESS:PORT/],
  ['hub..example.net:41641', /is not ADDRESS:PORT/],
  ['-hub.example.net:41641', /is not ADDRESS:PORT/],
  ['hub.example.net', /is not ADDRESS:PORT/],
  ['hub.example.net:0', /has no port/],
  ['hub.example.net:65536', /is not ADDRESS:PORT/],
  ['0.0.0.0:1', /no peer can send to/],
  ['127.0.0.1:1', /no peer can send to/],
  ['[fe80::1]:1', /no peer can send to/],
  ['[ff02::1]:1', /no peer can send to/],
  ['100.64.0.9:41641', /inside the mesh/],
])('%s is no static endpoint', (text, problem) => {
  expect(parseStaticEndpoint(text).problem).toMatch(problem);
});

test('a private address may be one: peers of the same company reach it', () => {
  expect(parseStaticEndpoint('10.0.0.1:41641').endpoint).toBe('10.0.0.1:41641');
});

test('a name may be one, in one spelling', () => {
  expect(parseStaticEndpoint('VPN.Example.com.:41641').endpoint).toBe('vpn.example.com:41641');
  expect(parseStaticEndpoint('nas_2:1').endpoint).toBe('nas_2:1');
});

test('the health port is a flag, else a variable, else a line of the file', () => {
  writeFileSync(configFile, '{ "healthPort": 3 }');
  const read = (change: Partial<SettingSources>) =>
    readSettings({ configFile, staticEndpoints: [], environment: {}, ...change }).healthPort;
  const environment = { WARREN_HEALTH_PORT: '2' };
  expect(read({ healthPort: 1, environment })).toBe(1);
  expect(read({ environment })).toBe(2);
  expect(read({})).toBe(3);
  expect(() => read({ environment: { WARREN_HEALTH_PORT: '65536' } })).toThrow(
    'WARREN_HEALTH_PORT: "65536" is no TCP port',
  );
  writeFileSync(configFile, '{ "healthPort": 0 }');
  expect(() => read({})).toThrow('a whole number from 1 to 65535 is expected here');
  writeFileSync(configFile, '{}');
  expect(read({})).toBeUndefined();
});

test('the MTU is a flag, else a variable, else a line of the file, else 1,280', () => {
  writeFileSync(configFile, '{ "mtu": 8920 }');
  const read = (change: Partial<SettingSources>) =>
    readSettings({ configFile, staticEndpoints: [], environment: {}, ...change }).mtuBytes;
  const environment = { WARREN_MTU: ' 1420 ' };
  expect(read({ mtuBytes: 1_300, environment })).toBe(1_300);
  expect(read({ environment })).toBe(1_420);
  expect(read({})).toBe(8_920);
  for (const WARREN_MTU of ['1279', '8921', '1280.5', '-1', 'much']) {
    expect(() => read({ environment: { WARREN_MTU } })).toThrow(
      expect.objectContaining({ code: 'MTU' }),
    );
  }
  writeFileSync(configFile, '{ "mtu": 1279 }');
  expect(() => read({})).toThrow('a whole number from 1280 to 8920 is expected here');
  writeFileSync(configFile, '{}');
  expect(read({})).toBe(1_280);
});

test('lists forgive spaces and empty members', () => {
  expect(splitEndpointList(' a , ,b,')).toEqual(['a', 'b']);
  expect(splitEndpointList('')).toEqual([]);
});

test('ports of hard NATs are guessed unless the configuration or the environment says no', () => {
  const hardNats = (environment: Readonly<Record<string, string>> = {}): boolean =>
    readSettings({ configFile, staticEndpoints: [], environment }).hardNats;
  writeFileSync(configFile, '{}');
  expect(hardNats()).toBe(true);
  expect(hardNats({ WARREN_DISABLE_HARD_NATS: '0' })).toBe(true);
  expect(hardNats({ WARREN_DISABLE_HARD_NATS: '1' })).toBe(false);
  writeFileSync(configFile, '{ "hardNats": false }');
  expect(hardNats()).toBe(false);
});

test('routes are a flag, else a variable, else a line of the file, each setting by itself', () => {
  writeFileSync(
    configFile,
    '{ "advertiseRoutes": ["10.1.0.0/16"], "acceptRoutes": true, "snatSubnetRoutes": false }',
  );
  const environment = {
    WARREN_ADVERTISE_ROUTES: '10.2.0.0/16, 10.3.0.0/16',
    WARREN_EXIT_NODE: 'a',
  };
  const routes = { exitNode: 'b' };
  const read = (change: Partial<SettingSources>) =>
    readSettings({ configFile, staticEndpoints: [], environment: {}, ...change }).routes;
  expect(read({})).toMatchObject({ advertiseRoutes: ['10.1.0.0/16'], exitNode: '' });
  expect(read({ environment, routes })).toEqual({
    advertiseRoutes: ['10.2.0.0/16', '10.3.0.0/16'],
    advertiseExitNode: false,
    acceptRoutes: true,
    exitNode: 'b',
    exitNodeAllowLanAccess: false,
    snatSubnetRoutes: false,
  });
  expect(() => read({ environment: { WARREN_ACCEPT_ROUTES: 'maybe' } })).toThrow(
    'WARREN_ACCEPT_ROUTES: "maybe" is neither true nor false',
  );
  writeFileSync(configFile, '{ "advertiseRoutes": ["10.1.0.1/16"] }');
  expect(() => read({})).toThrow('10.1.0.0/16 is meant');
});
