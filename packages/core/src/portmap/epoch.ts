/**
 * Whether a router kept its mappings: its epoch, in seconds since it lost them last, must run as our clock does.
 * A router that rebooted long ago shows an epoch above the one we knew, so going back alone proves too little.
 *
 * PCP (RFC 6887 section 8.5), with c and s the seconds that passed at the client and at the server since the last
 * packet: lost if the epoch went back by more than 1, or c + 2 < s - s/16, or s + 2 < c - c/16.
 * NAT-PMP (RFC 6886 section 3.6): lost if the epoch is below the last one + 7/8 of the time passed - 2.
 */
import type { Instant } from '../base/instant.js';

export type EpochRule = 'pcp' | 'natpmp';

/** Clocks and networks are allowed this much. */
const SLACK_SECONDS = 2;
/** PCP: a packet that overtook another one. */
const BACK_SECONDS = 1;

interface Seen {
  readonly epochSeconds: number;
  readonly at: Instant;
}

export class EpochWatch {
  readonly #rule: EpochRule;
  #last: Seen | undefined;

  constructor(rule: EpochRule) {
    this.#rule = rule;
  }

  /** Takes the epoch of a packet; false: what the router kept for us before is lost. */
  take(epochSeconds: number, now: Instant): boolean {
    const continues = this.agrees(epochSeconds, now);
    this.#last = { epochSeconds, at: now };
    return continues;
  }

  /** Whether an epoch fits what is known, without believing it. */
  agrees(epochSeconds: number, now: Instant): boolean {
    const last = this.#last;
    if (last === undefined) return true;
    const elapsed = Math.max(0, now - last.at) / 1000;
    return this.#rule === 'pcp'
      ? pcpContinues(last.epochSeconds, epochSeconds, Math.floor(elapsed))
      : natpmpContinues(last.epochSeconds, epochSeconds, elapsed);
  }
}

function pcpContinues(before: number, epoch: number, clientDelta: number): boolean {
  const serverDelta = epoch - before;
  if (serverDelta < -BACK_SECONDS) return false;
  const ran = (seconds: number): number => seconds - Math.trunc(seconds / 16);
  if (clientDelta + SLACK_SECONDS < ran(serverDelta)) return false;
  return serverDelta + SLACK_SECONDS >= ran(clientDelta);
}

function natpmpContinues(before: number, epoch: number, elapsed: number): boolean {
  return epoch >= before + (7 / 8) * elapsed - SLACK_SECONDS;
}
