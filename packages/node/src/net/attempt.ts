/**
 * One try to get a connection, of several steps: it ends as a whole, in time, and leaves no socket behind.
 *
 *     const session = await attempt({ signal, timeoutMs, timedOut }, async (signal) => {
 *       const socket = await connectTls({ ..., signal });
 *       destroyWith(signal, socket);
 *       ...
 *     });
 *
 * Timeouts of single steps (http's are of silence) don't bound a server that answers a byte at a time.
 */
import type { NodeError } from '../errors.js';

export interface AttemptOptions {
  /** Gives the try up. */
  readonly signal: AbortSignal;
  /** For all steps together. */
  readonly timeoutMs: number;
  /** What is thrown then, in place of the error of the step that was under way. */
  readonly timedOut: () => NodeError;
}

/** Runs `steps` with a signal that aborts unless they succeed. */
export async function attempt<T>(
  options: AttemptOptions,
  steps: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const end = new AbortController();
  const late = new AbortController();
  const giveUp = (): void => end.abort();
  const timer = setTimeout(() => {
    late.abort();
    giveUp();
  }, options.timeoutMs);
  options.signal.addEventListener('abort', giveUp);
  if (options.signal.aborted) giveUp();
  try {
    return await steps(end.signal);
  } catch (error) {
    giveUp(); // closes what earlier steps opened
    throw late.signal.aborted ? options.timedOut() : error;
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', giveUp);
  }
}

/** Destroys a socket when its try is given up. */
export function destroyWith(signal: AbortSignal, socket: { destroy(): unknown }): void {
  const destroy = (): void => void socket.destroy();
  if (signal.aborted) destroy();
  else signal.addEventListener('abort', destroy, { once: true });
}
