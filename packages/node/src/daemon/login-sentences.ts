/** What status says of a login that does not go on by itself, and of a network that control has not told anew. */
import type { WallTime } from '@warren/core/base/instant';
import { formatRfc3339 } from '@warren/core/base/rfc3339';

const REJOIN =
  'join again with `warren up --auth-key KEY`, or with `warren up` alone, which shows an address to open.';
export const EXPIRED_SENTENCE = `This machine's key has expired at the control server: ${REJOIN}`;

export function visitSentence(url: string): string {
  return `The control server wants a person to let this machine in, at ${url}; or join again with \`warren up --auth-key KEY\`.`;
}

export function refusalSentence(message: string, fatal: boolean): string {
  const sentence = `The control server refuses this machine: ${message}`;
  return fatal ? `${sentence}; ${REJOIN}` : sentence;
}

/** `at`: when the netmap was kept. */
export function keptSentence(at: WallTime): string {
  return `The control server was not there at the start: the network is what it was at ${formatRfc3339(at)}.`;
}
