/** What was tried to reach a peer directly, as `why` tells it: its candidates, where they are from, how they did. */
import type { Instant } from '../base/instant.js';
import { type Candidate, maxCandidates } from '../paths/candidates.js';
import { isCondemned } from '../paths/choice.js';
import type { PeerPath } from '../paths/peer-path.js';
import type { Attempt, AttemptSource, AttemptsEvidence } from '../why/evidence.js';

const NOTHING_TRIED: AttemptsEvidence = {
  candidates: [],
  callsSent: 0,
  callsReceived: 0,
  searchingMs: undefined,
};

function sourcesOf(candidate: Candidate): readonly AttemptSource[] {
  return [
    ...(candidate.inMap ? (['map'] as const) : []),
    ...(candidate.inCallMeMaybe ? (['call-me-maybe'] as const) : []),
    ...(candidate.pingedUsAt === undefined ? [] : (['their-ping'] as const)),
  ];
}

function errorOf(candidate: Candidate, now: Instant): Attempt['error'] {
  if (isCondemned(candidate, now)) return 'data-not-carried';
  return candidate.isRefused && candidate.pongs === 0 ? 'unreachable' : undefined;
}

/** `machine` undefined: a plain WireGuard peer, for which nothing is tried. */
export function attemptsOf(machine: PeerPath | undefined, now: Instant): AttemptsEvidence {
  if (machine === undefined) return NOTHING_TRIED;
  const { best, calls, lookingSince } = machine;
  const candidates = [...machine.candidates].slice(0, maxCandidates);
  return {
    candidates: candidates.map((candidate) => ({
      endpoint: candidate.path.remote,
      sources: sourcesOf(candidate),
      pingsSent: candidate.pings,
      pongs: candidate.pongs,
      latencyMs: candidate.quality.latencyMs,
      error: errorOf(candidate, now),
      inUse: candidate === best,
    })),
    callsSent: calls.sent,
    callsReceived: calls.received,
    searchingMs: lookingSince === undefined ? undefined : now - lookingSince,
  };
}
