import type { Endpoint } from '@warren/core/ip/address';
import { expect, test } from 'vitest';
import { daemonFlags, environmentNote, requireSettings } from './daemon-settings.js';

const endpoint = '192.0.2.20:41641' as Endpoint;
const other = '192.0.2.21:41641' as Endpoint;
const running = { configFile: '/etc/warren/node.hujson', staticEndpoints: [endpoint] };

test('what up was told goes to the daemon it starts, whose directory is another one', () => {
  expect(daemonFlags({})).toEqual([]);
  expect(daemonFlags({ config: 'x.hujson', staticEndpoint: [endpoint, other] })).toEqual([
    ...['--config', `${process.cwd()}/x.hujson`],
    ...['--static-endpoint', endpoint, '--static-endpoint', other],
  ]);
});

test('routers are left alone by the daemon that up starts, and a running one that asks them is told of', () => {
  expect(daemonFlags({ portMapping: false })).toEqual(['--no-port-mapping']);
  expect(daemonFlags({ portMapping: true })).toEqual([]);
  requireSettings({ portMapping: false }, { ...running, portMapping: false });
  requireSettings({ portMapping: true }, { ...running, portMapping: false });
  expect(() => requireSettings({ portMapping: false }, { ...running, portMapping: true })).toThrow(
    'the daemon runs already, without --no-port-mapping',
  );
});

test('a running daemon that has it all is fine', () => {
  requireSettings({}, running);
  requireSettings({ config: running.configFile, staticEndpoint: [endpoint] }, running);
});

test('what a running daemon lacks is an error, not lost', () => {
  expect(() => requireSettings({ staticEndpoint: [endpoint, other] }, running)).toThrow(
    'the daemon runs already, without the static endpoint 192.0.2.21:41641',
  );
  expect(() => requireSettings({ config: '/x', staticEndpoint: [other] }, running)).toThrow(
    'without the static endpoint 192.0.2.21:41641 and the configuration /x',
  );
});

test('an environment meant for the daemon is told', () => {
  expect(environmentNote({}, running)).toBeUndefined();
  expect(environmentNote({ WARREN_STATIC_ENDPOINTS: endpoint }, running)).toBeUndefined();
  expect(environmentNote({ WARREN_STATIC_ENDPOINTS: `${endpoint}, ${other}` }, running)).toContain(
    'was started without 192.0.2.21:41641',
  );
});
