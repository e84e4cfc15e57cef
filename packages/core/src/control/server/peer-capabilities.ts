/**
 * Attributes that peers have to know of a node; all others are the node's own affair.
 *
 *     dns-subdomain-resolve   names below the node's are the node's
 *     suggest-exit-node       an exit node that clients may propose by themselves; of exit nodes only
 *
 * Source: what stock clients read of a peer's CapMap, and what headscale puts there.
 */
import type { Capabilities } from './rights.js';

const EXIT_NODES_ONLY = 'suggest-exit-node';

export const PEER_CAPABILITIES: readonly string[] = ['dns-subdomain-resolve', EXIT_NODES_ONLY];

const NONE: Capabilities = {};

/** One object for each set of names: equal views are equal pointers. */
const made = new Map<string, Capabilities>([['', NONE]]);

/** Those of a node's attributes that its peers are told. */
export function peerCapabilities(own: ReadonlySet<string>, isExitNode: boolean): Capabilities {
  if (own.size === 0) return NONE;
  const names = PEER_CAPABILITIES.filter(
    (name) => own.has(name) && (isExitNode || name !== EXIT_NODES_ONLY),
  );
  const key = names.join(' ');
  let capabilities = made.get(key);
  if (capabilities === undefined) {
    capabilities = Object.fromEntries(names.map((name) => [name, []]));
    made.set(key, capabilities);
  }
  return capabilities;
}
