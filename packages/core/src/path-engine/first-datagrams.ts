/**
 * Holds our UDP sockets silent until relays have dialled back (netcheck/dial-back.ts). While they are silent no
 * STUN server is asked, no peer pinged or answered; packets over relays flow. Without earlier uses to judge by
 * (the option is absent) nothing is held up and nothing proven.
 */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import type { RegionId } from '../engines/paths.js';
import {
  DialBack,
  type DialBackInput,
  type DialBackVerdict,
  type EarlierUse,
} from '../netcheck/dial-back.js';
import type { RelayMap } from '../netmap/types.js';
import type { Random } from '../ports.js';
import { isBindingIndication } from '../stun/indication.js';
import type { EngineOutputs } from './outputs.js';
import type { Sockets } from './sockets.js';

export interface FirstDatagramsOptions {
  readonly random: Random;
  readonly counters: Counters;
  readonly outputs: EngineOutputs;
  /** Uses of ports before this process; undefined: relays aren't asked. */
  readonly earlierUses: readonly EarlierUse[] | undefined;
  readonly useRelay: (regionId: RegionId, now: Instant) => void;
  readonly onOpen: (verdict: DialBackVerdict, heldUpMs: number, now: Instant) => void;
}

export class FirstDatagrams {
  readonly #options: FirstDatagramsOptions;
  readonly #dialBack: DialBack | undefined;
  #relayMap: RelayMap | undefined;
  #draining = false;

  constructor(options: FirstDatagramsOptions) {
    const { earlierUses: earlier, random, counters } = options;
    this.#options = options;
    this.#dialBack =
      earlier === undefined ? undefined : new DialBack({ random, counters, earlier });
  }

  /** False while the sockets must stay silent. */
  get areAllowed(): boolean {
    return this.#dialBack?.isOpen !== false;
  }

  /** Another relay map, or sockets that changed: starts once there are both. */
  ready(sockets: Sockets, relayMap: RelayMap | undefined, now: Instant): void {
    this.#relayMap = relayMap ?? this.#relayMap;
    if (this.#relayMap === undefined || !sockets.settled || this.#dialBack?.isStarted !== false)
      return;
    const regions = [...this.#relayMap.regions.values()].filter(({ nodes }) =>
      nodes.some((node) => node.dialsBack === true && !node.stunOnly),
    );
    const ports = { 4: sockets.port(4), 6: sockets.port(6) };
    this.handle({ type: 'start', regions: regions.map(({ id }) => id), ports }, now);
  }

  /** True when the datagram was a relay's, whatever came of it. */
  datagram(bytes: Uint8Array, receivedAt: Instant, now: Instant): boolean {
    if (!isBindingIndication(bytes)) return false;
    this.handle({ type: 'datagram', bytes, receivedAt }, now);
    return true;
  }

  handle(input: DialBackInput, now: Instant): void {
    const dialBack = this.#dialBack;
    if (dialBack === undefined) return;
    dialBack.handle(input, now);
    // A relay that is connected already answers from within: the loop that runs goes on with it.
    if (this.#draining) return;
    this.#draining = true;
    for (let out = dialBack.poll(); out !== undefined; out = dialBack.poll()) {
      if (out.type === 'use-relay') {
        this.#options.useRelay(out.regionId, now);
      } else if (out.type === 'open') {
        this.#options.onOpen(out.verdict, out.heldUpMs, now);
      } else {
        const { regionId, token, port } = out;
        this.#options.outputs.push({ type: 'relay-dial-back', regionId, token, port });
      }
    }
    this.#draining = false;
  }

  nextTimeout(): Instant | undefined {
    return this.#dialBack?.nextTimeout();
  }
}
