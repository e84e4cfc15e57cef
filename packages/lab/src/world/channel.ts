/**
 * Starts the process that is a world, speaks with the ruler inside, and sees to it that it dies.
 *
 *     we ── stdin/stdout ──────────────────────────────┐
 *      └ setpriv --pdeathsig KILL => unshare            │  (the same process, twice exec'ed)
 *           └ sh: PID 1 of the world, reaps orphans     │
 *                └ node dist/world/init.js  ────────────┘
 *                     └ nsenter => whatever runs in a machine
 *
 * Two independent ropes: the end of our pipe ends init, and with it PID 1; and when we die, the kernel kills
 * `unshare` (`--pdeathsig`; not for a kept world), whose `--kill-child` kills PID 1. The death of PID 1 kills
 * everything in its PID namespace and drops the last references to the network and mount namespaces. The
 * world has a session of its own, so Ctrl-C reaches us and not it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { LabError } from '../errors.js';
import { scriptArgv } from '../scripts.js';
import { childOf } from './host-processes.js';
import { type Command, encodeLine, LineSplitter, type Report, type Sink } from './protocol.js';
import { WorldProcess } from './world-process.js';

/** Starting takes 0.1 s on an idle machine; a machine that needs this long can't be measured on anyway. */
const startTimeoutMs = 20_000;

/** Enough of PID 1's last words to explain a failed start. */
const lastWordsBytes = 4096;

/**
 * What PID 1 does: an own /run for namespaces and sockets, then init. The `exit` keeps the shell from
 * replacing itself by init, which would not reap orphans (a daemon that detached itself, and died, would
 * stay visible as a zombie).
 */
const pidOneScript = `
mount -t tmpfs -o mode=755 tmpfs /run &&
mkdir -p /run/netns /run/mntns /run/utsns /run/places /run/log &&
ip link set lo up &&
"$@"
exit $?
`;

/** Tools like ip and nft live where the PATH of a plain user does not look. */
export function toolPath(): string {
  return `${process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'}:/usr/local/sbin:/usr/sbin:/sbin`;
}

/** Where the world's own rights come from: root has them, others make a user namespace for them. */
export function isRootless(): boolean {
  return process.geteuid?.() !== 0;
}

/** The argv to put before what shall run in a new, empty world. */
export function worldCommand(keep: boolean): string[] {
  // The user namespace first and by itself: entering one clears the death signal.
  const rights = isRootless() ? ['unshare', '-Ur', '--'] : [];
  const rope = keep ? [] : ['setpriv', '--pdeathsig', 'KILL', '--'];
  const world = ['unshare', '-nm', '--pid', '--fork', '--mount-proc', '--kill-child', '--'];
  return [...rights, ...rope, ...world, 'sh', '-c', pidOneScript, 'warren-lab'];
}

/** What a process inherits: nothing of ours that could steer it (proxies, NODE_OPTIONS, a test runner). */
export function cleanEnvironment(): Record<string, string> {
  const environment: Record<string, string> = { PATH: toolPath() };
  for (const name of ['HOME', 'USER', 'LANG', 'TERM', 'COLORTERM', 'SHELL']) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

/** What to start, apart from where. */
export interface Start {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: 'pipe' | 'ignore';
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly timeoutMs: number | undefined;
}

export class WorldChannel {
  /** PID of the world's PID 1, as the host counts. */
  readonly pid: number;
  /** Resolves when nothing of the world runs any more, or, after {@link detach}, at once. */
  readonly ended: Promise<void>;

  private readonly outer: ChildProcess;
  private readonly processes = new Map<number, WorldProcess>();
  private nextId = 1;
  private over = false;
  private onDetached: (() => void) | undefined;

  private constructor(outer: ChildProcess, pid: number) {
    this.outer = outer;
    this.pid = pid;
    this.ended = new Promise((resolve) => {
      outer.once('exit', () => {
        this.end();
        resolve();
      });
      this.onDetached = resolve;
    });
  }

  /** Starts a world; throws a LabError that tells its last words when it does not come up. */
  static async start(keep: boolean): Promise<WorldChannel> {
    const [program, ...args] = [...worldCommand(keep), ...scriptArgv('world/init')];
    const outer = spawn(program ?? '', args, {
      cwd: '/',
      env: cleanEnvironment(),
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let words = '';
    outer.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (words.length < lastWordsBytes) words += text;
    });
    outer.stdin.on('error', () => undefined); // the world ended: `exit` tells
    const lines = new LineSplitter();
    return new Promise((resolve, reject) => {
      const refuse = (why: string): void => {
        clearTimeout(timer);
        outer.stdin.destroy();
        outer.kill('SIGKILL');
        reject(
          new LabError(
            'LAB_WORLD_START',
            `the world's namespaces did not come up: ${words.trim() || why}`,
            'start it again; if it fails again, run `warren demo --install-deps`',
          ),
        );
      };
      const timer = setTimeout(() => refuse('no answer from inside'), startTimeoutMs);
      const failedToSpawn = (error: Error): void => refuse(error.message);
      const failedToStart = (): void => refuse('it ended at once');
      outer.once('error', failedToSpawn);
      outer.once('exit', failedToStart);
      let channel: WorldChannel | undefined;
      outer.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        for (const line of lines.push(chunk)) {
          const report = JSON.parse(line) as Report;
          if (report.is !== 'ready') {
            channel?.handle(report);
            continue;
          }
          const pid = outer.pid === undefined ? undefined : childOf(outer.pid);
          if (pid === undefined) {
            refuse('its first process is gone');
            return;
          }
          clearTimeout(timer);
          outer.off('exit', failedToStart);
          channel = new WorldChannel(outer, pid);
          resolve(channel);
        }
      });
    });
  }

  /** Starts a process inside. */
  spawn(start: Start): WorldProcess {
    const { timeoutMs, ...what } = start;
    if (this.over) throw worldEnded(start.argv);
    const id = this.nextId++;
    const send = (command: Command): void => this.send(command);
    const child = new WorldProcess(send, { do: 'spawn', id, ...what }, timeoutMs);
    this.processes.set(id, child);
    return child;
  }

  /** Lets the world live on without us. Only for one started with `keep`. */
  async detach(): Promise<void> {
    this.send({ do: 'detach' });
    await this.ended;
    this.end();
    this.outer.stdin?.destroy();
    this.outer.stdout?.destroy();
    this.outer.stderr?.destroy();
    this.outer.unref();
  }

  /** Kills everything in the world; resolves when the last process is gone. */
  async close(): Promise<void> {
    if (!this.over) {
      try {
        process.kill(this.pid, 'SIGKILL');
      } catch {
        // It ended by itself; `ended` follows.
      }
    }
    await this.ended;
  }

  private send(command: Command): void {
    if (!this.over) this.outer.stdin?.write(encodeLine(command));
  }

  private handle(report: Exclude<Report, { is: 'ready' }>): void {
    if (report.is === 'detached') {
      this.onDetached?.();
      return;
    }
    const child = this.processes.get(report.id);
    child?.handle(report);
    if (child?.finished === true) this.processes.delete(report.id);
  }

  private end(): void {
    this.over = true;
    for (const child of this.processes.values()) child.abandon(worldEnded(child.argv));
    this.processes.clear();
  }
}

function worldEnded(argv: readonly string[]): LabError {
  return new LabError(
    'LAB_WORLD_ENDED',
    `the world has ended; it could not run or finish: ${argv.join(' ')}`,
    'start a new world',
  );
}
