/** The units of deploy/systemd: what systemd itself says of them, and that they start commands that exist. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const directory = join(root, 'deploy/systemd');
const units = readdirSync(directory).sort();
const INSTALLED = '/usr/local/bin/warren';

function hasSystemd(): boolean {
  return spawnSync('systemd-analyze', ['--version']).status === 0;
}

test('there is one for the node and for each server', () => {
  expect(units).toEqual(['warren-hub.service', 'warren-relay.service', 'warren.service']);
});

test.each(units)('%s starts a command that the command line has', (unit) => {
  const text = readFileSync(join(directory, unit), 'utf8');
  const [, name] = /^ExecStart=\/usr\/local\/bin\/warren (\w+)$/m.exec(text) ?? [];
  const program = readFileSync(join(root, 'packages/cli/src/program.ts'), 'utf8');
  expect(program).toContain(`name: '${name}'`);
});

test.skipIf(!hasSystemd()).each(units)('%s is as systemd wants it', (unit) => {
  const copies = mkdtempSync(join(tmpdir(), 'warren-units-'));
  try {
    const text = readFileSync(join(directory, unit), 'utf8');
    // What it starts must exist on the machine that judges it.
    const copy = join(copies, unit);
    writeFileSync(copy, text.replaceAll(INSTALLED, join(root, 'warren')));
    const { status, stderr, stdout } = spawnSync('systemd-analyze', ['verify', '--man=no', copy], {
      encoding: 'utf8',
    });
    const about = `${stdout}${stderr}`.split('\n').filter((line) => line.includes(unit));
    expect(about).toEqual([]);
    expect(status).toBe(0);
  } finally {
    rmSync(copies, { recursive: true });
  }
});

test.skipIf(!hasSystemd())('a setting that systemd does not know is seen', () => {
  const copies = mkdtempSync(join(tmpdir(), 'warren-units-'));
  try {
    const copy = join(copies, 'wrong.service');
    writeFileSync(copy, '[Service]\nExecStart=/bin/true\nProtectEverything=yes\n');
    const said = execFileSync('sh', ['-c', `systemd-analyze verify --man=no ${copy} 2>&1 || true`]);
    expect(said.toString()).toContain('ProtectEverything');
  } finally {
    rmSync(copies, { recursive: true });
  }
});
