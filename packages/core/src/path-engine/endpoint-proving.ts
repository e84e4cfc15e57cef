/**
 * The proofs of our endpoints (netcheck/endpoint-proofs.ts) inside the engine: relays are asked through the engine's
 * outputs, and what an arrival is worth is judged by whereto the sockets have sent.
 *
 * A NAT that remembers the port from before a restart lets in whom it knows. Until such memories are over, an arrival
 * shows that an endpoint is alive and no more.
 */
import type { Counters } from '../base/counters.js';
import { after, type Instant } from '../base/instant.js';
import type { RegionId } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import { type DialBackVerdict, type EarlierUse, mappingMemoryMs } from '../netcheck/dial-back.js';
import {
  type ArrivalContact,
  EndpointProofs,
  type EndpointProofsInput,
} from '../netcheck/endpoint-proofs.js';
import type { Verified } from '../netcheck/nat-class.js';
import type { SummarizedEndpoint } from '../netcheck/summary.js';
import type { OwnEndpoint } from '../netmap/own.js';
import type { Random } from '../ports.js';
import { isBindingIndication } from '../stun/indication.js';
import type { EngineOutputs } from './outputs.js';

export interface EndpointProvingOptions {
  readonly random: Random;
  readonly counters: Counters;
  readonly outputs: EngineOutputs;
  /** Uses of ports before this process; undefined: relays aren't asked. */
  readonly earlierUses: readonly EarlierUse[] | undefined;
}

export class EndpointProving {
  readonly #options: EndpointProvingOptions;
  readonly #proofs: EndpointProofs;
  /** What the first datagram's dial-back said; it may come before the endpoint is claimed. */
  #first: DialBackVerdict | undefined;
  /** When NATs have forgotten what earlier processes sent. */
  #restedAt: Instant | undefined;
  /** Whoever maps ports at routers: an endpoint of theirs, or a configured one, keeps strangers out. */
  onDead: (endpoint: OwnEndpoint, now: Instant) => void = () => undefined;
  /** An endpoint of ours was found to be reachable, or not to be. */
  onVerdict: (endpoint: OwnEndpoint, verified: Verified, now: Instant) => void = () => undefined;

  constructor(options: EndpointProvingOptions) {
    this.#options = options;
    this.#proofs = new EndpointProofs(options);
  }

  /** Whether strangers reach an endpoint of ours. */
  verified(of: Endpoint): Verified {
    return this.#proofs.verified(of);
  }

  /** Those of ours that strangers reach, and the one that `dialBack` says they do. */
  proven(dialBack: DialBackVerdict | undefined): readonly Endpoint[] {
    const { target, verified } = dialBack ?? {};
    const first = verified === 'yes' && target !== undefined ? [target] : [];
    return [...new Set([...first, ...this.#proofs.proven])];
  }

  /** The list with what is proven of each, or else known of it otherwise. */
  summarize(
    endpoints: readonly OwnEndpoint[],
    otherwise: (of: Endpoint) => Verified,
  ): readonly SummarizedEndpoint[] {
    return endpoints.map((own) => ({
      ...own,
      verified: this.verified(own.endpoint) ?? otherwise(own.endpoint),
    }));
  }

  /** The list as it is told; the first verdict is taken over when its endpoint turns up. */
  claim(endpoints: readonly OwnEndpoint[], now: Instant): void {
    this.handle({ type: 'endpoints', endpoints }, now);
    const { target, verified } = this.#first ?? {};
    if (target !== undefined) this.handle({ type: 'known', endpoint: target, verified }, now);
  }

  dialledBack(verdict: DialBackVerdict): void {
    this.#first = verdict;
  }

  /** True when it was a relay's datagram, whatever came of it. */
  datagram(bytes: Uint8Array, source: Endpoint, now: Instant): boolean {
    if (!isBindingIndication(bytes)) return false;
    this.handle({ type: 'datagram', bytes, contact: this.#contact(source, now) }, now);
    return true;
  }

  /** A peer's authenticated ping came from `source` and was addressed to `target`. */
  reached(target: Endpoint, source: Endpoint, now: Instant): void {
    this.handle({ type: 'reached', target, contact: this.#contact(source, now) }, now);
  }

  relay(regionId: RegionId, dialsBack: boolean, now: Instant): void {
    if (this.#options.earlierUses === undefined) return;
    this.handle({ type: 'relay', regionId, dialsBack }, now);
  }

  /** `lostAddress`: what was proven before the first datagram was proven of another network. */
  networkChanged(lostAddress: boolean, now: Instant): void {
    if (lostAddress) this.#first = undefined;
    this.handle({ type: 'network-changed' }, now);
  }

  handle(input: EndpointProofsInput, now: Instant): void {
    this.#restedAt ??= restedAt(this.#options.earlierUses ?? [], now);
    this.#proofs.handle(input, now);
    for (let out = this.#proofs.poll(); out !== undefined; out = this.#proofs.poll()) {
      if (out.type === 'ask') {
        const { regionId, token, port } = out;
        const order = { type: 'relay-dial-back', regionId, token, port } as const;
        this.#options.outputs.push({ ...order, fromAlternate: true });
      } else if (out.type === 'dead') {
        this.onDead(out.endpoint, now);
      } else {
        this.onVerdict(out.endpoint, out.verified, now);
      }
    }
  }

  nextTimeout(): Instant | undefined {
    return this.#proofs.nextTimeout();
  }

  #contact(source: Endpoint, now: Instant): ArrivalContact {
    const isRested = this.#restedAt !== undefined && now >= this.#restedAt;
    return isRested ? this.#options.outputs.sent.contact(source) : 'known';
  }
}

function restedAt(uses: readonly EarlierUse[], now: Instant): Instant {
  const latest = Math.min(mappingMemoryMs, ...uses.map(({ agoMs }) => agoMs));
  return after(now, uses.length === 0 ? 0 : mappingMemoryMs - latest);
}
