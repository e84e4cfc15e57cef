import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createLogger } from '@warren/shell/log';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KernelSwitches } from './forwarding.js';

let directory: string;
const off = { forwards4: false, forwards6: false, checksMarks: false };
const both = { ...off, forwards4: true, forwards6: true };
const V4 = 'net/ipv4/ip_forward';
const V6 = 'net/ipv6/conf/all/forwarding';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-switches-'));
  for (const [path, value] of [
    [V4, '0'],
    [V6, '0'],
    ['net/ipv6/conf/all/accept_ra', '1'],
    ['net/ipv6/conf/eth0/accept_ra', '1'],
    ['net/ipv6/conf/eth1/accept_ra', '0'],
  ] as const) {
    write(path, value);
  }
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(path: string, value: string): void {
  const file = join(directory, 'sys', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${value}\n`);
}
const read = (path: string): string => readFileSync(join(directory, 'sys', path), 'utf8').trim();
const start = (lines?: string[]): KernelSwitches =>
  new KernelSwitches({
    stateDir: directory,
    root: join(directory, 'sys'),
    log:
      lines === undefined
        ? createLogger({ level: 'error' })
        : createLogger({ level: 'warn', sink: { write: (text) => lines.push(text) } }),
  });

test('forwarding is switched on, advertised default routes kept, and all put back', () => {
  const switches = start();
  expect(switches.apply(both)).toEqual([]);
  expect([read(V4), read(V6), read('net/ipv6/conf/eth0/accept_ra')]).toEqual(['1', '1', '2']);
  expect(read('net/ipv6/conf/eth1/accept_ra')).toBe('0');
  expect(switches.changed).toContain('net.ipv4.ip_forward');
  switches.apply(off);
  expect([read(V4), read(V6), read('net/ipv6/conf/eth0/accept_ra')]).toEqual(['0', '0', '1']);
  expect(switches.changed).toEqual([]);
});

test('what was on before us stays on', () => {
  write(V4, '1');
  const switches = start();
  switches.apply(both);
  expect(switches.changed).not.toContain('net.ipv4.ip_forward');
  switches.apply(off);
  expect(read(V4)).toBe('1');
});

test('who comes after a kill puts back what was', () => {
  start().apply(both);
  const next = start();
  next.apply({ ...off, forwards4: true });
  expect([read(V4), read(V6), read('net/ipv6/conf/eth0/accept_ra')]).toEqual(['1', '0', '1']);
  start().apply(off);
  expect(read(V4)).toBe('0');
});

test('what somebody else has set since stays', () => {
  const switches = start();
  switches.apply(both);
  write('net/ipv6/conf/eth0/accept_ra', '0');
  switches.apply(off);
  expect(read('net/ipv6/conf/eth0/accept_ra')).toBe('0');
});

test('a switch that is refused is told, by its name', () => {
  rmSync(join(directory, 'sys', V4));
  mkdirSync(join(directory, 'sys', V4));
  expect(start().apply({ ...off, forwards4: true })).toEqual([
    "net.ipv4.ip_forward is not there and can't be set to 1 (EISDIR)",
  ]);
});

test.each([
  ['paths outside, and what is no entry', '[["net/ipv4/../../evil","1"],["/etc/x","0"],7]'],
  ['one that is outside, among others', '[["net/ipv4/ip_forward","0"],["net/ipv4/../x","1"]]'],
  ['no list', '{"net/ipv4/ip_forward":"0"}'],
  ['a part of a file', '[["net/ipv4/ip_forwa'],
  ['nonsense', 'nonsense'],
])('a file with %s is kept aside, with a warning, and taken as none', (_what, text) => {
  writeFileSync(join(directory, 'kernel-switches.json'), text);
  const lines: string[] = [];
  const switches = start(lines);
  expect(switches.changed).toEqual([]);
  expect(lines.join('')).toContain('kernel switches of an earlier run stay as they are');
  const aside = join(directory, 'kernel-switches.json.corrupt-1');
  expect(readFileSync(aside, 'utf8')).toBe(text);
  // From here on as at a first start; what was kept aside stays.
  switches.apply(both);
  expect(start().changed).toContain('net.ipv4.ip_forward');
  expect(readFileSync(aside, 'utf8')).toBe(text);
});

test('no file is no warning, and neither is one of any interface', () => {
  const lines: string[] = [];
  write('net/ipv6/conf/wl#1+/accept_ra', '1');
  start(lines).apply(both);
  expect(start(lines).changed).toContain('net.ipv6.conf.wl#1+.accept_ra');
  expect(lines).toEqual([]);
});

test('a file that can not be read costs the memory, not the start', () => {
  mkdirSync(join(directory, 'kernel-switches.json'));
  const lines: string[] = [];
  expect(start(lines).changed).toEqual([]);
  expect(lines.join('')).toContain('stay as they are');
});
