/** One rule of `why`: it looks at the facts and decides, or passes. */
import type { Facts } from './facts.js';
import type { Rule, Verdict } from './verdict.js';

export interface Finding {
  readonly verdict: Verdict['verdict'];
  readonly rule: Rule;
  /** One sentence. */
  readonly reason: string;
}

/** Undefined: it does not hold. */
export type RuleCheck = (facts: Facts) => Finding | undefined;

/** The first of `rules` that holds. */
export function firstFinding(rules: readonly RuleCheck[], facts: Facts): Finding | undefined {
  for (const rule of rules) {
    const finding = rule(facts);
    if (finding !== undefined) return finding;
  }
  return undefined;
}
