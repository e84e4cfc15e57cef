/** What the search for ports is given: port-searches.ts. */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import type { Random } from '../ports.js';
import type { HardMemoryPort } from './hard-memory.js';
import type { KeptSocketsOptions } from './kept-sockets.js';
import type { OwnMapping } from './own-mapping.js';
import type { PortSearchOutput } from './running-attempts.js';

export interface PortSearchesOptions {
  readonly random: Random;
  readonly counters: Counters;
  readonly ownKey: NodeKey;
  readonly emit: (output: PortSearchOutput, now: Instant) => void;
  readonly lastHeard: KeptSocketsOptions['lastHeard'];
  /** What is known of our NAT, for an attempt with the peer after so many failures. */
  readonly mapping: (peer: NodeKey, failures: number) => OwnMapping;
  /** Where a peer is that may know nothing of plans; undefined: it tells its NAT, or nothing is known of it. */
  readonly stockEndpoint: (peer: NodeKey) => Endpoint | undefined;
  /** Of the network that we are in. */
  readonly memory: HardMemoryPort;
  /** By all that is known, the usual pings can't meet those of the peer. */
  readonly cantBePunched: (peer: NodeKey) => boolean;
}
