/**
 * What a decoder returns when bytes from a peer are not what they claim to be.
 *
 * Peer input is never thrown: a decoder answers `T | DecodeFailure` and its caller counts the reason.
 * Failures are shared per reason, so a flood of bad packets allocates nothing.
 */

/** A refusal with a stable, kebab-case reason. Test with `instanceof` or {@link isFailure}. */
export class DecodeFailure<Reason extends string = string> {
  readonly reason: Reason;

  constructor(reason: Reason) {
    this.reason = reason;
  }
}

const shared = new Map<string, DecodeFailure>();

/** The shared failure for `reason`; reasons are literals of our own, so the table is bounded. */
export function fail<Reason extends string>(reason: Reason): DecodeFailure<Reason> {
  let failure = shared.get(reason);
  if (failure === undefined) {
    failure = new DecodeFailure(reason);
    shared.set(reason, failure);
  }
  return failure as DecodeFailure<Reason>;
}

/** True when a decoder refused. */
export function isFailure(value: unknown): value is DecodeFailure {
  return value instanceof DecodeFailure;
}
