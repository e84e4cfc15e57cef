/** A stateful firewall without translation: what comes in answers what went out. Both families. */
import type { Instant } from '@warren/core/base/instant';
import { type Endpoint, endpointAddress } from '@warren/core/ip/address';
import type { FlowLifetime } from './behaviour.js';
import { FlowTable } from './flow-table.js';

/** Linux' defaults. */
const LIFETIME: FlowLifetime = { freshMs: 30_000, repliedMs: 120_000 };
const FLOWS_MAX = 65_536;

export class StatefulFirewall {
  readonly #flows = new FlowTable(LIFETIME, FLOWS_MAX);

  outbound(local: Endpoint, remote: Endpoint, now: Instant): void {
    const known = this.#flows.outbound(local, remote, now);
    if (known !== undefined) {
      known.usedAt = now;
      return;
    }
    const remoteAddress = endpointAddress(remote);
    const flow = {
      inner: local,
      remote,
      seen: remote,
      remoteAddress,
      port: 0,
      place: 0,
      usedAt: now,
      replied: false,
      outbound: true,
      sentAt: now,
    };
    this.#flows.add(flow, now);
  }

  /** True when `remote` may send to `local` now. */
  admits(local: Endpoint, remote: Endpoint, now: Instant): boolean {
    const known = this.#flows.outbound(local, remote, now);
    if (known === undefined) return false;
    known.replied = true;
    known.usedAt = now;
    return true;
  }

  reboot(): void {
    this.#flows.clear();
  }
}
