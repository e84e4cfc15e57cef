/** Which addresses of others our sockets may send to: the filter of candidates, as our own network stands now. */
import type { Counters } from '../base/counters.js';
import type { DirectPath } from '../engines/paths.js';
import { type Endpoint, endpointAddress, familyOf, type IpAddress } from '../ip/address.js';
import { isOverlay } from '../ip/classes.js';
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
}

export class CandidateGate {
  readonly #counters: Counters;
  readonly #sockets: Sockets;
  #filter: CandidateContext = { ownSockets: new Set(), allowLoopback: false };
  /** What the filter was made of; thousands of candidates are only filtered anew when it changes. */
  #fingerprint = '';
  /** Of all known peers and our own, inside the mesh. */
  meshAddresses: ReadonlySet<IpAddress> = new Set();

  constructor(counters: Counters, sockets: Sockets) {
    this.#counters = counters;
    this.#sockets = sockets;
  }

  /** True when other addresses of peers than before can be used. */
  update({ onlyLoopback, localSockets, localAddresses }: OwnAddresses): boolean {
    const sharesRange = localAddresses.some(
      (address) => familyOf(address) === 4 && isOverlay(address),
    );
    const mesh = sharesRange ? [...this.meshAddresses] : [];
    const open = [this.#sockets.isOpen(4), this.#sockets.isOpen(6)];
    const fingerprint = [onlyLoopback, sharesRange, ...open, ...localSockets, ...mesh].join();
    if (fingerprint === this.#fingerprint) return false;
    this.#fingerprint = fingerprint;
    this.#filter = {
      ownSockets: new Set(localSockets),
      allowLoopback: onlyLoopback,
      meshAddresses: sharesRange ? this.meshAddresses : undefined,
    };
    return true;
  }

  /** Paths to the endpoints that can be used from our sockets; refusals are counted. */
  pathsTo(endpoints: readonly Endpoint[]): DirectPath[] {
    const paths = endpoints.flatMap((remote): DirectPath[] => {
      const family = familyOf(endpointAddress(remote));
      if (!this.#sockets.isOpen(family)) return [];
      return [{ kind: 'direct', socketId: socketIdOf(family), remote }];
    });
    return acceptCandidates(paths, this.#filter, maxListedCandidates, (reason) =>
      this.#counters.add(reason),
    );
  }

  /** Why nothing may be sent to `remote`; undefined when it may. */
  refusal(remote: Endpoint): CandidateRefusal | undefined {
    return candidateRefusal(remote, this.#filter);
  }
}
