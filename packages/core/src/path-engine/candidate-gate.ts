/** Which addresses of others our sockets may send to: the filter of candidates, as our own network stands now. */
import type { Counters } from '../base/counters.js';
import type { DirectPath } from '../engines/paths.js';
import { type Endpoint, endpointAddress, familyOf, type IpAddress } from '../ip/address.js';
import { isLoopback, isOverlay, isPrivate } from '../ip/classes.js';
import { translated } from '../netcheck/nat64-probe.js';
import {
  acceptCandidates,
  type CandidateContext,
  type CandidateRefusal,
  candidateRefusal,
} from '../paths/candidate-filter.js';
import { maxListedCandidates } from '../paths/candidates.js';
import { type Sockets, socketIdOf } from './sockets.js';

/** What the filter is made of. */
export interface OwnAddresses {
  readonly onlyLoopback: boolean;
  readonly localSockets: readonly Endpoint[];
  readonly localAddresses: readonly IpAddress[];
  /** IPv4 is reached through this /96 alone. */
  readonly nat64: IpAddress | undefined;
}

export class CandidateGate {
  readonly #counters: Counters;
  readonly #sockets: Sockets;
  #filter: CandidateContext = { ownSockets: new Set(), allowLoopback: false };
  /** What the filter was made of; thousands of candidates are only filtered anew when it changes. */
  #fingerprint = '';
  /** IPv4 is reached through this /96 alone, as of the last update. */
  nat64: IpAddress | undefined;
  /** Of all known peers and our own, inside the mesh. */
  meshAddresses: ReadonlySet<IpAddress> = new Set();

  constructor(counters: Counters, sockets: Sockets) {
    this.#counters = counters;
    this.#sockets = sockets;
  }

  /** True when other addresses of peers than before can be used. */
  update({ onlyLoopback, localSockets, localAddresses, nat64 }: OwnAddresses): boolean {
    const sharesRange = localAddresses.some(
      (address) => familyOf(address) === 4 && isOverlay(address),
    );
    const mesh = sharesRange ? [...this.meshAddresses] : [];
    const open = [this.#sockets.isOpen(4), this.#sockets.isOpen(6)];
    const fingerprint = [
      onlyLoopback,
      sharesRange,
      nat64,
      ...open,
      ...localSockets,
      ...mesh,
    ].join();
    if (fingerprint === this.#fingerprint) return false;
    this.#fingerprint = fingerprint;
    this.nat64 = nat64;
    this.#filter = {
      ownSockets: new Set(localSockets),
      allowLoopback: onlyLoopback,
      meshAddresses: sharesRange ? this.meshAddresses : undefined,
    };
    return true;
  }

  /** Paths to the endpoints that can be used from our sockets; refusals are counted. */
  pathsTo(endpoints: readonly Endpoint[]): DirectPath[] {
    const { nat64 } = this;
    const paths = endpoints.flatMap((remote): DirectPath[] => {
      const family = nat64 === undefined ? familyOf(endpointAddress(remote)) : 6;
      if (!this.#sockets.isOpen(family)) return [];
      return [{ kind: 'direct', socketId: socketIdOf(family), remote }];
    });
    const accepted = acceptCandidates(paths, this.#filter, maxListedCandidates, (reason) =>
      this.#counters.add(reason),
    );
    return nat64 === undefined ? accepted : accepted.flatMap((path) => through(nat64, path));
  }

  /** Why nothing may be sent to `remote`; undefined when it may. */
  refusal(remote: Endpoint): CandidateRefusal | undefined {
    return candidateRefusal(remote, this.#filter);
  }
}

/**
 * The same endpoint where IPv4 is reached through a NAT64: addresses that it would carry into its own network
 * are left out, and so is what the filter has refused as IPv4.
 */
function through(nat64: IpAddress, path: DirectPath): DirectPath[] {
  const address = endpointAddress(path.remote);
  if (familyOf(address) === 6) return [path];
  if (isPrivate(address) || isOverlay(address) || isLoopback(address)) return [];
  return [{ ...path, remote: translated(nat64, path.remote) }];
}
