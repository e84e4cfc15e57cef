/**
 * Which of two direct paths is the better one.
 *
 * The faster path gets the percentage by which it beats the slower one, addresses that can only be near
 * get a bonus, and a tiny gain never switches. The rules are Tailscale's `betterAddr`, so that the two
 * ends of a mixed pair tend to agree; only the latency that goes in is ours: smoothed, and made worse by
 * loss (quality.ts), where Tailscale takes the latest sample.
 */
import type { DirectPath } from '../engines/paths.js';
import { samePath } from '../engines/paths.js';
import { endpointAddress, familyOf, type IpAddress } from '../ip/address.js';
import { isLinkLocal, isLoopback, isPrivate } from '../ip/classes.js';

/** A path and the round trip to judge it by. */
export interface RatedPath {
  readonly path: DirectPath;
  readonly latencyMs: number;
}

/** This host: nothing is nearer. */
const loopbackBonusPoints = 50;
/** On the link: nearer than a private address, which may be a tunnel. */
const linkLocalBonusPoints = 30;
/** RFC 1918 and unique local: likely the same site. */
const privateBonusPoints = 20;
/** IPv6 needs no translation, so it tends to last. */
const ipv6BonusPoints = 10;
/** A lead of this much or less does not switch paths when the other has none. */
const hysteresisPoints = 1;

function addressPoints(address: IpAddress): number {
  const family = familyOf(address) === 6 ? ipv6BonusPoints : 0;
  if (isLoopback(address)) return loopbackBonusPoints + family;
  if (isLinkLocal(address)) return linkLocalBonusPoints + family;
  if (isPrivate(address)) return privateBonusPoints + family;
  return family;
}

/** Percentage by which `ownMs` beats `otherMs`, as an integer; 0 when it doesn't. */
function speedPoints(ownMs: number, otherMs: number): number {
  return ownMs < otherMs ? 100 - Math.floor((100 * ownMs) / otherMs) : 0;
}

/** True when data should move from `current` to `challenger`. A path never beats itself. */
export function isBetterPath(challenger: RatedPath, current: RatedPath | undefined): boolean {
  if (current === undefined) return true;
  if (samePath(challenger.path, current.path)) return false;
  const challengerPoints =
    speedPoints(challenger.latencyMs, current.latencyMs) +
    addressPoints(endpointAddress(challenger.path.remote));
  const currentPoints =
    speedPoints(current.latencyMs, challenger.latencyMs) +
    addressPoints(endpointAddress(current.path.remote));
  if (challengerPoints <= hysteresisPoints && currentPoints === 0) return false;
  return challengerPoints > currentPoints;
}
