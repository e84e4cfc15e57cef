/** `warren relay` as a process on loopback. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../testing/run-cli.js';
import { requestDocument } from '../unix-http.js';

let dir: string;
let local: string[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'warren-relay-'));
  local = [
    'relay',
    '--listen',
    '127.0.0.1:0',
    '--stun-port',
    '0',
    '--state-dir',
    join(dir, 'state'),
  ];
});
afterEach(() => rmSync(dir, { recursive: true }));

const hasLine = (out: string) => out.includes('\n');

test('says where it is and what to do with its region file, and ends cleanly', async () => {
  const { code, out } = await runCli(local, {
    onOutput: (text, child) => text.includes('derp-region-file') && child.kill('SIGTERM'),
  });
  expect(code).toBe(0);
  expect(out).toMatch(/^Relay relay \(region 901\) is up on 127\.0\.0\.1:\d+, STUN on UDP \d+\.\n/);
  const file = /warren hub --derp-region-file (\S+)\n$/.exec(out)?.[1] ?? '';
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
    RegionID: 901,
    Nodes: [{ HostName: '127.0.0.1' }],
  });
});

test('Ctrl-C ends it with 130; with --json one line tells that it is ready', async () => {
  const flags = ['--json', '--no-stun', '--region-id', '902', '--region-code', 'fra'];
  const { code, out } = await runCli([...local, ...flags], {
    onOutput: (text, child) => hasLine(text) && child.kill('SIGINT'),
  });
  expect(code).toBe(130);
  expect(JSON.parse(out)).toMatchObject({
    ready: { stunPort: null, region: { RegionID: 902, RegionCode: 'fra' } },
  });
});

test('the stats socket answers while it runs', async () => {
  const socketPath = join(dir, 'stats.sock');
  let stats: Promise<{ status: number; body: unknown }> | undefined;
  await runCli([...local, '--stats-socket', socketPath], {
    onOutput: (text, child) => {
      if (!text.includes('derp-region-file') || stats !== undefined) return;
      const signal = AbortSignal.timeout(5_000);
      stats = requestDocument({ socketPath, host: 'relay', method: 'GET', path: '/stats', signal });
      void stats.finally(() => child.kill('SIGTERM'));
    },
  });
  expect(await stats).toMatchObject({ status: 200, body: { pairs: [], connections: [] } });
});

describe('what can’t be', () => {
  test('a taken port is named, with what to do', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { code, err } = await runCli([...local, '--listen', `127.0.0.1:${port}`]);
    taken.close();
    expect(code).toBe(1);
    expect(err).toContain('(PORT_TAKEN)');
  });

  test.runIf(process.geteuid?.() === 0)('a state directory of somebody else is 77', async () => {
    const { code, err } = await runCli(local, { uid: 65_534 });
    expect(code).toBe(77);
    expect(err).toContain('(FILE_UNWRITABLE)');
  });
});
