/**
 * What the search for ports may cost: a plan is gone through only if all its pings are left, of what its peer and of
 * what the address that it names may cost in ten minutes. What was not needed is given back.
 *
 * Peers choose which addresses are theirs, so both are needed: one peer may name many strangers, and many peers
 * one stranger.
 */
import type { Instant } from '../base/instant.js';
import { TokenBucket } from '../base/token-bucket.js';
import { type BucketLimit, TokenBuckets } from '../base/token-buckets.js';
import type { IpAddress } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';

const windowSeconds = 600;
/** Two full campaigns; honest peers need one of 250 pings, or nine attempts in vain in the first ten minutes. */
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

  /** Takes all pings that a plan may cost; false: there are not so many left. */
  take(peer: NodeKey, address: IpAddress, pings: number, now: Instant): boolean {
    const charge = Math.max(planPingsMin, pings);
    const ofPeer =
      this.#peers.get(peer) ?? new TokenBucket(peerPingsMax, peerPingsMax / windowSeconds);
    this.#peers.set(peer, ofPeer);
    if (!ofPeer.take(now, charge)) return false;
    if (this.#addresses.take(address, now, charge)) return true;
    ofPeer.giveBack(charge);
    return false;
  }

  /** Of the pings that were taken for a plan so many were sent; when they were more, the next plan has less. */
  settle(peer: NodeKey, address: IpAddress, taken: number, sent: number): void {
    const unspent = Math.max(planPingsMin, taken) - Math.max(planPingsMin, sent);
    this.#peers.get(peer)?.giveBack(unspent);
    this.#addresses.giveBack(address, unspent);
  }

  /** The peer left the network. */
  forget(peer: NodeKey): void {
    this.#peers.delete(peer);
  }
}

function limitOf(pings: number): BucketLimit {
  return { burst: pings, perSecond: pings / windowSeconds };
}
