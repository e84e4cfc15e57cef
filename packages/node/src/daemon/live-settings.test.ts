import { createLogger } from '@warren/shell/log';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_ROUTE_SETTINGS } from '../config/route-settings.js';
import { Health } from './health.js';
import { LiveSettings } from './live-settings.js';
import { freshProfile, type Profile } from './profile.js';

let profile: Profile;
let told: string[];
let isDiskFull: boolean;
let open: LiveSettings[];

beforeEach(() => {
  profile = freshProfile({ fill: (target) => target.fill(7) });
  told = [];
  isDiskFull = false;
  open = [];
});
afterEach(() => {
  for (const settings of open) settings.close();
});

function start(staticEndpoints: readonly string[] = [], hardNats = true): LiveSettings {
  const settings = new LiveSettings({
    started: {
      configFile: '/etc/warren/node.hujson',
      staticEndpoints,
      healthPort: undefined,
      portMapping: true,
      mtuBytes: 1_280,
      hardNats,
      acceptDns: true,
      routes: DEFAULT_ROUTE_SETTINGS,
    },
    file: {
      get profile() {
        return profile;
      },
      store(next) {
        if (isDiskFull) throw new Error('full');
        profile = next;
      },
    },
    health: new Health(),
    log: createLogger({ level: 'error' }),
    exitNodeOf: (wanted) => `id-of-${wanted}`,
    onRoutes: () => told.push('routes'),
    onStaticEndpoints: (endpoints) => told.push(endpoints.join(' ')),
    onHostName: (name) => told.push(name),
    onHardNats: (isOn) => told.push(`hard NATs ${isOn}`),
    onAcceptDns: () => told.push('accept-dns'),
  });
  open.push(settings);
  return settings;
}

test('what is set is added to what the start said, told at once, and there after a restart', () => {
  const settings = start(['192.0.2.1:1']);
  const report = settings.change({ staticEndpoints: ['192.0.2.2:2', '[2001:DB8::1]:3'] });
  expect(report.staticEndpoints).toEqual({
    set: ['192.0.2.2:2', '[2001:db8::1]:3'],
    started: ['192.0.2.1:1'],
    inUse: ['192.0.2.1:1', '192.0.2.2:2', '[2001:db8::1]:3'],
  });
  expect(told.at(-1)).toBe('192.0.2.1:1 192.0.2.2:2 [2001:db8::1]:3');
  expect(start().staticEndpoints).toEqual(['192.0.2.2:2', '[2001:db8::1]:3']);
});

test('what is set replaces what was set; an empty list leaves what the start said', () => {
  const settings = start(['192.0.2.1:1']);
  settings.change({ staticEndpoints: ['192.0.2.2:2'] });
  settings.change({ staticEndpoints: ['192.0.2.3:3'] });
  expect(settings.status().staticEndpoints).toEqual(['192.0.2.1:1', '192.0.2.3:3']);
  settings.change({ staticEndpoints: [] });
  expect(settings.staticEndpoints).toEqual(['192.0.2.1:1']);
});

test('guessing of ports is switched at once, once, and stays so; what the start said holds until then', () => {
  const settings = start();
  expect(settings.hardNats).toBe(true);
  told = [];
  expect(settings.change({ hardNats: false }).hardNats).toBe(false);
  settings.change({ hardNats: false });
  settings.change({ staticEndpoints: [] });
  expect(told.filter((one) => one.startsWith('hard'))).toEqual(['hard NATs false']);
  expect(start().hardNats).toBe(false);
  expect(start([], false).change({ hardNats: true }).hardNats).toBe(true);
  profile = freshProfile({ fill: (target) => target.fill(7) });
  expect(start([], false).status().hardNats).toBe(false);
});

test('a wrong endpoint, too many of them or a full disk change nothing', () => {
  const settings = start(['192.0.2.1:1']);
  settings.change({ staticEndpoints: ['192.0.2.2:2'], hostName: 'alpha' });
  const before = settings.report();
  const wrong = { staticEndpoints: ['192.0.2.9:9', '127.0.0.1:1'], hostName: 'beta' };
  expect(() => settings.change(wrong)).toThrow('no peer can send to 127.0.0.1');
  const many = Array.from({ length: 16 }, (_, at) => `192.0.2.7:${at + 1}`);
  expect(() => settings.change({ staticEndpoints: many })).toThrow('17 static endpoints');
  isDiskFull = true;
  expect(() => settings.change({ staticEndpoints: [] })).toThrow('full');
  expect(settings.report()).toEqual(before);
});

test('another name is told once', () => {
  const settings = start();
  expect(settings.change({ hostName: 'alpha' }).hostName).toBe('alpha');
  settings.change({ hostName: 'alpha' });
  expect(told).toEqual(['alpha']);
});

test('the DNS settings of the network are used until somebody says no, for ever', () => {
  const settings = start();
  expect(settings.acceptDns).toBe(true);
  told.length = 0;
  expect(settings.change({ acceptDns: false }).acceptDns).toBe(false);
  settings.change({ acceptDns: false });
  expect(told).toEqual(['accept-dns']);
  expect(start().acceptDns).toBe(false);
});

test('routes that were set stand over those of the start, each by itself, and over restarts', () => {
  const settings = start();
  settings.change({ routes: { advertiseRoutes: ['10.1.0.0/16'], acceptRoutes: true } });
  settings.change({ routes: { exitNode: 'fra' } });
  expect(told.filter((word) => word === 'routes')).toHaveLength(2);
  expect(start().routes).toEqual({
    ...DEFAULT_ROUTE_SETTINGS,
    advertiseRoutes: ['10.1.0.0/16'],
    acceptRoutes: true,
    exitNode: 'id-of-fra',
  });
  settings.change({ routes: { exitNode: '', advertiseRoutes: [] } });
  expect(start().routes).toEqual({ ...DEFAULT_ROUTE_SETTINGS, acceptRoutes: true });
});

test('both default routes are an exit node, one alone is none, and nobody is and uses one', () => {
  const settings = start();
  const { routes } = settings.change({
    routes: { advertiseRoutes: ['::/0', '10.1.0.0/16', '0.0.0.0/0'] },
  });
  expect(routes).toMatchObject({ advertiseRoutes: ['10.1.0.0/16'], advertiseExitNode: true });
  for (const wrong of [
    { advertiseRoutes: ['0.0.0.0/0'] },
    { advertiseRoutes: ['10.1.0.1/16'] },
    { advertiseRoutes: ['nonsense'] },
    { exitNode: 'fra' },
  ]) {
    expect(() => settings.change({ routes: wrong })).toThrow(
      expect.objectContaining({ code: 'ROUTES' }),
    );
  }
  expect(start().routes).toEqual(routes);
  settings.change({ routes: { advertiseExitNode: false, exitNode: 'fra' } });
  expect(start().routes).toMatchObject({ advertiseExitNode: false, exitNode: 'id-of-fra' });
});
