/**
 * Whereto our sockets have sent, so that what comes from elsewhere is known to come unasked.
 *
 * It is never forgotten while there is room: a NAT may let a remote in for as long as the mapping lives. When the
 * memory is full, nothing new counts as unasked any more, which errs on the safe side.
 */

import { type Endpoint, endpointAddress, endpointPort, type IpAddress } from '../ip/address.js';
import type { ArrivalContact } from '../netcheck/endpoint-proofs.js';

/** Some 3 MB at worst; a node with a thousand peers sends to some ten thousand addresses. */
export const maxSentAddresses = 16_384;
/** An address that was sent to on more ports than this counts as sent to on all. */
export const maxSentPorts = 64;

const ALL_PORTS = 'all';

export class SentMemory {
  readonly #ports = new Map<IpAddress, Set<number> | typeof ALL_PORTS>();
  #isFull = false;

  note(remote: Endpoint): void {
    const address = endpointAddress(remote);
    const ports = this.#ports.get(address);
    if (ports === ALL_PORTS) return;
    if (ports !== undefined) {
      ports.add(endpointPort(remote));
      if (ports.size > maxSentPorts) this.#ports.set(address, ALL_PORTS);
    } else if (this.#ports.size < maxSentAddresses) {
      this.#ports.set(address, new Set([endpointPort(remote)]));
    } else {
      this.#isFull = true;
    }
  }

  /** How a datagram from `source` stands to what was sent. */
  contact(source: Endpoint): ArrivalContact {
    const ports = this.#ports.get(endpointAddress(source));
    if (ports === undefined) return this.#isFull ? 'known' : 'new-address';
    return ports === ALL_PORTS || ports.has(endpointPort(source)) ? 'known' : 'new-port';
  }
}
