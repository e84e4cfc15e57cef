/**
 * A scenario: two machines, what each is behind, and what happens to them. Written once, played here and, as a
 * topology, buildable by the lab.
 *
 *     scenario({ name: 'easy-easy', about: '...', left: behind('easy'), right: behind('easy') })
 */
import type { Severity } from '../checkers/wholeness.js';
import type { SimNode } from '../node/sim-node.js';
import { cidr, ip } from '../topology/literals.js';
import type { Machine, NatProfile, Network, Topology } from '../topology/types.js';
import type { SimWorld } from '../world/sim-world.js';

/** What a machine is behind: a NAT, a firewall of its own, or nothing. */
export type Side =
  | { readonly kind: 'nat'; readonly nat: NatProfile }
  | { readonly kind: 'public'; readonly firewalled: boolean };

export function behind(what: NatProfile | 'firewall'): Side {
  return what === 'firewall' ? { kind: 'public', firewalled: true } : { kind: 'nat', nat: what };
}

/** A public address without any firewall. */
export const inTheOpen: Side = { kind: 'public', firewalled: false };

/** Where a scenario plays. */
export interface Stage {
  readonly world: SimWorld;
  readonly left: SimNode;
  readonly right: SimNode;
  /** Lets `ms` pass. */
  readonly run: (ms: number) => void;
  /** Something goes wrong with these machines for `ms`; the checkers are told. */
  readonly trouble: (severity: Severity, machines: readonly SimNode[], ms?: number) => void;
  /** Nobody says anything, or again. */
  readonly hush: (hushed: boolean) => void;
  /** Says that the scenario is not as it should be, unless `holds`. */
  readonly expect: (holds: boolean, what: string) => void;
}

export interface ScenarioSpec {
  readonly name: string;
  readonly about: string;
  readonly left: Side;
  readonly right: Side;
  /** One in the east, which is the hub's, or a second in the west. */
  readonly relays?: 1 | 2;
  /** How often each says something to the other; absent: every 400 ms. */
  readonly sayEveryMs?: number;
  /** How the two talk in the end. */
  readonly path: 'direct' | 'relay';
  /** How long they talk before anything happens; absent: until they have found their path. */
  readonly settleMs?: number;
  /** What happens once they talk. */
  readonly steps?: (stage: Stage) => void;
}

export interface Scenario extends ScenarioSpec {
  readonly topology: Topology;
}

export function scenario(spec: ScenarioSpec): Scenario {
  const left = place('left', 'east', 1, spec.left);
  const right = place('right', 'west', 2, spec.right);
  const hosts = [
    { name: 'hub', region: 'east', addresses: [ip('3.210.5.10')], accessOneWayMs: 15 },
    { name: 'relay-west', region: 'west', addresses: [ip('44.230.7.10')], accessOneWayMs: 15 },
  ];
  return {
    ...spec,
    topology: {
      name: spec.name,
      regions: [{ name: 'east' }, { name: 'west' }],
      links: [{ between: ['east', 'west'], oneWayMs: 31 }],
      hosts: hosts.slice(0, spec.relays ?? 1),
      networks: [...left.networks, ...right.networks],
      machines: [left.machine, right.machine],
    },
  };
}

function place(
  name: string,
  region: string,
  index: number,
  side: Side,
): { readonly machine: Machine; readonly networks: readonly Network[] } {
  const outside = ip(`54.160.20.${index}`);
  if (side.kind === 'public') {
    const at = {
      kind: 'public',
      region,
      addresses: [outside],
      firewalled: side.firewalled,
    } as const;
    return { machine: { name, at }, networks: [] };
  }
  const network: Network = {
    name: `net-${name}`,
    region,
    addresses: [outside],
    nat: side.nat,
    lan: cidr(`192.168.${index}.0/24`),
  };
  const address = ip(`192.168.${index}.10`);
  return {
    machine: { name, at: { kind: 'lan', network: network.name, address } },
    networks: [network],
  };
}
