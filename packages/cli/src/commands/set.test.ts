import { expect, test } from 'vitest';
import { settingsReport } from '../testing/reports.js';
import { renderSettings } from './set.js';

test('settings say what was set, what the start said, and what names lead to', () => {
  expect(renderSettings(settingsReport)).toEqual([
    'hostname: laptop',
    'static endpoints: vpn.example.com:41641',
    "  from the daemon's start: 192.0.2.20:41641",
    '  with names looked up: 192.0.2.20:41641, 192.0.2.77:41641',
    'health port: 41642',
    'ports of hard NATs are guessed: yes',
    'DNS settings of the network are used: yes',
    'configuration: /etc/warren/node.hujson',
  ]);
});

test('settings without anything are short', () => {
  const none = { set: [], started: [], inUse: [] };
  expect(renderSettings({ ...settingsReport, staticEndpoints: none, healthPort: null })).toEqual([
    'hostname: laptop',
    'static endpoints: none',
    'health port: none',
    'ports of hard NATs are guessed: yes',
    'DNS settings of the network are used: yes',
    'configuration: /etc/warren/node.hujson',
  ]);
});
