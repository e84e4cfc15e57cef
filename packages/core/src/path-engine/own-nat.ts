/**
 * What is known of our NAT: the evidence of reports and dial-backs, and the verdict that stands on it. A report
 * with one server alone can't tell, so what an earlier one of the same network told stays.
 */
import type { Endpoint } from '../ip/address.js';
import type { DialBackVerdict } from '../netcheck/dial-back.js';
import { classifyNat, type NatVerdict, type Verified } from '../netcheck/nat-class.js';
import type { NetcheckReport } from '../netcheck/report.js';

const NOTHING_KNOWN: NatVerdict = {
  class: 'unknown',
  mapping: undefined,
  rule: 'no-udp',
  family: undefined,
};

export class OwnNat {
  #dialBack: DialBackVerdict | undefined;
  #verdict: NatVerdict = NOTHING_KNOWN;
  /** External endpoints of the router's port mapping: who reaches them proves nothing about the NAT. */
  portMapped: readonly Endpoint[] = [];

  get verdict(): NatVerdict {
    return this.#verdict;
  }

  /** What the dial-back before the first datagram gave; undefined: none was made, or for another address. */
  get dialBack(): DialBackVerdict | undefined {
    return this.#dialBack;
  }

  /** Whether strangers reach an endpoint of ours. */
  verified(of: Endpoint): Verified {
    return this.#dialBack?.target === of ? this.#dialBack.verified : undefined;
  }

  dialledBack(verdict: DialBackVerdict): void {
    this.#dialBack = verdict;
  }

  report(report: NetcheckReport, localSockets: readonly Endpoint[]): void {
    const { target, verified } = this.#dialBack ?? {};
    const verdict = classifyNat({
      observations: report.observations,
      localSockets,
      verified: new Map(target === undefined ? [] : [[target, verified]]),
      portMapped: this.portMapped,
    });
    const wasTold = this.#verdict.class !== 'unknown';
    if (verdict.rule === 'one-server' && wasTold) return;
    this.#verdict = verdict;
  }

  /** `lostAddress`: an address of ours vanished, and what was proven was proven of it. */
  networkChanged(lostAddress: boolean): void {
    this.#verdict = NOTHING_KNOWN;
    if (lostAddress) this.#dialBack = undefined;
  }
}
