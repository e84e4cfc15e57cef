/** Runs the copier (delayer.ts) of a world and asks it for its counters. */
import { createInterface } from 'node:readline';
import { LabError } from '../errors.js';
import { scriptArgv } from '../scripts.js';
import type { CopierLink } from '../topology/build.js';
import { delaySpace } from '../topology/plan.js';
import type { WorldProcess } from '../world/world-process.js';
import type { CopierReport } from './delayer.js';
import type { LinkDisturbance } from './disturbance.js';

/** What it needs of a world. */
interface Executor {
  exec(
    place: string,
    argv: readonly string[],
    options: { readonly stdin: 'pipe'; readonly stdout: 'pipe'; readonly stderr: 'pipe' },
  ): WorldProcess;
}

/** Enough of its last words to explain a failed start. */
const lastWordsBytes = 4096;

export class Copier {
  private readonly child: WorldProcess;
  private readonly waiting: ((line: string) => void)[] = [];
  private readonly early: string[] = [];
  private words = '';

  /** For {@link startCopier}. */
  constructor(child: WorldProcess) {
    this.child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (this.words.length < lastWordsBytes) this.words += text;
    });
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const reader = this.waiting.shift();
      if (reader === undefined) this.early.push(line);
      else reader(line);
    });
  }

  /** Resolves when frames flow. */
  async ready(): Promise<void> {
    await this.line();
  }

  /** The counters of all links since the start. */
  async report(): Promise<readonly CopierReport[]> {
    this.child.stdin?.write('report\n');
    return JSON.parse(await this.line()) as readonly CopierReport[];
  }

  /** Makes a link lose frames or let them overtake each other. */
  async disturb(disturbance: LinkDisturbance): Promise<void> {
    this.child.stdin?.write(`${JSON.stringify(disturbance)}\n`);
    await this.line();
  }

  private async line(): Promise<string> {
    const early = this.early.shift();
    if (early !== undefined) return early;
    const line = new Promise<string>((resolve) => {
      this.waiting.push(resolve);
    });
    return Promise.race([line, this.child.exited.then(() => this.died())]);
  }

  private died(): never {
    const words = this.words.trim().split('\n');
    throw new LabError(
      'LAB_WORLD_BUILD',
      `the copier that delays packets ended: ${words.find((line) => line.includes('Error')) ?? words[0] ?? ''}`,
      'start it again; if it fails again, run `warren demo --install-deps`',
    );
  }
}

/** Starts the copier of these links; resolves when frames flow. */
export async function startCopier(world: Executor, links: readonly CopierLink[]): Promise<Copier> {
  const argv = scriptArgv('delay/delayer', JSON.stringify(links));
  const streams = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' } as const;
  const copier = new Copier(world.exec(delaySpace, argv, streams));
  await copier.ready();
  return copier;
}
