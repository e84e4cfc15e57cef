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
  /** The remote as the inner host sees it: another one where two flows would look the same to it. */
  readonly seen: Endpoint;
  /** The remote's address, which filters and mappings compare. */
  readonly remoteAddress: IpAddress;
  /** Port outside. */
  readonly port: number;
  /** Which of the NAT's addresses outside. */
  readonly place: number;
  usedAt: Instant;
  /** Packets went both ways. */
  replied: boolean;
  /** True: began inside. */
  readonly outbound: boolean;
  /** The last packet from inside. */
  sentAt: Instant | undefined;
}

/** Fewer flows are not worth a sweep. */
const SWEEP_MIN = 1024;

export class FlowTable {
  readonly #lifetime: FlowLifetime;
  readonly #flowsMax: number;
  readonly #byInner = new Map<string, Flow>();
  readonly #byOuter = new Map<string, Flow>();
  readonly #byPort = new Map<number, Set<Flow>>();
  readonly #ofInner = new Map<Endpoint, Set<Flow>>();
  /** The size at which expired flows are next looked for. */
  #sweepAt = SWEEP_MIN;

  constructor(lifetime: FlowLifetime, flowsMax: number) {
    this.#lifetime = lifetime;
    this.#flowsMax = flowsMax;
  }

  get size(): number {
    return this.#byInner.size;
  }

  /** `seen` is what the inner host sends to. */
  outbound(inner: Endpoint, seen: Endpoint, now: Instant): Flow | undefined {
    return this.#alive(this.#byInner.get(`${inner} ${seen}`), now);
  }

  inbound(port: number, remote: Endpoint, now: Instant): Flow | undefined {
    return this.#alive(this.#byOuter.get(`${port} ${remote}`), now);
  }

  /** Live flows through an outer port, the oldest first. */
  *through(port: number, now: Instant): Iterable<Flow> {
    for (const flow of this.#byPort.get(port) ?? []) if (!this.#isDead(flow, now)) yield flow;
  }

  /** The newest live flow that an inner endpoint began, of all or towards one address. */
  newestOf(inner: Endpoint, towards: IpAddress | undefined, now: Instant): Flow | undefined {
    let newest: Flow | undefined;
    for (const flow of this.#ofInner.get(inner) ?? []) {
      if (!flow.outbound || this.#isDead(flow, now)) continue;
      if (towards === undefined || flow.remoteAddress === towards) newest = flow;
    }
    return newest;
  }

  /** False: the table is full. */
  add(flow: Flow, now: Instant): boolean {
    if (this.#byInner.size >= Math.min(this.#flowsMax, this.#sweepAt)) this.#sweep(now);
    if (this.#byInner.size >= this.#flowsMax) return false;
    this.#byInner.set(`${flow.inner} ${flow.seen}`, flow);
    this.#byOuter.set(`${flow.port} ${flow.remote}`, flow);
    addTo(this.#byPort, flow.port, flow);
    addTo(this.#ofInner, flow.inner, flow);
    return true;
  }

  clear(): void {
    this.#byInner.clear();
    this.#byOuter.clear();
    this.#byPort.clear();
    this.#ofInner.clear();
    this.#sweepAt = SWEEP_MIN;
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
    this.#sweepAt = Math.max(SWEEP_MIN, 2 * this.#byInner.size);
  }

  #remove(flow: Flow): void {
    const [inner, outer] = [`${flow.inner} ${flow.seen}`, `${flow.port} ${flow.remote}`];
    if (this.#byInner.get(inner) === flow) this.#byInner.delete(inner);
    if (this.#byOuter.get(outer) === flow) this.#byOuter.delete(outer);
    deleteFrom(this.#byPort, flow.port, flow);
    deleteFrom(this.#ofInner, flow.inner, flow);
  }
}

function addTo<K>(index: Map<K, Set<Flow>>, key: K, flow: Flow): void {
  const flows = index.get(key);
  if (flows === undefined) index.set(key, new Set([flow]));
  else flows.add(flow);
}

function deleteFrom<K>(index: Map<K, Set<Flow>>, key: K, flow: Flow): void {
  const flows = index.get(key);
  flows?.delete(flow);
  if (flows?.size === 0) index.delete(key);
}
