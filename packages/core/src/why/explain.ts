/**
 * Why a peer is reached as it is: one verdict from both ends' evidence, by the first rule that holds, with what
 * to change. A pure function: who asks twice with the same evidence hears the same.
 */
import { assert } from '../base/assert.js';
import type { Attempt, Evidence } from './evidence.js';
import { factsOf } from './facts.js';
import { fixesFor } from './fixes.js';
import { notesOn } from './notes.js';
import { firstFinding } from './rule.js';
import { absenceRules } from './rules-absence.js';
import { directRules } from './rules-direct.js';
import { relayedRules } from './rules-relayed.js';
import type { Verdict } from './verdict.js';

/** Attempts of one answer; the rest did no better than these. */
export const attemptsMax = 32;

export function explain(evidence: Evidence): Verdict {
  const facts = factsOf(evidence);
  const finding =
    firstFinding(directRules, facts) ??
    firstFinding(absenceRules, facts) ??
    firstFinding(relayedRules, facts);
  assert(finding !== undefined, 'the last rule always holds');
  const { attempts } = evidence;
  return {
    ...finding,
    self: evidence.self.nat,
    peer: evidence.peer.nat,
    notes: notesOn(facts),
    attempts: [...attempts.candidates].sort(moreTelling).slice(0, attemptsMax),
    callsSent: attempts.callsSent,
    callsReceived: attempts.callsReceived,
    fixes: fixesFor(facts, finding.rule),
  };
}

/** What is in use first, then what answered, then what was tried most. */
function moreTelling(a: Attempt, b: Attempt): number {
  if (a.inUse !== b.inUse) return a.inUse ? -1 : 1;
  if (a.pongs > 0 !== b.pongs > 0) return a.pongs > 0 ? -1 : 1;
  return b.pingsSent - a.pingsSent;
}
