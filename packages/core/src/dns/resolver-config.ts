/**
 * Which resolvers are asked for what: the network's own suffixes, routes by suffix, and who answers the rest.
 */

import { upstreamsMax } from './limits.js';
import { type DnsName, knownSuffix, longestSuffix } from './name.js';
import { NodeNames } from './node-names.js';
import type { Upstream } from './upstream.js';
import { isOwnService } from './upstream.js';

export interface ResolverConfig {
  readonly names: NodeNames;
  /** Ours: nothing under them is ever asked of anybody. */
  readonly suffixes: ReadonlySet<DnsName>;
  /** Who is asked for names under a suffix; the longest decides. */
  readonly routes: ReadonlyMap<DnsName, readonly Upstream[]>;
  /** Who is asked for everything else; empty: nobody, such questions fail. */
  readonly defaults: readonly Upstream[];
}

/** Before the first netmap. */
export function emptyConfig(): ResolverConfig {
  const names = new NodeNames({ nodes: () => [], extraRecords: [], withIpv6: false });
  return { names, suffixes: new Set(), routes: new Map(), defaults: [] };
}

/** True when a name goes to the resolvers of a route rather than to a shorter suffix of ours. */
export function isRouted({ suffixes, routes }: ResolverConfig, name: DnsName): boolean {
  const ours = knownSuffix(suffixes, name);
  const route = knownSuffix(routes, name);
  return route !== undefined && (ours === undefined || route.length > ours.length);
}

/** Who is asked for a name; without those that would ask us back. */
export function upstreamsOf(config: ResolverConfig, name: DnsName): readonly Upstream[] {
  const wanted = longestSuffix(config.routes, name) ?? config.defaults;
  return wanted.filter((upstream) => !isOwnService(upstream)).slice(0, upstreamsMax);
}

/** Text that is the same exactly when the same resolvers are asked for the same names. */
export function upstreamText({ routes, defaults }: ResolverConfig): string {
  const lines = [...routes].map(([suffix, upstreams]) => [suffix, upstreams]).sort();
  return JSON.stringify([lines, defaults]);
}
