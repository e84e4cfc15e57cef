/** What the search for ports tried in vain, in a sentence for people. */
import type { PortSearchEvidence } from './evidence.js';

const OUTCOMES: Readonly<Record<string, string>> = {
  running: 'still running',
  found: 'found, and lost again',
  'no-answer': 'no answer',
  'both-random': 'too many ports on both sides',
  'addresses-differ': 'the NAT uses several addresses',
  'no-udp': 'no server answered',
  'no-socket': 'no socket could be opened',
  'not-reached': 'not reached',
  busy: 'put off for other peers',
};

/** With a space before it; empty: nothing was tried. */
export function triedSentence(search: PortSearchEvidence | undefined): string {
  if (search?.outcome === 'off') return ' Guessing of ports is switched off here.';
  if (search === undefined || search.attempts === 0) return '';
  const { method, action, pings, outcome, againInMs, callsWithGuesses } = search;
  const what = action === undefined || pings === 0 ? [] : [`${thousands(pings)} ${action}`];
  const words = [method, ...what, OUTCOMES[outcome] ?? outcome].join(', ');
  const calls =
    callsWithGuesses === 0 ? '' : `; ${callsWithGuesses} calls with guesses of our own ports`;
  return ` Tried: ${words}${calls}${againInMs === undefined ? '' : `; again in ${spanOf(againInMs)}`}.`;
}

function thousands(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

function spanOf(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
