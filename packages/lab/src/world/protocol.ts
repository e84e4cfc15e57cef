/**
 * The words between the outside and the process that rules a world from inside (`init.ts`).
 *
 * One JSON object a line; commands go in on its stdin, reports come out on its stdout. Bytes are base64.
 * A process has an id that the outside chose, so commands need no answer before the next one.
 */

/** Where an output stream of a process goes: to the outside, to a file of the world, or nowhere. */
export type Sink = 'pipe' | 'ignore' | { readonly file: string };

export type OutputStream = 'stdout' | 'stderr';

export type Command =
  | {
      readonly do: 'spawn';
      readonly id: number;
      readonly argv: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly stdin: 'pipe' | 'ignore';
      readonly stdout: Sink;
      readonly stderr: Sink;
    }
  | { readonly do: 'input'; readonly id: number; readonly data: string }
  | { readonly do: 'end-input'; readonly id: number }
  | { readonly do: 'signal'; readonly id: number; readonly signal: string }
  | { readonly do: 'pause' | 'resume'; readonly id: number; readonly stream: OutputStream }
  /** From now on the end of stdin is not the end of the world. */
  | { readonly do: 'detach' };

export type Report =
  | { readonly is: 'ready' }
  /** `pid` is that of the world's own PID namespace. */
  | { readonly is: 'started'; readonly id: number; readonly pid: number }
  | { readonly is: 'failed'; readonly id: number; readonly message: string }
  | {
      readonly is: 'output';
      readonly id: number;
      readonly stream: OutputStream;
      readonly data: string;
    }
  | { readonly is: 'end'; readonly id: number; readonly stream: OutputStream }
  | {
      readonly is: 'exit';
      readonly id: number;
      readonly code: number | null;
      readonly signal: string | null;
    }
  | { readonly is: 'detached' };

/** The bytes of one message. */
export function encodeLine(message: Command | Report): string {
  return `${JSON.stringify(message)}\n`;
}

/**
 * Cuts a stream of text into lines. Both ends are ours and a chunk of output is at most 64 KiB, so a line
 * has no limit of its own.
 */
export class LineSplitter {
  private rest: string[] = [];

  /** The lines that `chunk` completes, without their newlines. */
  push(chunk: string): string[] {
    const parts = chunk.split('\n');
    const last = parts.pop() ?? '';
    const [first] = parts;
    if (first !== undefined) {
      parts[0] = this.rest.join('') + first;
      this.rest = [];
    }
    if (last !== '') this.rest.push(last);
    return parts;
  }
}
