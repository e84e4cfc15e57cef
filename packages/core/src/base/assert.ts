/** Assertions for our own bugs. They stay on in production; they never guard peer input. */

/** Thrown when Warren itself is wrong; maps to exit code 70. */
export class BugError extends Error {
  readonly code = 'BUG';

  constructor(message: string) {
    super(message);
    this.name = 'BugError';
  }
}

/** Throws a {@link BugError} unless `condition` is truthy. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new BugError(message);
}

/** Marks a branch that the type system proves unreachable. */
export function unreachable(value: never): never {
  throw new BugError(`unreachable: ${JSON.stringify(value)}`);
}
