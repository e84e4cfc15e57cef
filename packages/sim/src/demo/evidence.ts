/** What the judge of a pair needs to know, from a world of models: wires, relays, and the addresses in use. */
import { assert } from '@warren/core/base/assert';
import type { Path } from '@warren/core/engines/paths';
import { endpointAddress } from '@warren/core/ip/address';
import type { NodeKey } from '@warren/core/keys/keys';
import { EndpointType } from '@warren/core/netmap/own';
import type { SimNode } from '../node/sim-node.js';
import type { Echo } from '../traffic/echo.js';
import type { SimWorld } from '../world/sim-world.js';
import { isMappedPort, type ReachedEnd } from './verdict.js';

const RTT_SAMPLES = 5;
const RTT_INTERVAL_MS = 200;

/** Application round trips through the tunnel, the shortest first; of a few, as many as came back. */
export function roundTripsMs(world: SimWorld, echo: Echo, from: SimNode, to: SimNode): number[] {
  echo.takeRtts();
  for (let count = 0; count < RTT_SAMPLES; count++) {
    echo.ask(from, to);
    world.clock.run(RTT_INTERVAL_MS);
  }
  return echo.takeRtts().sort((a, b) => a - b);
}

/** The one in the middle; null: there is none. */
export function medianOf(sorted: readonly number[]): number | null {
  return sorted[sorted.length >> 1] ?? null;
}

/** Both directions of the direct way. */
export function wireRttMs({ internet }: SimWorld, from: SimNode, to: SimNode): number {
  const [a, b] = [from.host.plug, to.host.plug];
  assert(a !== undefined && b !== undefined, 'machines that are measured stay plugged in');
  return 2 * internet.oneWayMs(a.uplink, b.uplink);
}

/** Data frames that the relays carried between the two. */
export function dataFrames({ relays }: SimWorld, a: SimNode, b: SimNode): number {
  return relays.reduce((sum, relay) => sum + relay.dataFrames(keyOf(a), keyOf(b)), 0);
}

/** Ports of routers, as status calls them. */
const TYPE_NAMES: Readonly<Partial<Record<EndpointType, string>>> = {
  [EndpointType.portmap]: 'portmap',
  [EndpointType.stunLocalPort]: 'stun-local-port',
};

/** How `by` reaches `node`. */
export function reachedEnd({ topology, clock }: SimWorld, node: SimNode, by: SimNode): ReachedEnd {
  const [path]: readonly (Path | undefined)[] = by.pathsTo(keyOf(node));
  const machine = topology.machines.find(({ name }) => name === node.name);
  const endpoint = path?.kind === 'direct' ? path.remote : undefined;
  const configured = (machine?.staticEndpoints ?? []).filter((own) => own === endpoint);
  const towards = by.engine?.status(clock.now).peers.find(({ peer }) => peer === node.key);
  const { portMethod } = towards ?? {};
  const own = node.engine?.status(clock.now).endpoints ?? [];
  return {
    addresses: node.host.addresses,
    configured: configured.map(endpointAddress),
    mapped: own.some(
      ({ type, endpoint: known, verified }) =>
        known === endpoint && isMappedPort(TYPE_NAMES[type] ?? '', verified),
    ),
    foretold: portMethod !== undefined,
    guessed: portMethod === 'birthday',
    remote: endpoint === undefined ? null : endpointAddress(endpoint),
  };
}

export function keyOf(node: SimNode): NodeKey {
  const { key } = node;
  assert(key !== undefined, 'a machine that has started has a key');
  return key;
}
