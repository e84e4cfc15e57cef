/**
 * A process inside a world, as the outside sees it: like a ChildProcess, but its pid is the world's and its
 * streams come through the world's pipe.
 *
 * A reader that stops reading makes the process block, as with a real pipe. `kill` signals the whole process
 * group. The process dies with the world.
 */
import { Readable, Writable } from 'node:stream';
import type { Command, OutputStream, Report } from './protocol.js';

/** How a process ended. `code` is null when a signal ended it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** Bytes of stdin in one command; larger writes are cut. */
const inputChunkBytes = 64 * 1024;

export class WorldProcess {
  readonly id: number;
  readonly argv: readonly string[];
  /** Null unless opened with `stdin: 'pipe'`. */
  readonly stdin: Writable | null;
  /** Null unless it goes to `'pipe'`. Must be read, or the process blocks when the pipe is full. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Resolves at exit; rejects when it could not start or when the world ended before it. */
  readonly exited: Promise<Exit>;
  /** Set once it runs. A number of the world's PID namespace. */
  pid: number | undefined;
  /** True when `timeoutMs` has killed it. */
  timedOut = false;

  private readonly send: (command: Command) => void;
  private readonly paused = new Set<OutputStream>();
  private settle: { resolve: (exit: Exit) => void; reject: (error: Error) => void } | undefined;
  private timer: NodeJS.Timeout | undefined;
  private openStreams = 0;

  constructor(
    send: (command: Command) => void,
    command: Extract<Command, { do: 'spawn' }>,
    timeoutMs: number | undefined,
  ) {
    this.send = send;
    this.id = command.id;
    this.argv = command.argv;
    this.stdin = command.stdin === 'pipe' ? this.inputStream() : null;
    this.stdout = command.stdout === 'pipe' ? this.outputStream('stdout') : null;
    this.stderr = command.stderr === 'pipe' ? this.outputStream('stderr') : null;
    this.exited = new Promise<Exit>((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    // Who does not look at `exited` must not crash on a world that was closed.
    this.exited.catch(() => undefined);
    send(command);
    if (timeoutMs !== undefined) {
      this.timer = setTimeout(() => this.onTimeout(), timeoutMs);
    }
  }

  /** Signals the process and all that it started in its process group. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    if (!this.finished) this.send({ do: 'signal', id: this.id, signal });
  }

  /** For the channel: what became of this process. */
  handle(report: Exclude<Report, { is: 'ready' | 'detached' }>): void {
    switch (report.is) {
      case 'started':
        this.pid = report.pid;
        return;
      case 'output':
        if (this.timedOut) return;
        if (this[report.stream]?.push(Buffer.from(report.data, 'base64')) === false) {
          this.paused.add(report.stream);
          this.send({ do: 'pause', id: this.id, stream: report.stream });
        }
        return;
      case 'end':
        this.openStreams--;
        if (!this.timedOut) this[report.stream]?.push(null);
        if (this.finished) clearTimeout(this.timer);
        return;
      case 'exit':
        this.finish((settle) => settle.resolve({ code: report.code, signal: report.signal }));
        return;
      case 'failed':
        this.abandon(new Error(`${this.argv.join(' ')}: ${report.message}`));
        return;
    }
  }

  /** For the channel: true when no report can follow. */
  get finished(): boolean {
    return this.settle === undefined && this.openStreams <= 0;
  }

  /** For the channel: there will be no more reports. */
  abandon(error: Error): void {
    this.openStreams = 0;
    this.finish((settle) => settle.reject(error));
    this.stdout?.push(null);
    this.stderr?.push(null);
    this.stdin?.destroy();
  }

  /** Also when it has exited, but something that it started holds its streams open. */
  private onTimeout(): void {
    this.timedOut = true;
    this.kill('SIGKILL');
    this.stdout?.push(null);
    this.stderr?.push(null);
  }

  private finish(how: (settle: NonNullable<WorldProcess['settle']>) => void): void {
    const settle = this.settle;
    this.settle = undefined;
    if (this.finished) clearTimeout(this.timer);
    if (settle !== undefined) how(settle);
  }

  private inputStream(): Writable {
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        for (let at = 0; at < chunk.length; at += inputChunkBytes) {
          const data = chunk.subarray(at, at + inputChunkBytes).toString('base64');
          this.send({ do: 'input', id: this.id, data });
        }
        done();
      },
      final: (done) => {
        this.send({ do: 'end-input', id: this.id });
        done();
      },
    });
  }

  private outputStream(stream: OutputStream): Readable {
    this.openStreams++;
    return new Readable({
      read: () => {
        if (this.paused.delete(stream)) this.send({ do: 'resume', id: this.id, stream });
      },
    });
  }
}
