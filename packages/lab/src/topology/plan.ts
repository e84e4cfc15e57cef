/**
 * Gives a topology its namespaces and wires. Pure.
 *
 * Every wire is a veth pair between two namespaces, or, when it has a delay and the kernel no netem, two
 * pairs that end in the namespace `delay`, where the copier carries frames across:
 *
 *     nonat-east.eth0 ─────────── inet-east.p4
 *     hub.eth0 ── delay.w1a ~~~ delay.w1b ── inet-east.p1
 *     inet-east.t3 ── delay.w3a ~~~ delay.w3b ── inet-west.t3
 */
import type { Topology } from '@warren/sim/topology/types';

/** Name of the namespace of the copier. */
export const delaySpace = 'delay';

/** The namespace of a region's hub. */
export function hubSpace(region: string): string {
  return `inet-${region}`;
}

/** The namespace of the carrier's NAT in front of a network. */
export function carrierSpace(network: string): string {
  return `cgn-${network}`;
}

/** The namespace of a network's router. */
export function routerSpace(network: string): string {
  return `router-${network}`;
}

/** One end of a wire. */
export interface WireEnd {
  readonly space: string;
  readonly device: string;
  readonly mac: string;
}

export interface Wire {
  /** Unique; devices of the copier are named after it. */
  readonly number: number;
  readonly a: WireEnd;
  readonly b: WireEnd;
  readonly oneWayMs: number;
}

/** Of a wire that the copier serves, in its reports. */
export function linkName({ a, b }: Wire): string {
  return `${a.space} - ${b.space}`;
}

/** What a namespace is for. */
export type SpaceRole =
  | { readonly is: 'hub'; readonly region: string }
  | { readonly is: 'router'; readonly network: string }
  | { readonly is: 'carrier'; readonly network: string }
  | { readonly is: 'host' }
  | { readonly is: 'machine' }
  | { readonly is: 'delay' };

export interface Space {
  readonly name: string;
  readonly role: SpaceRole;
}

export interface Plan {
  readonly topology: Topology;
  readonly spaces: readonly Space[];
  /** From a place on the internet (`a`) to its hub (`b`), by host, machine or network name. */
  readonly uplinks: ReadonlyMap<string, Wire>;
  /** From a router (`a`) to the carrier's NAT in front of it (`b`), by network name. */
  readonly carrierWires: ReadonlyMap<string, Wire>;
  /** From a machine (`a`) to its router (`b`), by machine name. */
  readonly lanWires: ReadonlyMap<string, Wire>;
  /** Between hubs, in the order of the topology's links. */
  readonly transits: readonly Wire[];
}

/** All wires of a plan, by number. */
export function wiresOf(plan: Plan): Wire[] {
  const { uplinks, carrierWires, lanWires, transits } = plan;
  const wires = [uplinks, carrierWires, lanWires].flatMap((map) => [...map.values()]);
  wires.push(...transits);
  return wires.sort((left, right) => left.number - right.number);
}

/** Locally administered; the last byte tells the end. */
function mac(wire: number, end: 1 | 2): string {
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  return `02:57:52:${hex(wire >> 8)}:${hex(wire & 255)}:0${end}`;
}

/** Plans a topology that `checkTopology` has accepted. */
export function planTopology(topology: Topology): Plan {
  const spaces: Space[] = [];
  const uplinks = new Map<string, Wire>();
  const carrierWires = new Map<string, Wire>();
  const lanWires = new Map<string, Wire>();
  let number = 0;
  const wire = (
    [aSpace, aDevice]: [string, string],
    [bSpace, bPrefix]: [string, string],
    oneWayMs: number,
  ): Wire => {
    number++;
    return {
      number,
      a: {
        space: aSpace,
        device: aDevice === '' ? `${bPrefix}${number}` : aDevice,
        mac: mac(number, 1),
      },
      b: { space: bSpace, device: `${bPrefix}${number}`, mac: mac(number, 2) },
      oneWayMs,
    };
  };

  for (const { name } of topology.regions) {
    spaces.push({ name: hubSpace(name), role: { is: 'hub', region: name } });
  }
  for (const host of topology.hosts) {
    spaces.push({ name: host.name, role: { is: 'host' } });
    const hub = hubSpace(host.region);
    uplinks.set(host.name, wire([host.name, 'eth0'], [hub, 'p'], host.accessOneWayMs ?? 0));
  }
  for (const network of topology.networks) {
    const space = routerSpace(network.name);
    spaces.push({ name: space, role: { is: 'router', network: network.name } });
    const hub = hubSpace(network.region);
    const outermost = network.carrier === undefined ? space : carrierSpace(network.name);
    uplinks.set(network.name, wire([outermost, 'wan'], [hub, 'p'], network.accessOneWayMs ?? 0));
    if (outermost === space) continue;
    spaces.push({ name: outermost, role: { is: 'carrier', network: network.name } });
    carrierWires.set(network.name, wire([space, 'wan'], [outermost, 'm'], 0));
  }
  for (const { name, at } of topology.machines) {
    spaces.push({ name, role: { is: 'machine' } });
    if (at.kind === 'lan') {
      lanWires.set(name, wire([name, 'eth0'], [routerSpace(at.network), 'm'], 0));
    } else {
      uplinks.set(name, wire([name, 'eth0'], [hubSpace(at.region), 'p'], at.accessOneWayMs ?? 0));
    }
  }
  const transits = topology.links.map(({ between: [a, b], oneWayMs }) =>
    wire([hubSpace(a), ''], [hubSpace(b), 't'], oneWayMs),
  );
  const plan = { topology, spaces, uplinks, carrierWires, lanWires, transits };
  if (wiresOf(plan).some(({ oneWayMs }) => oneWayMs > 0)) {
    spaces.push({ name: delaySpace, role: { is: 'delay' } });
  }
  return plan;
}
