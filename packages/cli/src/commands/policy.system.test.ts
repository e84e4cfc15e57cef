/** `warren control policy` alone, and against a hub on loopback that is told to follow a file. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PolicyCheckInfo, PolicyInfo } from '@warren/servers/control/admin-types';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CliOutcome, runCli } from '../testing/run-cli.js';
import { startTestHub, type TestHub } from '../testing/run-hub.js';

const GOOD = `{
  // who is who
  "groups": { "group:dev": ["ann@", "stranger@"] },
  "acls": [{ "action": "accept", "src": ["group:dev"], "dst": ["owner@:22"] }],
  "tests": [{ "src": "ann@", "accept": ["owner@:22"], "deny": ["owner@:23"] }],
}
`;
const BAD = GOOD.replace('owner@:22', 'owner@:ssh');
const FAILING = GOOD.replace('"deny": ["owner@:23"]', '"deny": ["owner@:22"]');

let dir: string;
let file: string;
let adminSocket: string;
let hub: TestHub | undefined;

async function startHub(): Promise<void> {
  hub = await startTestHub(dir, adminSocket, ['--policy-file', file]);
}

async function stopHub(): Promise<void> {
  await hub?.stop();
  hub = undefined;
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'warren-policy-'));
  file = join(dir, 'policy.hujson');
  adminSocket = join(dir, 'hub.sock');
  writeFileSync(file, GOOD);
});
afterEach(async () => {
  await stopHub();
  rmSync(dir, { recursive: true });
});

const policy = (...line: string[]): Promise<CliOutcome> =>
  runCli(['control', '--admin-socket', adminSocket, 'policy', ...line]);

test('a file is checked without a hub, its problems with their lines', async () => {
  const good = await policy('check', file);
  expect([good.code, good.out]).toEqual([0, expect.stringContaining('Its 1 test passes.')]);
  expect(good.out).toContain('No hub was asked');
  writeFileSync(file, BAD);
  const bad = await policy('check', file);
  expect([bad.code, bad.out]).toEqual([1, expect.stringContaining(`${file}:4:`)]);
  writeFileSync(file, FAILING);
  const failing = await policy('check', file, '--json');
  expect(failing.code).toBe(1);
  expect(JSON.parse(failing.out) as PolicyCheckInfo).toMatchObject({
    valid: false,
    problems: [{ line: 5, problem: expect.stringContaining('must not reach owner@:22') as string }],
  });
  expect((await policy('check', join(dir, 'none'))).err).toContain('(FILE_MISSING)');
});

test('a hub follows its file, refuses what is wrong, and says so', async () => {
  await startHub();
  const status = async (): Promise<PolicyInfo> =>
    JSON.parse((await policy('status', '--json')).out) as PolicyInfo;
  const until = async (holds: (info: PolicyInfo) => boolean): Promise<PolicyInfo> => {
    for (const end = Date.now() + 30_000; ; await sleep(200)) {
      const info = await status();
      if (holds(info)) return info;
      if (Date.now() > end) throw new Error(JSON.stringify(info));
    }
  };
  expect((await policy('show')).out).toBe(GOOD);
  const checked = await policy('check', file);
  expect(checked.out).toContain('group:dev names users that are not here: ann@, stranger@');
  expect(checked.out).toContain('Of 0 machines on the hub');

  writeFileSync(file, FAILING);
  await until(({ problems }) => problems.length > 0);
  const refused = await policy('status');
  expect(refused.code).toBe(1);
  expect(refused.out).toContain(`${file}:5: ann@ must not reach owner@:22`);
  expect((await policy('show')).out).toBe(GOOD);

  // The broken file stays as it is, and the hub starts all the same: on what it accepted.
  await stopHub();
  await startHub();
  expect(await status()).toMatchObject({ text: GOOD, problems: [{ line: 5 }] });

  const better = GOOD.replaceAll('stranger@', 'owner@');
  writeFileSync(file, better);
  const info = await until(({ problems }) => problems.length === 0);
  expect(info).toMatchObject({ text: better, rules: 1, tests: 1 });
  expect(readFileSync(file, 'utf8')).toBe(better);
});
