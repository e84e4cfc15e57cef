/**
 * A change is an endpoint whose address is the change's number, so that it is found in a message without parsing it:
 *
 *     10.A.B.C:41999        A, B, C: the number, 24 bits
 *
 * It is told as one of the machine's own network cards: servers may keep endpoints that a client learnt from outside
 * to themselves, because peers find those out without them.
 */

/** No client has another endpoint on it. */
const CHANGE_PORT = 41_999;
const CHANGE_END = Buffer.from(`:${CHANGE_PORT}"`);
const QUOTE = 0x22;
/** `"10.255.255.255`. */
const LONGEST = 15;

export const CHANGES_MAX = 1 << 24;

export function endpointOfChange(change: number): string {
  return `10.${change >> 16}.${(change >> 8) & 255}.${change & 255}:${CHANGE_PORT}`;
}

/** The changes that a message tells of, in its order. */
export function changesIn(message: Buffer): number[] {
  const found: number[] = [];
  for (
    let at = message.indexOf(CHANGE_END);
    at !== -1;
    at = message.indexOf(CHANGE_END, at + CHANGE_END.length)
  ) {
    const start = message.lastIndexOf(QUOTE, at);
    if (start === -1 || at - start > LONGEST) continue;
    const [ten, high, middle, low] = message.toString('latin1', start + 1, at).split('.');
    if (ten === '10') found.push((Number(high) << 16) | (Number(middle) << 8) | Number(low));
  }
  return found;
}
