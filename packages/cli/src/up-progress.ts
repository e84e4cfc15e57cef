/**
 * What `up` says while a person waits: a step is named only when it takes over a second, so that a quick
 * join prints one line.
 */
import type { UpEvent } from '@warren/node/local-api/protocol';
import { printable } from './render/printable.js';

/** Below this nobody wonders. */
const QUIET_MS = 1_000;

/** States in which a person has to do something, said at once. */
const WAITING: Readonly<Record<string, string>> = {
  NeedsMachineAuth: 'Waiting until the administrator of the network approves this machine ...',
};

export class UpProgress {
  readonly #say: (line: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #stage: string | undefined;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** What was being done last. */
  get stage(): string | undefined {
    return this.#stage;
  }

  saw(event: UpEvent): void {
    switch (event.event) {
      case 'progress':
        this.#begin(printable(event.message));
        break;
      case 'state': {
        const waiting = WAITING[event.state];
        if (waiting !== undefined) this.#say(waiting);
        this.#stage ??= event.state;
        break;
      }
      case 'auth-url':
        this.end();
        this.#stage = 'waiting for the login in the browser';
        break;
      case 'running':
      case 'error':
        this.end();
    }
  }

  /** No step will be named any more, unless another begins. */
  end(): void {
    clearTimeout(this.#timer);
  }

  #begin(stage: string): void {
    // What is tried again and again is said once.
    if (stage === this.#stage) return;
    this.end();
    this.#stage = stage;
    this.#timer = setTimeout(() => this.#say(`${stage} ...`), QUIET_MS);
  }
}
