/** What is known of our own NAT before an attempt, and the plan that follows where nothing has to be measured. */
import type { SocketId } from '../engines/paths.js';
import { type Endpoint, endpointAddress } from '../ip/address.js';
import type { KnownPlan } from './attempt-io.js';
import { rangeAround } from './port-plan.js';
import { scatterOf } from './scatter-range.js';

/** Our IPv4 side, as far as the search for ports cares. */
export interface OwnMapping {
  /** STUN servers that answered the last check, on different addresses. */
  readonly servers: readonly Endpoint[];
  /** The public endpoint of our main socket; undefined: not known. */
  readonly mapped: Endpoint | undefined;
  /** `one`: the same port for all destinations. `random`: another for each, which nobody can tell. */
  readonly ports: 'one' | 'random' | undefined;
  /** The ends of the range in which all ports were so far, if it is a small one. */
  readonly rangeEnds: readonly number[];
  /** Our NAT lets in whole addresses that were sent to, and answers them from the same port. */
  readonly isOpenToAddress: boolean;
  readonly mainSocketId: SocketId;
  /** Hops in which a datagram passes our outermost NAT and little more. */
  readonly openerTtl: number;
}

/** Undefined: a fresh socket has to be measured. */
export function knownPlan(
  { mapped, ports, rangeEnds, isOpenToAddress, mainSocketId }: OwnMapping,
  seenPorts: readonly number[],
): KnownPlan | undefined {
  if (mapped === undefined || ports === undefined) return undefined;
  if (ports === 'one') {
    const list = { kind: 'list', isOpenToAddress, first: mapped, step: 1, count: 1 } as const;
    return { ports: list, socketId: mainSocketId };
  }
  const range = rangeAround([...seenPorts, ...rangeEnds], rangeEnds.length > 0);
  const scatter = scatterOf(endpointAddress(mapped), range, isOpenToAddress);
  return { ports: scatter, socketId: undefined };
}
