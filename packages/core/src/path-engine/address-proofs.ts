/**
 * Whether a peer receives what is sent to an address, before we send it hundreds of probes there. The peer shows a
 * token that a relay's STUN server gave it (stun/address-tokens.ts), and that relay tells us what the token is worth.
 *
 *     check --known of the last ten minutes--> proven
 *           --a relay of our map, Warren's----> question --yes--> proven
 *                                                        --no, refused, 2 s without an answer--> not proven
 *           --else----------------------------> not proven
 *
 * Everything is bounded: one question waits for each peer, and a peer has us ask few. A relay is believed because
 * control named it; a peer that names another gets nothing.
 */
import { encodeHex } from '../base/bytes.js';
import type { Counters } from '../base/counters.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { RecentMap } from '../base/recent-map.js';
import { TokenBuckets } from '../base/token-buckets.js';
import type { AddressCheckAnswer } from '../engines/address-check.js';
import type { RegionId } from '../engines/paths.js';
import type { IpAddress } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { tokenRelayOf } from '../netcheck/token-relay.js';
import type { RelayMap } from '../netmap/types.js';
import type { Random } from '../ports.js';
import type { EngineOutputs } from './outputs.js';

/** As long as a relay recognizes a token: an address changes its owner more slowly. */
export const provenMs = 600_000;
/** A dial of the relay and its answer; the peer's patience is little more (paths/port-attempt.ts). */
export const checkMs = 2000;
/** Peers and addresses remembered; the oldest is forgotten first, and asked for again. */
export const provenMax = 1024;
/** Questions under way: as many peers as may want to meet us at once. */
export const waitingMax = 64;
/** Questions that one peer causes, of the 16 at once and one a second that a relay takes from us. */
const perPeer = { burst: 4, perSecond: 0.1 };
const ID_BYTES = 8;

export interface AddressProofsOptions {
  readonly random: Random;
  readonly counters: Counters;
  readonly outputs: EngineOutputs;
  readonly relayMap: () => RelayMap | undefined;
  /** Have the region's relay connected. */
  readonly useRelay: (regionId: RegionId, now: Instant) => void;
  /** Once for each {@link AddressProofs.check} unless the peer is forgotten; possibly before it returns. */
  readonly onResult: (peer: NodeKey, address: IpAddress, isProven: boolean, now: Instant) => void;
}

interface Question {
  readonly id: Uint8Array;
  readonly regionId: RegionId;
  readonly address: IpAddress;
  readonly token: Uint8Array;
  readonly until: Instant;
}

export class AddressProofs {
  readonly #options: AddressProofsOptions;
  /** By peer and address: until when. In order of time. */
  readonly #proven = new RecentMap<string, Instant>(provenMax);
  readonly #waiting = new Map<NodeKey, Question>();
  readonly #asked = new TokenBuckets<NodeKey>(perPeer, provenMax);
  /** Relays connected, and whether they answer. */
  readonly #relays = new Map<RegionId, boolean>();

  constructor(options: AddressProofsOptions) {
    this.#options = options;
  }

