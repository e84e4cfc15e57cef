/**
 * A UDP load balancer beside the NAT, in a connection table of its own: what reaches its port goes to one
 * machine with the sender's address kept, and what the machine answers leaves from the balancer's address.
 */
import { after, type Instant } from '@warren/core/base/instant';
import type { Endpoint } from '@warren/core/ip/address';

/** What cloud balancers give an idle flow. */
const FLOW_MS = 120_000;

export class Balancer {
  /** `address:port` of the balancer. */
  readonly outer: Endpoint;
  /** The machine's endpoint in the LAN. */
  readonly inner: Endpoint;
  readonly #flows = new Map<Endpoint, Instant>();

  constructor(outer: Endpoint, inner: Endpoint) {
    this.outer = outer;
    this.inner = inner;
  }

  get size(): number {
    return this.#flows.size;
  }

  inbound(remote: Endpoint, now: Instant): Endpoint {
    this.#flows.set(remote, now);
    return this.inner;
  }

  /** True when a packet of the machine answers somebody who came through here. */
  claims(source: Endpoint, remote: Endpoint, now: Instant): boolean {
    if (source !== this.inner) return false;
    const since = this.#flows.get(remote);
    if (since === undefined || now >= after(since, FLOW_MS)) {
      this.#flows.delete(remote);
      return false;
    }
    this.#flows.set(remote, now);
    return true;
  }

  reboot(): void {
    this.#flows.clear();
  }
}
