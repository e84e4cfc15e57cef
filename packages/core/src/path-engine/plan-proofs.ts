/**
 * Port plans and the proofs of their addresses: ours go out with one, and a peer's that asks for many probes waits
 * until its address is proven (address-proofs.ts).
 *
 *     a plan of few pings   ---------------------------> admitted; its proof, if any, is checked meanwhile
 *     a plan of many pings  --address proven-----------> admitted
 *                           --else--> held, `port-plan-awaits-proof` --proven----> shown again
 *                                          --not-------> dropped, `port-plan-unproven`
 *
 * What a plan costs depends on ours too: guesses go to a large range, openers to a single port.
 *
 * Where both NATs' descriptions say that it will come to many pings, each side shows its proof as soon as it looks for
 * the other or is shown the other's, for the address that its own description tells: then nothing has to be held.
 *
 * Without this a member of the network could have others send streams of datagrams to an address that it merely
 * names, and it can name many.
 */
import type { Counters } from '../base/counters.js';
import { after, type Instant } from '../base/instant.js';
import type { AddressProof, PortPlan } from '../disco/ping-extension.js';
import type { RegionId } from '../engines/paths.js';
import { endpointAddress, type IpAddress } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import type { NatDescription } from '../netmap/nat-description.js';
import type { RelayMap } from '../netmap/types.js';
import type { Random } from '../ports.js';
import { AddressProofs, keyOf } from './address-proofs.js';
import type { EngineOutputs } from './outputs.js';
import { OwnAddressProofs } from './own-address-proofs.js';
import { cantBePunched } from './own-port-mapping.js';

/**
 * Pings that one plan may cost whose address nobody has proven: what an ordinary search for a path costs in minutes.
 * What all plans may cost together, proven or not, is in paths/ping-allowance.ts.
 */
export const unprovenPingsMax = 200;

/** A peer remembers a proof for ten minutes. */
const showAgainMs = 5 * 60_000;
/** What stands in the way of showing one, such as a network check under way, changes slowly. */
const lookAgainMs = 1000;

export interface PlanProofsOptions {
  readonly random: Random;
  readonly counters: Counters;
  readonly outputs: EngineOutputs;
  readonly ownNat: () => NatDescription;
  readonly relayMap: () => RelayMap | undefined;
  readonly useRelay: (regionId: RegionId, now: Instant) => void;
  /** Pings that a plan would cost us. */
  readonly costOf: (peer: NodeKey, plan: PortPlan) => number;
  /** The address of a plan that was held is proven now. */
  readonly onProven: (peer: NodeKey, plan: PortPlan, now: Instant) => void;
}

export class PlanProofs {
  readonly peers: AddressProofs;
  readonly own = new OwnAddressProofs();
  readonly #options: PlanProofsOptions;
  /** Each has a question under way. */
  readonly #held = new Map<string, PortPlan>();
  /** When to think again of showing ours to a peer; the engine removes those that left the network. */
  readonly #showAt = new Map<NodeKey, Instant>();

  constructor(options: PlanProofsOptions) {
    this.#options = options;
    this.peers = new AddressProofs({
      ...options,
      onResult: (peer, address, isProven, now) => this.#result(peer, address, isProven, now),
    });
  }

  /** False: the plan waits for its proof, or is dropped. */
  admits(peer: NodeKey, plan: PortPlan, proof: AddressProof | undefined, now: Instant): boolean {
    const address = endpointAddress(plan.first);
    if (this.peers.isProven(peer, address, now)) return true;
    const isLight = this.#options.costOf(peer, plan) <= unprovenPingsMax;
    if (!isLight) {
      this.#options.counters.add('port-plan-awaits-proof');
      this.#held.set(keyOf(peer, address), plan);
    }
    if (!isLight || proof !== undefined) this.peers.check(peer, address, proof, now);
    return isLight;
  }

  /** The proof to show to a peer that is looked for; undefined: none is needed, or it has been shown. */
  toShow(
    peer: NodeKey,
    theirs: NatDescription | undefined,
    now: Instant,
  ): AddressProof | undefined {
    const at = this.#showAt.get(peer);
    if (theirs === undefined || (at !== undefined && now < at)) return undefined;
    const ours = this.#options.ownNat();
    const { mapped } = ours.ipv4;
    const isNeeded = mapped !== undefined && cantBePunched(ours, theirs);
    const proof = isNeeded ? this.own.of(endpointAddress(mapped), now) : undefined;
    this.#showAt.set(peer, after(now, proof === undefined ? lookAgainMs : showAgainMs));
    return proof;
  }

  /** A peer has shown one. */
  shown(
    peer: NodeKey,
    theirs: NatDescription | undefined,
    proof: AddressProof | undefined,
    now: Instant,
  ): void {
    const mapped = theirs?.ipv4.mapped;
    if (mapped === undefined) this.#options.counters.add('address-proof-of-nothing');
    else this.peers.check(peer, endpointAddress(mapped), proof, now);
  }

  forget(peer: NodeKey): void {
    this.peers.forget(peer);
    this.#showAt.delete(peer);
    for (const key of this.#held.keys()) {
      if (key.startsWith(keyOf(peer, ''))) this.#held.delete(key);
    }
  }

  networkChanged(now: Instant): void {
    this.own.networkChanged();
    this.#showAt.clear();
    this.peers.networkChanged(now);
  }

  #result(peer: NodeKey, address: IpAddress, isProven: boolean, now: Instant): void {
    const key = keyOf(peer, address);
    const plan = this.#held.get(key);
    this.#held.delete(key);
    if (plan === undefined) return;
    if (isProven) this.#options.onProven(peer, plan, now);
    else this.#options.counters.add('port-plan-unproven');
  }
}
