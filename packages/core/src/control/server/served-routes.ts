/**
 * Which routes a node serves: those that it announces and that somebody approved, an operator or the policy.
 *
 *     announced  Hostinfo.RoutableIPs, whatever the node says
 *     approved   a list that an operator gave the node, or the policy's autoApprovers
 *     served     what is both
 *
 * The default routes of both families make an exit node and are approved together: a machine whose IPv6 went past
 * its exit node would show its address.
 *
 * Source: the control protocol of the Tailscale family (Hostinfo.RoutableIPs), headscale's notes on routes.
 */
import { asArray, asString, type JsonObject } from '../../base/json.js';
import { isDefaultRoute, type Prefix, parsePrefix } from '../../ip/prefix.js';

/** Routes of one node; cloud networks that are announced one by one come to some dozens. */
export const announcedMax = 256;
const PREFIX_CHARACTERS_MAX = 49;

/** What the node announces: canonical, each once, in its order; what is no prefix is left out. */
export function announcedRoutes(hostInfo: JsonObject): readonly Prefix[] {
  const routes = new Set<Prefix>();
  for (const value of asArray(hostInfo['RoutableIPs']).slice(0, announcedMax)) {
    const route = parsePrefix(asString(value, PREFIX_CHARACTERS_MAX) ?? '');
    if (route !== undefined) routes.add(route);
  }
  return [...routes];
}

/** Those of `announced` that are approved; `isAuto`: by the policy. */
export function servedRoutes(
  announced: readonly Prefix[],
  approved: readonly Prefix[],
  isAuto: (route: Prefix) => boolean,
): readonly Prefix[] {
  if (announced.length === 0) return announced;
  const byHand = new Set(approved);
  const isExit =
    approved.some(isDefaultRoute) ||
    announced.some((route) => isDefaultRoute(route) && isAuto(route));
  return announced.filter((route) =>
    isDefaultRoute(route) ? isExit : byHand.has(route) || isAuto(route),
  );
}
