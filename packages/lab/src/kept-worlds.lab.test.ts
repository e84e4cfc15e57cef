/** Worlds that outlive the command that made them. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { endWorld, findWorld, listWorlds } from './kept-worlds.js';
import { scriptArgv } from './scripts.js';
import { enterMachine } from './shell.js';
import { skipsLab } from './testing/lab-ring.js';
import { natZoo } from './topology/nat-zoo.js';
import { pidNamespaceOf, processesIn } from './world/host-processes.js';
import { startWorld } from './world/start-world.js';

const skips = await skipsLab();

/** Parallel runs on one computer must not take each other's names. */
const name = `test-${process.pid}`;

function ours(): string[] {
  return listWorlds()
    .map((world) => world.name)
    .filter((candidate) => candidate === name);
}

describe.skipIf(skips)('a kept world', () => {
  afterEach(async () => {
    if (ours().length > 0) await endWorld(name);
  });

  function keep(): number {
    const [program, ...args] = scriptArgv('testing/world-owner', 'nat-zoo', name);
    const { status, stdout, stderr } = spawnSync(program as string, args, {
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return (JSON.parse(stdout) as { pid: number }).pid;
  }

  test('outlives its maker, is listed, entered and ended', async () => {
    const pid = keep();
    const world = findWorld(name);
    expect(world.pid).toBe(pid);
    expect(world.views).toContain('behind-hard');

    const marker = `/tmp/warren-lab-test-${process.pid}`;
    const script = `hostname > ${marker}; ip -o -4 addr show eth0 >> ${marker}; exit 5; `;
    expect(await enterMachine('behind-hard', ['sh', '-c', script], { world: name })).toBe(5);
    const seen = readFileSync(marker, 'utf8');
    spawnSync('rm', [marker]);
    expect(seen).toMatch(/^behind-hard\n.*192\.168\.\d+\.10\/24/);
    expect(await enterMachine('behind-hard', ['sh', '-c', 'kill -TERM $$'], { world: name })).toBe(
      143,
    );
    await expect(enterMachine('behind-nothing', ['true'], { world: name })).rejects.toThrow(
      /behind-nothing/,
    );

    const calls = `warren status "a b" > ${marker}`;
    const options = { world: name, commandLine: ['echo', "Warren's", 'two  words'] };
    expect(await enterMachine('behind-hard', ['sh', '-c', calls], options)).toBe(0);
    const called = readFileSync(marker, 'utf8');
    spawnSync('rm', [marker]);
    expect(called).toBe("Warren's two  words status a b\n");

    const namespace = pidNamespaceOf(pid) ?? '';
    await endWorld(name);
    expect(processesIn(namespace)).toEqual([]);
    expect(ours()).toEqual([]);
    await expect(endWorld(name)).rejects.toThrow();
  });

  test('that died by itself is forgotten', async () => {
    const pid = keep();
    process.kill(pid, 'SIGKILL');
    await expect.poll(ours).toEqual([]);
    expect(() => findWorld(name)).toThrow();
  });

  test('has a name of its own', async () => {
    keep();
    await expect(startWorld(natZoo, { keep: name })).rejects.toThrow(/running already/);
  });

  test('that is closed instead of detached leaves no record', async () => {
    const world = await startWorld(natZoo, { keep: name });
    expect(ours()).toEqual([name]);
    await world.close();
    expect(ours()).toEqual([]);
  });
});
