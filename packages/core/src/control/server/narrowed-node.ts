/**
 * A node as one viewer is told of it: of its routes those that the viewer has to do with. Viewers with the same
 * routes share an object, and get the node's own where nothing is left out, so that equal views stay equal
 * pointers.
 */
import type { Prefix } from '../../ip/prefix.js';
import type { WireNode } from '../../netmap/wire.js';
import type { RouteReach } from '../../policy/route-reach.js';

interface Versions {
  readonly byReach: WeakMap<RouteReach, WireNode>;
  /** By the routes that are left. */
  readonly byRoutes: Map<string, WireNode>;
}

const versions = new WeakMap<WireNode, Versions>();

/** True when others may be told of it differently. */
export function hasRoutes({ AllowedIPs, Addresses }: WireNode): boolean {
  return AllowedIPs.length > Addresses.length;
}

export function narrowedNode(node: WireNode, reach: RouteReach): WireNode {
  if (!hasRoutes(node) || reach.isEverything) return node;
  let known = versions.get(node);
  if (known === undefined) {
    known = { byReach: new WeakMap(), byRoutes: new Map() };
    versions.set(node, known);
  }
  let narrowed = known.byReach.get(reach);
  if (narrowed === undefined) {
    narrowed = versionOf(node, reach, known.byRoutes);
    known.byReach.set(reach, narrowed);
  }
  return narrowed;
}

function versionOf(node: WireNode, reach: RouteReach, byRoutes: Map<string, WireNode>): WireNode {
  const { PrimaryRoutes, ...rest } = node;
  const own = new Set(node.Addresses);
  const isLeft = (route: string): boolean => own.has(route) || reach.has(route as Prefix);
  const AllowedIPs = node.AllowedIPs.filter(isLeft);
  if (AllowedIPs.length === node.AllowedIPs.length) return node;
  const key = AllowedIPs.join(' ');
  const known = byRoutes.get(key);
  if (known !== undefined) return known;
  const primary = PrimaryRoutes?.filter(isLeft) ?? [];
  const made: WireNode = {
    ...rest,
    AllowedIPs,
    ...(primary.length === 0 ? {} : { PrimaryRoutes: primary }),
  };
  byRoutes.set(key, made);
  return made;
}
