/**
 * Which peer a person means: an overlay address, a full name, or a name's first label. Needs no DNS.
 */
import { parseAddress } from '@warren/core/ip/address';
import { prefixAddress } from '@warren/core/ip/prefix';
import type { Netmap, NetmapNode } from '@warren/core/netmap/types';

/** The node, or undefined. An address may also be our own: `self` is found too. */
export function findNode(netmap: Netmap, wanted: string): NetmapNode | undefined {
  const nodes = [...netmap.peers.values(), netmap.self];
  const address = parseAddress(wanted);
  if (address !== undefined) {
    return nodes.find((node) => node.addresses.some((own) => prefixAddress(own) === address));
  }
  const name = wanted.toLowerCase().replace(/\.$/, '');
  return (
    nodes.find((node) => fullName(node) === name) ?? nodes.find((node) => shortName(node) === name)
  );
}

/** `alpha.net.example` of `alpha.net.example.`. */
export function fullName(node: NetmapNode): string {
  return node.name.toLowerCase().replace(/\.$/, '');
}

/** `alpha` of `alpha.net.example.`. */
export function shortName(node: NetmapNode): string {
  return fullName(node).split('.')[0] ?? '';
}
