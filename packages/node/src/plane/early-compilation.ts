/**
 * When V8 compiles a function for good. By default that is after thousands of packets: an idle tunnel's pings went
 * through interpreted code for minutes, which is spread over so much memory that little of it is in a processor's cache
 * 10 ms later. Compiled after a hundred or so, they take a quarter less time (adr/0011).
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

/** Holds for all threads of the process, from now on. */
export function compileEarly(v8Version: string = process.versions.v8): void {
  const flag = EARLY.get(v8Version.split('.')[0] ?? '');
  if (flag !== undefined) setFlagsFromString(flag);
}
