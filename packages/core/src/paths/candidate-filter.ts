/**
 * Which addresses may become a candidate at all. A peer chooses what it tells us, so every address that
 * would make us talk to ourselves, into our own tunnel or to many hosts at once is refused here.
 */
import type { DirectPath } from '../engines/paths.js';
import {
  type Endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
} from '../ip/address.js';
import { isLinkLocal, isLoopback, isMulticast, isOverlay, isUnspecified } from '../ip/classes.js';

/** Why an address was refused; names of counters. */
export type CandidateRefusal =
  | 'candidate-port-zero'
  | 'candidate-unspecified'
  | 'candidate-multicast'
  | 'candidate-overlay'
  | 'candidate-ipv6-link-local'
  | 'candidate-loopback'
  | 'candidate-own-socket';

/** What the filter must know of this machine. */
export interface CandidateContext {
  /** Addresses of our interfaces with the ports of our sockets. */
  readonly ownSockets: ReadonlySet<Endpoint>;
  /** True only when loopback is all this machine has, so that the peer must be on it too. */
  readonly allowLoopback: boolean;
  /**
   * Our own network lies in the overlay's IPv4 range, so a candidate there may be a neighbour: unless it is one of
   * these, which lead into the tunnel. Undefined: our network does not.
   */
  readonly meshAddresses?: ReadonlySet<IpAddress> | undefined;
}

/** Why `remote` can't be a candidate; undefined when it can. */
export function candidateRefusal(
  remote: Endpoint,
  context: CandidateContext,
): CandidateRefusal | undefined {
  const address = endpointAddress(remote);
  if (endpointPort(remote) === 0) return 'candidate-port-zero';
  if (isUnspecified(address)) return 'candidate-unspecified';
  if (isMulticast(address)) return 'candidate-multicast';
  if (isOverlay(address)) {
    const isNeighbour = familyOf(address) === 4 && context.meshAddresses?.has(address) === false;
    if (!isNeighbour) return 'candidate-overlay';
  }
  // A link-local IPv6 address means nothing without its zone, which no message carries.
  if (familyOf(address) === 6 && isLinkLocal(address)) return 'candidate-ipv6-link-local';
  if (isLoopback(address) && !context.allowLoopback) return 'candidate-loopback';
  if (context.ownSockets.has(remote)) return 'candidate-own-socket';
  return undefined;
}

/** Keeps the paths that may be candidates, at most `limit`; tells `refuse` the reason of each other. */
export function acceptCandidates(
  paths: readonly DirectPath[],
  context: CandidateContext,
  limit: number,
  refuse: (reason: CandidateRefusal | 'candidate-over-limit') => void,
): DirectPath[] {
  const accepted: DirectPath[] = [];
  for (const path of paths) {
    const refusal =
      accepted.length >= limit ? 'candidate-over-limit' : candidateRefusal(path.remote, context);
    if (refusal === undefined) accepted.push(path);
    else refuse(refusal);
  }
  return accepted;
}
