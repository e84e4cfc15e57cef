/**
 * The flows that a NAT or a stateful firewall remembers, as Linux' conntrack does: by inner endpoint and
 * remote, and by outer port and remote. Expired ones count as absent and are swept when the table is full.
 */
import type { Instant } from '@warren/core/base/instant';
import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import type { FlowLifetime } from './behaviour.js';

export interface Flow {
  readonly inner: Endpoint;
  readonly remote: Endpoint;
  /** The remote's address, which filters and mappings compare. */
  readonly remoteAddress: IpAddress;
  /** Port outside. */
  readonly port: number;
  usedAt: Instant;
  /** Packets went both ways. */
  replied: boolean;
  /** True: began inside. */
  readonly outbound: boolean;
  /** The last packet from inside. */
  sentAt: Instant | undefined;
}

export class FlowTable {
  readonly #lifetime: FlowLifetime;
  readonly #flowsMax: number;
  readonly #byInner = new Map<string, Flow>();
  readonly #byOuter = new Map<string, Flow>();

  constructor(lifetime: FlowLifetime, flowsMax: number) {
    this.#lifetime = lifetime;
    this.#flowsMax = flowsMax;
  }

  get size(): number {
    return this.#byInner.size;
  }

  outbound(inner: Endpoint, remote: Endpoint, now: Instant): Flow | undefined {
    return this.#alive(this.#byInner.get(`${inner} ${remote}`), now);
  }

  inbound(port: number, remote: Endpoint, now: Instant): Flow | undefined {
    return this.#alive(this.#byOuter.get(`${port} ${remote}`), now);
  }

  /** Live flows, the oldest first. */
  *flows(now: Instant): Iterable<Flow> {
    for (const flow of this.#byInner.values()) if (!this.#isDead(flow, now)) yield flow;
  }

  /** False: the table is full. */
  add(flow: Flow, now: Instant): boolean {
    if (this.#byInner.size >= this.#flowsMax) this.#sweep(now);
    if (this.#byInner.size >= this.#flowsMax) return false;
    this.#byInner.set(`${flow.inner} ${flow.remote}`, flow);
    this.#byOuter.set(`${flow.port} ${flow.remote}`, flow);
    return true;
  }

  clear(): void {
    this.#byInner.clear();
    this.#byOuter.clear();
  }

  #alive(flow: Flow | undefined, now: Instant): Flow | undefined {
    if (flow === undefined || !this.#isDead(flow, now)) return flow;
    this.#remove(flow);
    return undefined;
  }

  #isDead(flow: Flow, now: Instant): boolean {
    const { freshMs, repliedMs } = this.#lifetime;
    return now - flow.usedAt >= (flow.replied ? repliedMs : freshMs);
  }

  #sweep(now: Instant): void {
    for (const flow of [...this.#byInner.values()]) if (this.#isDead(flow, now)) this.#remove(flow);
  }

  #remove(flow: Flow): void {
    const [inner, outer] = [`${flow.inner} ${flow.remote}`, `${flow.port} ${flow.remote}`];
    if (this.#byInner.get(inner) === flow) this.#byInner.delete(inner);
    if (this.#byOuter.get(outer) === flow) this.#byOuter.delete(outer);
  }
}
