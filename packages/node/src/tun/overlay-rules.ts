/** The policy of overlay-policy.ts made real by iproute2, and taken back. */
import type { IpAddress } from '@warren/core/ip/address';
import { runIp, showIp } from './iproute.js';
import {
  forgetRuleLines,
  type OverlayPolicy,
  policyNumbers,
  routeLines,
  ruleLines,
} from './overlay-policy.js';

export class OverlayRules {
  readonly #tunName: string;
  /** What the table has; undefined: whatever an earlier process left. */
  #peers: readonly IpAddress[] | undefined;
  #rules: string | undefined;

  constructor(tunName: string) {
    this.#tunName = tunName;
  }

  /**
   * Makes exactly this policy stand; undefined: none. The device is up then. Rules are only touched when they change,
   * routes one by one. Throws TUN_CONFIGURE and IPROUTE_MISSING; then none stands.
   */
  async apply(policy: OverlayPolicy | undefined): Promise<void> {
    if (policy === undefined) {
      await this.#forget();
      return;
    }
    const numbers = policyNumbers(this.#tunName);
    if (this.#peers === undefined) await this.#forget();
    const rules = ruleLines(policy, numbers);
    try {
      // A device that went down took its routes along, so all are said again; those that are gone can't be deleted.
      const [gone, wanted] = splitDeletions(
        routeLines(this.#tunName, this.#peers ?? [], policy.peers, numbers),
      );
      if (gone.length > 0) await runIp(['-force', '-batch', '-'], gone).catch(() => undefined);
      await runIp(['-batch', '-'], wanted);
      this.#peers = policy.peers;
      if (this.#rules !== rules.join()) {
        await this.#forgetRules();
        await runIp(['-batch', '-'], rules);
      }
      this.#rules = rules.join();
    } catch (error) {
      await this.#forget();
      throw error;
    }
  }

  async #forget(): Promise<void> {
    await this.#forgetRules();
    const { table } = policyNumbers(this.#tunName);
    // An empty table is none, which is no failure.
    await runIp(['-force', '-batch', '-'], [`route flush table ${table}`]).catch(() => undefined);
    this.#peers = [];
    this.#rules = undefined;
  }

  async #forgetRules(): Promise<void> {
    // A kernel without rules has none of ours.
    const shown = await showIp(['-4', 'rule', 'show']).catch(() => '');
    const lines = forgetRuleLines(shown, policyNumbers(this.#tunName));
    if (lines.length > 0) await runIp(['-force', '-batch', '-'], lines).catch(() => undefined);
  }
}

function splitDeletions(lines: readonly string[]): [string[], string[]] {
  const isDeletion = (line: string): boolean => line.startsWith('route del');
  return [lines.filter(isDeletion), lines.filter((line) => !isDeletion(line))];
}
