/**
 * From what four servers saw to the words of RFC 4787. Pure.
 *
 * One socket sends to A, A' (same address, other port), B and B' (another address). What is the same in
 * which answers tells on what the NAT's mapping depends; from where an unasked answer arrives tells on what
 * its filter depends.
 */

/** On what the mapping depends: `none` = no translation at all; EIM, ADM, APDM as RFC 4787 §4.1. */
export type Mapping = 'none' | 'EIM' | 'ADM' | 'APDM';

/** On what the filter depends (RFC 4787 §5). */
export type Filtering = 'EIF' | 'ADF' | 'APDF';

/** The endpoints that A, A', B, B' saw, as `address:port`. */
export type Observed = readonly [a: string, aPrime: string, b: string, bPrime: string];

/** How a socket's mapping behaves; `local` is its own endpoint. */
export function classifyMapping(local: string, [a, aPrime, b, bPrime]: Observed): Mapping {
  if ([a, aPrime, b, bPrime].every((seen) => seen === local)) return 'none';
  if (a !== aPrime || b !== bPrime) return 'APDM';
  return a === b ? 'EIM' : 'ADM';
}

/** Which of the answers that nobody had asked for came through, by where they came from. */
export interface Unasked {
  /** From an address that the socket has never sent to. */
  readonly otherAddress: boolean;
  /** From the address that it has sent to, but another port. */
  readonly otherPort: boolean;
}

export function classifyFiltering({ otherAddress, otherPort }: Unasked): Filtering {
  if (otherAddress) return 'EIF';
  return otherPort ? 'ADF' : 'APDF';
}
