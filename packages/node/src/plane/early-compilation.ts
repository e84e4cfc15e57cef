/**
 * When V8 compiles a function for good. By default that is after thousands of packets: an idle tunnel's pings went
 * through interpreted code for minutes, which is spread over so much memory that little of it is in a processor's cache
 * 10 ms later. Compiled after a hundred or so, they take a quarter less time (adr/0011).
 *
 * Not in the first seconds: a daemon that has just started runs much code a few hundred times, when it looks at its
 * network and for its peers, and compiling all that takes the processor from it when it needs it most.
 */
import { setFlagsFromString } from 'node:v8';

/** By V8's major version; one that doesn't know a flag says so on stderr, so no other is asked. */
const EARLY: ReadonlyMap<string, string> = new Map([
  // Node 20: bytes of bytecode that a function runs, 67,584 by default.
  ['11', '--interrupt-budget=2000'],
  // Node 22 and 24: calls of a function, 3,000 by default; the same share of it.
  ['12', '--invocation-count-for-turbofan=90'],
  ['13', '--invocation-count-for-turbofan=90'],
]);

/** By then a daemon has met its peers, behind hard NATs too. */
const DELAY_MS = 10_000;

/** Undefined: nothing is known of this V8. */
export function earlyFlag(v8Version: string = process.versions.v8): string | undefined {
  return EARLY.get(v8Version.split('.')[0] ?? '');
}

/** Holds for all threads of the process, some seconds from now on; unless what is answered is called before. */
export function compileEarly(): () => void {
  const flag = earlyFlag();
  if (flag === undefined) return () => undefined;
  const timer = setTimeout(() => setFlagsFromString(flag), DELAY_MS);
  timer.unref();
  return () => clearTimeout(timer);
}
