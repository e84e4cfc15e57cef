/**
 * What the search by foretold ports may cost: a plan is gone through only if its pings are left, of what its peer
 * and of what the address that it names may cost in ten minutes.
 *
 * Peers choose which addresses are theirs, so both are needed: one peer may name many strangers, and many peers
 * one stranger.
 */
import type { Instant } from '../base/instant.js';
import { TokenBucket } from '../base/token-bucket.js';
import { type BucketLimit, TokenBuckets } from '../base/token-buckets.js';
import { endpointAddress, type IpAddress } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { pingsOf } from './port-attempt.js';
import type { Ports } from './port-plan.js';

const windowSeconds = 600;
/** Honest peers need a tenth: nine attempts in the first ten minutes, each of 200 to 300 pings, fewer later. */
export const peerPingsMax = 3000;
/** Behind one address may be an office full of peers. Ten a second in the long run are no load for anybody. */
export const addressPingsMax = 6000;
/** A plan keeps other peers waiting for two seconds, so one of few ports is counted as this many pings. */
export const planPingsMin = 100;
/** Remembered addresses; at the rate of plans that are answered, naming so many others takes a peer longer. */
const addressesMax = 256;

export class PingAllowance {
  readonly #peers = new Map<NodeKey, TokenBucket>();
  readonly #addresses = new TokenBuckets<IpAddress>(limitOf(addressPingsMax), addressesMax);

  /** Takes the pings of a plan; false: there are not so many left. */
  take(peer: NodeKey, plan: Ports, now: Instant): boolean {
    const pings = Math.max(planPingsMin, pingsOf(plan));
    const ofPeer =
      this.#peers.get(peer) ?? new TokenBucket(peerPingsMax, peerPingsMax / windowSeconds);
    this.#peers.set(peer, ofPeer);
    if (!ofPeer.take(now, pings)) return false;
    return this.#addresses.take(endpointAddress(plan.first), now, pings);
  }

  /** The peer left the network. */
  forget(peer: NodeKey): void {
    this.#peers.delete(peer);
  }
}

function limitOf(pings: number): BucketLimit {
  return { burst: pings, perSecond: pings / windowSeconds };
}
