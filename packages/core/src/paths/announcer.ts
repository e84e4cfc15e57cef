/** Tells the engine where data goes and people which way it takes, each only when it changed. */
import { type Path, samePath, samePaths } from '../engines/paths.js';
import type { PeerPathOutput } from './peer-path-io.js';

export class Announcer {
  readonly #emit: (output: PeerPathOutput) => void;
  #paths: readonly Path[] = [];
  #reported: Path | undefined;

  constructor(emit: (output: PeerPathOutput) => void) {
    this.#emit = emit;
  }

  /** Every packet goes out on each of `paths`. */
  publish(paths: readonly Path[]): void {
    if (samePaths(paths, this.#paths)) return;
    this.#paths = paths;
    this.#emit({ type: 'paths', paths });
  }

  /** Data takes `to`, because of `cause`. */
  report(to: Path | undefined, cause: string): void {
    const from = this.#reported;
    if (from === to || (from !== undefined && to !== undefined && samePath(from, to))) return;
    this.#reported = to;
    this.#emit({ type: 'changed', from, to, cause });
  }
}
