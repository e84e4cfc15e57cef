/** The relay connections of one node of the world: dials that take their time, ends that close. */
import type { RegionId } from '../../engines/paths.js';
import { endpoint } from '../../ip/address.js';
import type { NodeKey } from '../../keys/keys.js';
import type { PathEngineInput, PathEngineOutput } from '../io.js';
import type { Place } from './internet.js';
import type { RelayClientEnd, RelayModel } from './relay-model.js';

/** A dial takes this many round trips: TCP, TLS, greeting. */
export const dialRoundTrips = 3;

export interface NodeRelaysOptions {
  readonly name: string;
  readonly key: NodeKey;
  readonly relays: ReadonlyMap<RegionId, RelayModel>;
  /** Where the node is now. */
  readonly place: () => Place;
  /** Runs unless the node's process ended meanwhile. */
  readonly later: (ms: number, run: () => void) => void;
  readonly input: (input: PathEngineInput) => void;
  readonly trace: (line: string) => void;
}

export class NodeRelays {
  readonly #options: NodeRelaysOptions;
  readonly #ends = new Map<RegionId, RelayClientEnd>();
  /** The number of the last dial of each region that is still wanted. */
  readonly #dials = new Map<RegionId, number>();
  #lastDial = 0;

  constructor(options: NodeRelaysOptions) {
    this.#options = options;
  }

  dial(regionId: RegionId): void {
    const { later, input } = this.#options;
    const relay = this.#options.relays.get(regionId);
    const latencyMs = this.#latencyTo(relay);
    const dial = ++this.#lastDial;
    this.#dials.set(regionId, dial);
    later(2 * dialRoundTrips * latencyMs, () => {
      if (this.#dials.get(regionId) !== dial) return;
      this.#dials.delete(regionId);
      if (relay?.up !== true) {
        input({ type: 'relay-closed', regionId, reason: 'connect-failed' });
        return;
      }
      this.#connect(relay, latencyMs);
      input({ type: 'relay-connected', regionId, dialsBack: relay.dialsBack });
    });
  }

  transmit(regionId: RegionId, peer: NodeKey, packet: Uint8Array): void {
    const end = this.#ends.get(regionId);
    if (end !== undefined) this.#options.relays.get(regionId)?.transmit(end, peer, packet);
  }

  dialBack(order: Extract<PathEngineOutput, { readonly type: 'relay-dial-back' }>): void {
    const { regionId, token, port } = order;
    const { later, input } = this.#options;
    const relay = this.#options.relays.get(regionId);
    if (relay === undefined) return;
    const { address, nat } = this.#options.place();
    const latencyMs = this.#latencyTo(relay);
    const target = endpoint(nat?.address ?? address, port);
    later(latencyMs, () => {
      relay.dialBack(token, target);
      later(latencyMs, () => {
        input({ type: 'dial-back-answer', regionId, token, outcome: 'sent', target });
      });
    });
  }

  checkAddress(order: Extract<PathEngineOutput, { readonly type: 'relay-check-address' }>): void {
    const { regionId, id, address, token } = order;
    const { later, input } = this.#options;
    const relay = this.#options.relays.get(regionId);
    if (relay?.dialsBack !== true || !this.#ends.has(regionId)) return;
    later(2 * this.#latencyTo(relay), () => {
      const outcome = relay.checkAddress(address, token);
      input({ type: 'address-check-answer', regionId, id, outcome });
    });
  }

  hangUp(regionId: RegionId): void {
    this.#dials.delete(regionId);
    const end = this.#ends.get(regionId);
    this.#ends.delete(regionId);
    if (end !== undefined) this.#options.relays.get(regionId)?.leave(end);
  }

  /** Every connection and every dial ends. */
  hangUpAll(): void {
    this.#dials.clear();
    for (const regionId of [...this.#ends.keys()]) this.hangUp(regionId);
  }

  #latencyTo(relay: RelayModel | undefined): number {
    return this.#options.place().accessMs + (relay?.accessMs ?? 0);
  }

  #connect(relay: RelayModel, latencyMs: number): void {
    const { regionId } = relay;
    const { name, input, trace } = this.#options;
    const end: RelayClientEnd = {
      key: this.#options.key,
      latencyMs,
      onPacket: (source, packet) => {
        if (!isCurrent()) return;
        trace(`relay ${regionId} > ${name} ${packet.length}`);
        input({ type: 'relay-packet', regionId, source, packet });
      },
      onPeerGone: (peer) => {
        if (isCurrent()) input({ type: 'relay-peer-gone', regionId, peer });
      },
      onClosed: (reason) => {
        if (!isCurrent()) return;
        this.#ends.delete(regionId);
        input({ type: 'relay-closed', regionId, reason });
      },
    };
    const isCurrent = (): boolean => this.#ends.get(regionId) === end;
    this.#ends.set(regionId, end);
    relay.join(end);
  }
}
