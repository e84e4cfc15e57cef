import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WireFilterRule } from '@warren/core/netmap/wire';
import { createLogger } from '@warren/shell/log';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PacketFilterFile, parsePacketFilter } from './packet-filter-file.js';

const EVERYBODY = ['100.64.0.0/10', 'fd7a:115c:a1e0::/48'];
const ALL = { First: 0, Last: 65_535 };

const parse = (text: string): readonly WireFilterRule[] =>
  parsePacketFilter('rules.hujson', Buffer.from(text));
const problem = (text: string): string => {
  try {
    parse(text);
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  return 'none';
};

test('a file as people write it becomes rules as clients take them', () => {
  const rules = parse(`{
    // all of the network
    "rules": [
      { "from": ["*"], "to": ["100.64.0.2:80", "[fd7a:115c:a1e0::2]:80,443"] },
      {
        "from": ["100.64.0.1", "100.64.1.0/24", "fd7a::1-fd7a::9"],
        "to": ["*:22", "10.0.0.0/8:6000-6063", "*:*"],
        "protocols": ["tcp", "icmpv6", "47"],
      },
    ],
  }`);
  expect(rules).toEqual([
    {
      SrcIPs: EVERYBODY,
      DstPorts: [
        { IP: '100.64.0.2', Ports: { First: 80, Last: 80 } },
        { IP: 'fd7a:115c:a1e0::2', Ports: { First: 80, Last: 80 } },
        { IP: 'fd7a:115c:a1e0::2', Ports: { First: 443, Last: 443 } },
      ],
    },
    {
      SrcIPs: ['100.64.0.1', '100.64.1.0/24', 'fd7a::1-fd7a::9'],
      DstPorts: [
        { IP: '*', Ports: { First: 22, Last: 22 } },
        { IP: '10.0.0.0/8', Ports: { First: 6000, Last: 6063 } },
        { IP: '*', Ports: ALL },
      ],
      IPProto: [6, 58, 47],
    },
  ]);
  expect(parse('{"rules": []}')).toEqual([]);
});

test.each([
  ['{}', '1:1: a list "rules" is missing'],
  ['{"rules": {}}', '1:11: a list'],
  ['{"acls": []}', '1:2: "acls" is no setting'],
  ['{"rules": [\n{"from": ["*"]}]}', '2:1: a rule needs a list "to"'],
  ['{"rules": [{"from": [], "to": ["*:*"]}]}', '1:12: a rule needs a list "from"'],
  ['{"rules": [{"from": ["10.0.0.1/8"], "to": ["*:*"]}]}', '1:22: an address'],
  ['{"rules": [{"from": ["ann"], "to": ["*:*"]}]}', '1:22: an address'],
  ['{"rules": [{"from": [7], "to": ["*:*"]}]}', '1:22: a text'],
  ['{"rules": [{"from": ["*"], "to": ["*"]}]}', '1:35: ADDRESS:PORTS'],
  ['{"rules": [{"from": ["*"], "to": ["fd7a::1:22"]}]}', '1:35: ADDRESS:PORTS'],
  ['{"rules": [{"from": ["*"], "to": ["*:70000"]}]}', '1:35: "70000" are no ports'],
  ['{"rules": [{"from": ["*"], "to": ["*:9-1"]}]}', '1:35: "9-1" are no ports'],
  ['{"rules": [{"from": ["*"], "to": ["*:22,"]}]}', '1:35: "" are no ports'],
  ['{"rules": [{"from": ["*"], "to": ["*:*"], "protocols": ["tpc"]}]}', '1:57: use icmp, tcp'],
  ['{"rules": [{"from": ["*"], "to": ["*:*"], "protocols": ["256"]}]}', '1:57: use icmp, tcp'],
])('%s is refused with its place', (text, message) => {
  expect(problem(text)).toContain(`rules.hujson:${message}`);
});

let directory: string;
let file: PacketFilterFile | undefined;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'warren-filter-'));
});

afterEach(() => {
  file?.close();
  file = undefined;
  rmSync(directory, { recursive: true });
});

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); await sleep(50)) {
    if (Date.now() > end) throw new Error(`not ${what} in time`);
  }
}

test('a file that is missing is told with its path', () => {
  const log = createLogger({ level: 'silent' });
  const missing = path.join(directory, 'none.hujson');
  expect(() => new PacketFilterFile(missing, log)).toThrow(missing);
});

test('changes are heard, in place or by another file; one that makes no sense changes nothing', async () => {
  const place = path.join(directory, 'rules.hujson');
  const rule = (port: number): string =>
    `{"rules": [{"from": ["*"], "to": ["*:${port}"]}, ] /* ${'x'.repeat(port)} */}`;
  const portOf = (rules: readonly WireFilterRule[]): number | undefined =>
    rules[0]?.DstPorts?.[0]?.Ports.First;
  writeFileSync(place, rule(1));
  const lines: string[] = [];
  const log = createLogger({
    level: 'error',
    format: 'json',
    sink: { write: (line: string) => lines.push(line) > 0 },
  });
  file = new PacketFilterFile(place, log);
  expect(portOf(file.rules)).toBe(1);
  const heard: (number | undefined)[] = [];
  file.watch((rules) => heard.push(portOf(rules)));
  writeFileSync(place, rule(22));
  await until('heard of the change', () => heard.includes(22));
  writeFileSync(place, '{"rules": [');
  await until('told', () => lines.some((line) => line.includes('CONFIG_INVALID')));
  expect(portOf(file.rules)).toBe(22);
  writeFileSync(path.join(directory, 'next'), rule(333));
  renameSync(path.join(directory, 'next'), place);
  await until('heard of the other file', () => heard.includes(333));
  rmSync(place);
  await until('told that it is gone', () => lines.some((line) => line.includes('FILE_MISSING')));
  expect(portOf(file.rules)).toBe(333);
});
