/**
 * How much of a server's memory may be garbage. By itself V8 lets a heap double and more between two full collections,
 * and a hub that everybody has just joined goes on holding what that left: half of its heap. A quarter is collected
 * for a few percent of the processor's time.
 */
import { setFlagsFromString } from 'node:v8';

/** V8 takes up to this much more than was alive, in percent, before it looks for what isn't any more. */
const FLAG = '--heap-growing-percent=25';

/** For the whole process, from now on. */
export function growHeapSlowly(): void {
  setFlagsFromString(FLAG);
}