  /**
   * Is `address` the peer's? `regionId` and `token` (16 bytes) are what it says to prove it; undefined: nothing. A
   * check of an address that is being checked for the peer has the same result.
   */
  check(
    peer: NodeKey,
    address: IpAddress,
    proof: { readonly regionId: RegionId; readonly token: Uint8Array } | undefined,
    now: Instant,
  ): void {
    if (this.isProven(peer, address, now)) {
      this.#options.onResult(peer, address, true, now);
      return;
    }
    if (this.#waiting.get(peer)?.address === address) return;
    const refusal = this.#refusal(peer, proof?.regionId, now);
    if (refusal !== undefined || proof === undefined) {
      this.#options.counters.add(`address-proof-${refusal ?? 'missing'}`);
      this.#options.onResult(peer, address, false, now);
      return;
    }
    const { regionId, token } = proof;
    const id = this.#options.random.fill(new Uint8Array(ID_BYTES));
    const question = { id, regionId, address, token, until: after(now, checkMs) };
    this.#waiting.set(peer, question);
    this.#options.useRelay(regionId, now);
    if (this.#relays.get(regionId) === true) this.#ask(question);
  }

  /** Whether {@link check} would say so at once. */
  isProven(peer: NodeKey, address: IpAddress, now: Instant): boolean {
    const until = this.#proven.get(keyOf(peer, address));
    return until !== undefined && now < until;
  }

  /** `answers`: the relay knows of tokens. What waits for it is asked now, perhaps again. */
  relayConnected(regionId: RegionId, answers: boolean, now: Instant): void {
    this.#relays.set(regionId, answers);
    for (const [peer, question] of [...this.#waiting]) {
      if (question.regionId !== regionId) continue;
      if (answers) this.#ask(question);
      else this.#end(peer, question, 'no-relay', now);
    }
  }

  /** What was asked may be asked again within its time, of the next connection. */
  relayClosed(regionId: RegionId): void {
    this.#relays.delete(regionId);
  }

  /** A relay's word on one of our questions. */
  answered(regionId: RegionId, { id, outcome }: AddressCheckAnswer, now: Instant): void {
    const text = encodeHex(id);
    for (const [peer, question] of this.#waiting) {
      if (question.regionId !== regionId || encodeHex(question.id) !== text) continue;
      this.#end(peer, question, outcome === 'yes' ? 'proven' : outcome, now);
      return;
    }
    this.#options.counters.add('address-proof-unasked');
  }

  /** Connections break and attempts end with the network; what is proven of peers stays so. */
  networkChanged(now: Instant): void {
    for (const [peer, question] of [...this.#waiting]) {
      this.#end(peer, question, 'network-changed', now);
    }
  }

  /** The peer left the network; nothing is told about its question. */
  forget(peer: NodeKey): void {
    this.#waiting.delete(peer);
    for (const key of this.#proven.keys()) {
      if (key.startsWith(keyOf(peer, ''))) this.#proven.delete(key);
    }
  }

  runTimers(now: Instant): void {
    for (const [peer, question] of [...this.#waiting]) {
      if (now >= question.until) this.#end(peer, question, 'unanswered', now);
    }
  }

  nextTimeout(): Instant | undefined {
    return earliest(...[...this.#waiting.values()].map(({ until }) => until));
  }

  /** Why nobody is asked; the peer's own part comes last, as it costs it a token. */
  #refusal(peer: NodeKey, regionId: RegionId | undefined, now: Instant): string | undefined {
    if (regionId === undefined) return 'missing';
    const isDumb = this.#relays.get(regionId) === false;
    if (isDumb || tokenRelayOf(this.#options.relayMap(), regionId) === undefined) return 'no-relay';
    if (this.#waiting.has(peer) || this.#waiting.size >= waitingMax) return 'busy';
    return this.#asked.take(peer, now) ? undefined : 'too-often';
  }

  #ask({ regionId, id, address, token }: Question): void {
    this.#options.outputs.push({ type: 'relay-check-address', regionId, id, address, token });
  }

  #end(
    peer: NodeKey,
    { address }: Question,
    outcome: 'proven' | 'no' | 'refused' | 'unanswered' | 'no-relay' | 'network-changed',
    now: Instant,
  ): void {
    this.#waiting.delete(peer);
    this.#options.counters.add(`address-proof-${outcome}`);
    const isProven = outcome === 'proven';
    if (isProven) this.#proven.set(keyOf(peer, address), after(now, provenMs));
    this.#options.onResult(peer, address, isProven, now);
  }
}

/** Of maps by peer and address; with an empty address, how the keys of all the peer's begin. */
export function keyOf(peer: NodeKey, address: IpAddress | ''): string {
  return `${peer} ${address}`;
}
