/**
 * The flows that a NAT or a stateful firewall remembers, as Linux' conntrack does: by inner endpoint and
 * remote, and by outer port and remote. Expired ones count as absent and are swept when the table is full.
 *
 * Every question stays cheap with thousands of flows of one inner endpoint or through one port: a search
 * for ports makes those. So flows stand below their inner endpoint and below their port, and what an inner
 * endpoint began is a stack off whose top the dead are taken: dead flows stay dead.
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

/** What one inner endpoint has: each flow by the remote it sees, and those it began, the newest last. */
interface InnerFlows {
  readonly bySeen: Map<Endpoint, Flow>;
  begun: Flow[];
}

/** What goes through one port outside. */
interface PortFlows {
  readonly byRemote: Map<Endpoint, Flow>;
  /** Nobody else has had a flow here; undefined: several have. */
  sole: Endpoint | undefined;
}

export class FlowTable {
  readonly #lifetime: FlowLifetime;
  readonly #flowsMax: number;
  readonly #byInner = new Map<Endpoint, InnerFlows>();
  readonly #byPort = new Map<number, PortFlows>();
  #size = 0;
  /** Flows added since the last sweep or left by it: what the stacks hold at most. */
  #held = 0;
  /** How many of those make the next sweep due. */
  #sweepAt = SWEEP_MIN;

  constructor(lifetime: FlowLifetime, flowsMax: number) {
    this.#lifetime = lifetime;
    this.#flowsMax = flowsMax;
  }

  get size(): number {
    return this.#size;
  }

  /** `seen` is what the inner host sends to. */
  outbound(inner: Endpoint, seen: Endpoint, now: Instant): Flow | undefined {
    return this.#alive(this.#byInner.get(inner)?.bySeen.get(seen), now);
  }

  inbound(port: number, remote: Endpoint, now: Instant): Flow | undefined {
    return this.#alive(this.#byPort.get(port)?.byRemote.get(remote), now);
  }

  /** Live flows through an outer port, the oldest first. */
  *through(port: number, now: Instant): Iterable<Flow> {
    const flows = this.#byPort.get(port)?.byRemote.values() ?? [];
    for (const flow of flows) if (!this.#isDead(flow, now)) yield flow;
  }

  /** Whether anybody but `inner` has a live flow through an outer port. */
  isOthers(port: number, inner: Endpoint, now: Instant): boolean {
    if (this.#byPort.get(port)?.sole === inner) return false;
    for (const flow of this.through(port, now)) if (flow.inner !== inner) return true;
    return false;
  }

  /** The newest live flow that an inner endpoint began, of all or towards one address. */
  newestOf(inner: Endpoint, towards: IpAddress | undefined, now: Instant): Flow | undefined {
    const begun = this.#byInner.get(inner)?.begun ?? [];
    let newest = begun.at(-1);
    while (newest !== undefined && this.#isDead(newest, now)) {
      begun.pop();
      newest = begun.at(-1);
    }
    if (towards === undefined) return newest;
    return begun.findLast((flow) => flow.remoteAddress === towards && !this.#isDead(flow, now));
  }

  /** False: the table is full. */
  add(flow: Flow, now: Instant): boolean {
    if (this.#size >= this.#flowsMax || this.#held >= this.#sweepAt) this.#sweep(now);
    if (this.#size >= this.#flowsMax) return false;
    const { inner, outbound, port, remote, seen } = flow;
    const inside: InnerFlows = this.#byInner.get(inner) ?? { bySeen: new Map(), begun: [] };
    this.#byInner.set(inner, inside);
    if (!inside.bySeen.has(seen)) this.#size++;
    inside.bySeen.set(seen, flow);
    if (outbound) inside.begun.push(flow);
    const outside: PortFlows = this.#byPort.get(port) ?? { byRemote: new Map(), sole: inner };
    this.#byPort.set(port, outside);
    outside.byRemote.set(remote, flow);
    if (outside.sole !== inner) outside.sole = undefined;
    this.#held++;
    return true;
  }

  clear(): void {
    this.#byInner.clear();
    this.#byPort.clear();
    this.#size = 0;
    this.#held = 0;
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
    for (const inside of [...this.#byInner.values()]) {
      const isAlive = (flow: Flow): boolean => !this.#isDead(flow, now);
      inside.begun = inside.begun.filter(isAlive);
      for (const flow of [...inside.bySeen.values()]) if (!isAlive(flow)) this.#remove(flow);
    }
    this.#held = this.#size;
    this.#sweepAt = Math.max(SWEEP_MIN, 2 * this.#size);
  }

  /** From both indices; the stack drops a dead one when it comes to its top, or in a sweep. */
  #remove(flow: Flow): void {
    const { inner, seen, port, remote } = flow;
    const inside = this.#byInner.get(inner);
    if (inside?.bySeen.get(seen) === flow) {
      inside.bySeen.delete(seen);
      this.#size--;
      if (inside.bySeen.size === 0) this.#byInner.delete(inner);
    }
    const outside = this.#byPort.get(port);
    if (outside?.byRemote.get(remote) === flow) {
      outside.byRemote.delete(remote);
      if (outside.byRemote.size === 0) this.#byPort.delete(port);
    }
  }
}
