/** Default routes as `ip route show default` prints them, without what changes while they stay the same. */

/** Fields whose numbers run: the rest of a lifetime, what the kernel has learnt or used. */
const RUNNING = / (?:expires -?\d+sec|users \d+|used \d+|age \d+sec|error -?\d+)/g;

/** One text per state of the routes, whatever their order. */
export function stableRoutes(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.replace(RUNNING, '').replace(/\s+/g, ' ').trim());
  return lines
    .filter((line) => line !== '')
    .sort()
    .join('\n');
}
