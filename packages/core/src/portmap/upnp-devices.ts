/**
 * Which device maps: descriptions of all that answered a search, and the best of their services.
 *
 *     answer --GET--> description --> control points --GetStatusInfo, GetExternalIPAddress--> an order to try
 *
 * A public address wins at once, then a line that is up with an address of an outer network, then one that is up.
 */
import { DecodeFailure } from '../base/failure.js';
import type { ControlPoint } from './device-description.js';
import { parseDescription } from './device-description.js';
import { externalScope } from './external-address.js';
import { hostsToTry } from './lan-url.js';
import { externalAddressOf, getExternalAddress, getStatusInfo, isConnected } from './soap.js';
import type { SsdpAnswer } from './ssdp.js';
import { callAction, type Script, type UpnpContext } from './upnp-script.js';

/** A description of some kilobytes on the same LAN; small routers make it on demand. */
const descriptionTimeoutMs = 2_000;
/** Services of all devices together that are asked before one is chosen. */
const pointsMax = 16;

export interface Described {
  readonly points: readonly ControlPoint[];
  /** When there are none: why, in words. */
  readonly reason: string;
}

/** Fetches and reads one device's description. */
export function* describeDevice(context: UpnpContext, answer: SsdpAnswer): Script<Described> {
  const { lan, counters } = context;
  let reason = "the router's description can't be fetched";
  for (const host of hostsToTry(answer.location.host, lan)) {
    const location = { host, path: answer.location.path };
    const result = yield {
      method: 'GET',
      ...location,
      headers: {},
      body: '',
      timeoutMs: descriptionTimeoutMs,
    };
    if (result.type === 'failed') continue;
    if (result.status !== 200) {
      const redirects = result.status >= 300 && result.status < 400;
      counters.add(`portmap-upnp-description-${redirects ? 'redirect' : 'status'}`);
      continue;
    }
    const description = parseDescription(result.body, location, lan);
    if (description instanceof DecodeFailure) {
      counters.add(`portmap-upnp-${description.reason}`);
      reason = `the router's description can't be read (${description.reason})`;
      continue;
    }
    if (description.refused > 0) {
      counters.add('portmap-upnp-control-url-refused', description.refused);
    }
    if (description.mapping.length > 0) return { points: description.mapping, reason: '' };
    reason = 'the router describes no service that maps ports';
  }
  return { points: [], reason };
}

export interface Ranking {
  readonly ranked: readonly ControlPoint[];
  /** Those behind the first public address, for when that one refuses. */
  readonly unasked: readonly ControlPoint[];
}

/** How good a service looks; less is better. */
const ranks = { public: 0, inner: 1, connected: 2, unknown: 3 } as const;

/**
 * `points` in the order to try them. Each is asked; a public address ends the search. Hosts that answered are pinned,
 * so that a mapping is never asked of two. Those that don't answer at all are left out.
 */
export function* rankPoints(
  context: UpnpContext,
  points: readonly ControlPoint[],
): Script<Ranking> {
  let asked = 0;
  const ranked: { readonly point: ControlPoint; readonly rank: number }[] = [];
  for (const point of points.slice(0, pointsMax)) {
    asked += 1;
    const status = yield* callAction(context, point, getStatusInfo);
    if (status.type === 'silent') continue;
    const pinned = { ...point, hosts: [status.host] };
    if (points.length === 1) return { ranked: [pinned], unasked: [] };
    if (status.type === 'fault' || !isConnected(status.values)) {
      ranked.push({ point: pinned, rank: ranks.unknown });
      continue;
    }
    const answer = yield* callAction(context, pinned, getExternalAddress);
    const address = answer.type === 'values' ? externalAddressOf(answer.values) : undefined;
    const scope = address === undefined ? 'unusable' : externalScope(address);
    const rank = scope === 'unusable' ? ranks.connected : ranks[scope];
    ranked.push({ point: pinned, rank });
    if (rank === ranks.public) break;
  }
  // Stable: of equals the first stays first.
  ranked.sort((a, b) => a.rank - b.rank);
  return { ranked: ranked.map(({ point }) => point), unasked: points.slice(asked, pointsMax) };
}
