/** The watcher with an `ip` of the test's, whose words and failures a real one has on some machines. */
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '@warren/shell/log';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type LinkState, LinkWatcher } from './link-watcher.js';

const GATEWAY = 'default via 192.168.1.1 dev wlan0 proto dhcp metric 600';
const PATH = process.env['PATH'] ?? '';

let directory: string;
let watcher: LinkWatcher;
let changes: LinkState[];
let looks: number;

/** Whole or not at all: the `ip` of the test may be reading. */
function set(name: string, text: string): void {
  writeFileSync(join(directory, 'next'), text);
  renameSync(join(directory, 'next'), join(directory, name));
}
const asked = (): number => readFileSync(join(directory, 'asked'), 'utf8').length;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-link-'));
  changes = [];
  looks = 0;
  for (const name of ['4', '6', 'asked', 'monitor']) set(name, '');
  set('4', `${GATEWAY}\n`);
  const script = `#!/bin/sh
    cd '${directory}'
    if [ "$2" = monitor ]; then . ./monitor; exit; fi
    printf x >> asked
    if [ -e fails ]; then exit 1; fi
    if [ "$1" = -4 ] && [ -e slow ]; then rm slow; cat 4; sleep 1; exit; fi
    cat "\${1#-}"
  `;
  set('ip', script);
  chmodSync(join(directory, 'ip'), 0o755);
  process.env['PATH'] = `${directory}:${PATH}`;
  watcher = new LinkWatcher({
    tunName: 'warren0',
    log: silentLogger,
    onChange: (state) => changes.push(state),
    onEvent: () => looks++,
  });
});

afterEach(() => {
  watcher.close();
  process.env['PATH'] = PATH;
  rmSync(directory, { recursive: true });
});

async function until(holds: () => boolean, ms = 5_000): Promise<void> {
  for (const end = performance.now() + ms; !holds(); await sleep(10)) {
    if (performance.now() > end) throw new Error('not in time');
  }
}

const EVENTS = (pause: string): string => `while echo '2: wlan0 UP'; do sleep ${pause}; done`;

test('another gateway is told once, soon after the event', async () => {
  set('monitor', EVENTS('0.1'));
  expect((await watcher.start()).defaultRoute).toBe(GATEWAY);
  set('4', 'default via 10.0.0.1 dev wlan0\n');
  await until(() => changes.length > 0);
  await sleep(1_500);
  expect(changes.map(({ defaultRoute }) => defaultRoute)).toEqual([
    'default via 10.0.0.1 dev wlan0',
  ]);
});

test('a storm of events costs about a look a second', async () => {
  set('monitor', `while echo '2: veth1 UP'; do :; done`);
  await watcher.start();
  await sleep(3_500);
  expect(looks).toBeGreaterThan(1);
  expect(looks).toBeLessThanOrEqual(4);
  expect(asked()).toBeLessThanOrEqual(10);
  expect(changes).toEqual([]);
});

test('an `ip` that fails now and then is no change of network', async () => {
  set('monitor', EVENTS('0.2'));
  await watcher.start();
  set('fails', '');
  await until(() => looks > 0);
  rmSync(join(directory, 'fails'));
  const before = looks;
  await until(() => looks > before);
  expect(changes).toEqual([]);
});

test('an answer that comes late does not undo a newer one', async () => {
  set('monitor', EVENTS('0.1'));
  await watcher.start();
  set('slow', '');
  await until(() => asked() > 2);
  set('4', 'default via 10.0.0.1 dev wlan0\n');
  await until(() => changes.length > 0);
  await sleep(2_000);
  expect(changes).toHaveLength(1);
});

test('without `ip` there is nothing to tell, and nothing breaks', async () => {
  process.env['PATH'] = '/nonexistent';
  expect((await watcher.start()).defaultRoute).toBe('');
  await sleep(300);
  expect(changes).toEqual([]);
});
