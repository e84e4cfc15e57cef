/** However the process that owns a world dies, nothing of the world stays behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import { pidNamespaceOf, processesIn } from './host-processes.js';

const skips = await skipsLab();

interface Owned {
  readonly owner: ChildProcess;
  readonly pid: number;
  readonly pidNamespace: string;
  /** Identities of all namespaces that its processes live in. */
  readonly namespaces: ReadonlySet<string>;
}

const kinds = ['net', 'mnt', 'uts', 'pid', 'user'] as const;

function namespacesOf(pids: readonly number[]): Set<string> {
  const found = new Set<string>();
  for (const pid of pids) {
    for (const kind of kinds) {
      try {
        found.add(readlinkSync(`/proc/${pid}/ns/${kind}`));
      } catch {
        // It ended meanwhile.
      }
    }
  }
  return found;
}

function allProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

const owners: ChildProcess[] = [];

async function own(prefix: readonly string[] = []): Promise<Owned> {
  const [program, ...args] = [...prefix, ...scriptArgv('testing/world-owner', 'four-machines')];
  const owner = spawn(program as string, args, { cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] });
  owners.push(owner);
  let said = '';
  owner.stderr.on('data', (text: Buffer) => {
    said += text.toString();
  });
  const first = await Promise.race([
    once(owner.stdout, 'data'),
    once(owner, 'exit').then(() => Promise.reject(new Error(`the owner died: ${said}`))),
  ]);
  const { pid } = JSON.parse(String(first[0])) as { pid: number };
  const pidNamespace = pidNamespaceOf(pid) ?? '';
  const inside = namespacesOf(processesIn(pidNamespace));
  const ours = namespacesOf([process.pid]);
  return {
    owner,
    pid,
    pidNamespace,
    namespaces: new Set([...inside].filter((name) => !ours.has(name))),
  };
}

async function expectNothingLeft({ pid, pidNamespace, namespaces }: Owned): Promise<void> {
  await expect.poll(() => processesIn(pidNamespace), { timeout: 10_000 }).toEqual([]);
  expect(existsSync(`/proc/${pid}`)).toBe(false);
  const alive = namespacesOf(allProcesses());
  expect([...namespaces].filter((name) => alive.has(name))).toEqual([]);
}

describe.skipIf(skips)('when the owner of a world', () => {
  afterEach(() => {
    for (const owner of owners.splice(0)) owner.kill('SIGKILL');
  });

  test('is killed with SIGKILL, nothing stays behind', async () => {
    const world = await own();
    expect(processesIn(world.pidNamespace).length).toBeGreaterThan(8);
    // The world, machines and the copier: at least a network namespace for each view, and the world's own.
    expect(world.namespaces.size).toBeGreaterThan(12);
    world.owner.kill('SIGKILL');
    await expectNothingLeft(world);
  });

  test('is interrupted (Ctrl-C), nothing stays behind', async () => {
    const world = await own();
    world.owner.kill('SIGINT');
    await expectNothingLeft(world);
  });

  test('dies of an exception, nothing stays behind', async () => {
    const world = await own();
    world.owner.stdin?.write('throw\n');
    await once(world.owner, 'exit');
    await expectNothingLeft(world);
  });

  test('is stopped and then killed, nothing stays behind', async () => {
    const world = await own();
    world.owner.kill('SIGSTOP');
    world.owner.kill('SIGKILL');
    await expectNothingLeft(world);
  });

  test('lives on but the world’s ruler is killed, nothing stays behind', async () => {
    const world = await own();
    process.kill(world.pid, 'SIGKILL');
    await expectNothingLeft(world);
  });

  test.skipIf(process.geteuid?.() !== 0)('is a plain user, the same holds', async () => {
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
    const world = await own(nobody);
    world.owner.kill('SIGKILL');
    await expectNothingLeft(world);
  });
});
