import { expect, test } from 'vitest';
import { layerPath } from './views.js';

test('files of a machine are found in its layers', () => {
  expect(layerPath('m', '/run/warren/warren.sock')).toBe('/run/places/m/run/warren/warren.sock');
  expect(layerPath('m', '/var/run/x')).toBe('/run/places/m/run/x');
  expect(layerPath('m', '/etc/resolv.conf')).toBe('/run/places/m/etc/resolv.conf');
  expect(layerPath('m', '/var/lib/warren/state.json')).toBe('/run/places/m/lib/warren/state.json');
  expect(layerPath('m', '/run')).toBe('/run/places/m/run');
});

test('what only begins alike is the computer’s', () => {
  expect(layerPath('m', '/runner/x')).toBe('/runner/x');
  expect(layerPath('m', '/etcetera')).toBe('/etcetera');
  expect(layerPath('m', '/tmp/x')).toBe('/tmp/x');
});
