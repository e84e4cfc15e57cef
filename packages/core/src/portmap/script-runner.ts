/**
 * Drives scripts (upnp-script.ts) one after another: a script's request goes out with a number, and what comes of it
 * resumes the script. A request that nobody answers fails by itself, so no script waits for ever.
 */
import { after, type Instant } from '../base/instant.js';
import type { HttpRequest } from './io.js';
import type { HttpResult, Script, UpnpRequest } from './upnp-script.js';

/** The shell's own timeout comes first, unless the shell has lost the request. */
const patienceMs = 500;

interface Pending {
  readonly id: number;
  readonly request: UpnpRequest;
  readonly deadline: Instant;
}

export class ScriptRunner {
  readonly #newId: () => number;
  readonly #send: (request: HttpRequest) => void;
  #waiting: (() => Script<void>)[] = [];
  #script: Script<void> | undefined;
  #pending: Pending | undefined;

  constructor(newId: () => number, send: (request: HttpRequest) => void) {
    this.#newId = newId;
    this.#send = send;
  }

  /** The request that is out. */
  get request(): UpnpRequest | undefined {
    return this.#pending?.request;
  }

  get isIdle(): boolean {
    return this.#script === undefined && this.#waiting.length === 0;
  }

  get nextTimeout(): Instant | undefined {
    return this.#pending?.deadline;
  }

  /** Runs the script that `begin` makes after those before it. */
  add(begin: () => Script<void>, now: Instant): void {
    this.#waiting.push(begin);
    if (this.#script === undefined) this.#startNext(now);
  }

  /** Forgets all scripts; what is out is answered to nobody. */
  drop(): void {
    this.#waiting = [];
    this.#script = undefined;
    this.#pending = undefined;
  }

  /** What came of request `id`; false: it is none that is out. */
  resume(id: number, result: HttpResult, now: Instant): boolean {
    if (this.#pending?.id !== id) return false;
    this.#pending = undefined;
    this.#step(result, now);
    return true;
  }

  handleTimeout(now: Instant): void {
    if (this.#pending === undefined || now < this.#pending.deadline) return;
    this.#pending = undefined;
    this.#step({ type: 'failed' }, now);
  }

  #startNext(now: Instant): void {
    const begin = this.#waiting.shift();
    if (begin === undefined) return;
    this.#script = begin();
    // What the first call of a generator is given is not looked at.
    this.#step({ type: 'failed' }, now);
  }

  #step(result: HttpResult, now: Instant): void {
    const script = this.#script;
    if (script === undefined) return;
    const next = script.next(result);
    if (next.done !== true) {
      this.#ask(next.value, now);
    } else {
      this.#script = undefined;
      this.#startNext(now);
    }
  }

  #ask(request: UpnpRequest, now: Instant): void {
    const { method, host, path, headers, body, timeoutMs } = request;
    const id = this.#newId();
    this.#pending = { id, request, deadline: after(now, timeoutMs + patienceMs) };
    this.#send({ id, method, host, path, headers, body, timeoutMs });
  }
}
