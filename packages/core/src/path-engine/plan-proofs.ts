/**
 * Port plans and the proofs of their addresses: ours go out with one, and a peer's that asks for many probes waits
 * until its address is proven (address-proofs.ts).
 *
 *     a plan of few pings   ---------------------------> admitted; its proof, if any, is checked meanwhile
 *     a plan of many pings  --address proven-----------> admitted
 *                           --else--> held --proven----> shown again
 *                                          --not-------> dropped, `port-plan-unproven`
 *
 * What a plan costs depends on ours too: guesses go to a large range, openers to a single port.
 *
 * Without this a member of the network could have others send streams of datagrams to an address that it merely
 * names, and it can name many.
 */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import type { AddressProof, PortPlan } from '../disco/ping-extension.js';
import type { RegionId } from '../engines/paths.js';
import { endpointAddress, type IpAddress } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import type { RelayMap } from '../netmap/types.js';
import type { Random } from '../ports.js';
import { AddressProofs } from './address-proofs.js';
import type { EngineOutputs } from './outputs.js';
import { OwnAddressProofs } from './own-address-proofs.js';

/** Pings that a plan may cost whose address nobody has proven: what an ordinary search for a path costs in minutes. */
export const unprovenPingsMax = 200;

export interface PlanProofsOptions {
  readonly random: Random;
  readonly counters: Counters;
  readonly outputs: EngineOutputs;
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
    if (!isLight) this.#held.set(keyOf(peer, address), plan);
    if (!isLight || proof !== undefined) this.peers.check(peer, address, proof, now);
    return isLight;
  }

  forget(peer: NodeKey): void {
    this.peers.forget(peer);
    for (const key of this.#held.keys()) {
      if (key.startsWith(keyOf(peer, ''))) this.#held.delete(key);
    }
  }

  networkChanged(now: Instant): void {
    this.own.networkChanged();
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

function keyOf(peer: NodeKey, address: string): string {
  return `${peer} ${address}`;
}
