/** What the search for ports did for one peer, as `why` tells it. Pure. */
import type { Instant } from '../base/instant.js';
import type { CampaignKind } from '../paths/campaign.js';
import type { PortSearchRecord } from '../paths/sought-peer.js';
import type { PortSearchEvidence } from '../why/evidence.js';

const ACTIONS: Readonly<Record<CampaignKind, string>> = {
  list: 'foretold ports tried',
  guess: 'guesses',
  open: 'sockets opened for guesses',
  sweep: 'ports swept',
};

/** A person has switched it off. */
export const searchesOff: PortSearchEvidence = {
  method: 'predict',
  attempts: 0,
  outcome: 'off',
  action: undefined,
  pings: 0,
  callsWithGuesses: 0,
  againInMs: undefined,
};

/** Undefined: no attempt was begun. */
export function searchEvidence(
  record: PortSearchRecord,
  now: Instant,
): PortSearchEvidence | undefined {
  const { attempts, outcome, kind, method, pings, calls, dueAt, isLooking } = record;
  if (attempts === 0 || outcome === undefined) return undefined;
  const isPlanned = isLooking && outcome !== 'running' && outcome !== 'found';
  return {
    method: method ?? 'predict',
    attempts,
    outcome,
    action: kind === undefined ? undefined : ACTIONS[kind],
    pings,
    callsWithGuesses: calls,
    againInMs: isPlanned ? Math.max(0, dueAt - now) : undefined,
  };
}
