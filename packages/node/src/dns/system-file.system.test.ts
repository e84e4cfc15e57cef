import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SystemDns } from '@warren/core/dns/dns-config';
import { formatUpstream } from '@warren/core/dns/upstream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SystemFile } from './system-file.js';

const DNS = {
  nameservers: ['100.100.100.100'],
  searchDomains: ['net.example'],
  matchDomains: ['net.example'],
} as unknown as SystemDns;
const ORIGINAL = 'search lan\nnameserver 192.0.2.53\noptions timeout:1\n';

let directory = '';
const path = (name: string): string => join(directory, name);
const file = (): string => fs.readFileSync(path('resolv.conf'), 'utf8');

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'warren-dns-'));
});
afterEach(() => fs.rmSync(directory, { recursive: true }));

test('set, changed and taken back: the file is as it was, to the byte', async () => {
  fs.writeFileSync(path('resolv.conf'), ORIGINAL, { mode: 0o640 });
  const system = new SystemFile(directory);
  await system.set(DNS);
  expect(file()).toContain(
    'nameserver 100.100.100.100\nsearch net.example lan\noptions timeout:1\n',
  );
  expect((await system.systemResolvers()).map(formatUpstream)).toEqual(['192.0.2.53']);
  await system.set({ ...DNS, matchDomains: undefined });
  expect(file()).toContain('search net.example\n');
  expect(fs.statSync(path('resolv.conf')).mode & 0o777).toBe(0o644);
  await system.restore();
  expect(file()).toBe(ORIGINAL);
  expect(fs.statSync(path('resolv.conf')).mode & 0o777).toBe(0o640);
  expect(fs.readdirSync(directory)).toEqual(['resolv.conf']);
});

test('after a crash the next process puts the original back', async () => {
  fs.writeFileSync(path('resolv.conf'), ORIGINAL);
  await new SystemFile(directory).set(DNS);
  const next = new SystemFile(directory);
  expect((await next.systemResolvers()).map(formatUpstream)).toEqual(['192.0.2.53']);
  await next.restore();
  expect(file()).toBe(ORIGINAL);
  expect(fs.readdirSync(directory)).toEqual(['resolv.conf']);
});

test('after a crash the next process may also go on', async () => {
  fs.writeFileSync(path('resolv.conf'), ORIGINAL);
  await new SystemFile(directory).set(DNS);
  const next = new SystemFile(directory);
  await next.set(DNS);
  await next.restore();
  expect(file()).toBe(ORIGINAL);
});

test('a symbolic link is one again afterwards, and its target was never written', async () => {
  fs.writeFileSync(path('target'), ORIGINAL);
  fs.symlinkSync('target', path('resolv.conf'));
  const system = new SystemFile(directory);
  await system.set(DNS);
  expect(fs.readFileSync(path('target'), 'utf8')).toBe(ORIGINAL);
  expect(fs.lstatSync(path('resolv.conf')).isSymbolicLink()).toBe(false);
  await system.restore();
  expect(fs.readlinkSync(path('resolv.conf'))).toBe('target');
});

test('a link to nowhere comes back as well', async () => {
  fs.symlinkSync('nowhere', path('resolv.conf'));
  const system = new SystemFile(directory);
  await system.set(DNS);
  await system.restore();
  expect(fs.readlinkSync(path('resolv.conf'))).toBe('nowhere');
});

test('without a file there is none afterwards', async () => {
  const system = new SystemFile(directory);
  await system.set(DNS);
  expect(file()).toContain('100.100.100.100');
  await system.restore();
  expect(fs.readdirSync(directory)).toEqual([]);
  await system.restore();
  expect(fs.readdirSync(directory)).toEqual([]);
});

test('restoring where nothing was set changes nothing', async () => {
  fs.writeFileSync(path('resolv.conf'), ORIGINAL);
  await new SystemFile(directory).restore();
  expect(file()).toBe(ORIGINAL);
});

test("another program's file is the new original", async () => {
  fs.writeFileSync(path('resolv.conf'), ORIGINAL);
  const system = new SystemFile(directory);
  await system.set(DNS);
  expect(system.isStanding()).toBe(true);
  fs.writeFileSync(path('resolv.conf'), 'nameserver 198.51.100.53\n');
  expect(system.isStanding()).toBe(false);
  await system.set(DNS);
  expect((await system.systemResolvers()).map(formatUpstream)).toEqual(['198.51.100.53']);
  await system.restore();
  expect(file()).toBe('nameserver 198.51.100.53\n');
});

test("another program's file is left alone when ours goes", async () => {
  fs.writeFileSync(path('resolv.conf'), ORIGINAL);
  const system = new SystemFile(directory);
  await system.set(DNS);
  fs.writeFileSync(path('resolv.conf'), 'nameserver 198.51.100.53\n');
  await system.restore();
  expect(file()).toBe('nameserver 198.51.100.53\n');
  expect(fs.readdirSync(directory)).toEqual(['resolv.conf']);
});
