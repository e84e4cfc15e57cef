/**
 * The pairs of `figures:hard-nats`: what is in front of their two machines, and the town that they live in, where a
 * direct round trip takes 62 ms and a relayed one twice as long. One town holds several pairs beside each other.
 */
import { type Home, homeNetwork, type Town, townOf, townRttMs } from '../topology/town.js';
import type { Topology } from '../topology/types.js';

type Router = Omit<Home, 'name'>;

interface HardPairRouters {
  readonly about: string;
  readonly left: Router;
  readonly right: Router;
}

const countsBesideOthers: Router = { nat: 'sequential', crossTrafficPerSecond: 3 };

const PAIRS = {
  'hard-easy': {
    about: 'a random port for each destination, and a port-restricted home router',
    left: { nat: 'hard' },
    right: { nat: 'easy' },
  },
  sequential3: {
    about: 'two NATs that take the next port, of which others take three a second',
    left: countsBesideOthers,
    right: countsBesideOthers,
  },
  'port-block': {
    about: "two carriers' NATs that choose at random in a block of 512 ports",
    left: { nat: 'port-block' },
    right: { nat: 'port-block' },
  },
} as const satisfies Record<string, HardPairRouters>;

export type HardPair = keyof typeof PAIRS;

export const HARD_PAIRS = Object.keys(PAIRS) as readonly HardPair[];

export function aboutHardPair(pair: HardPair): string {
  return PAIRS[pair].about;
}

/** A pair of machines in the town; the lane's number is in their names. */
export interface Lane {
  readonly left: string;
  readonly right: string;
  /** Places of their routers. */
  readonly routers: { readonly left: string; readonly right: string };
}

export function lanesOf(count: number): readonly Lane[] {
  return Array.from({ length: count }, (_, index) => {
    const [left, right] = [`left-${index + 1}`, `right-${index + 1}`];
    const routerOf = (home: string): string => `router-${homeNetwork(home)}`;
    return { left, right, routers: { left: routerOf(left), right: routerOf(right) } };
  });
}

function townOfPairs(pair: HardPair, lanes: number): Town {
  const { left, right } = PAIRS[pair];
  return {
    name: pair,
    servers: ['hub', 'relay'],
    serverAccessMs: 15,
    homeAccessMs: 15.5,
    homes: lanesOf(lanes).flatMap((lane) => [
      { name: lane.left, ...left },
      { name: lane.right, ...right },
    ]),
  };
}

export function hardPairTopology(pair: HardPair, lanes: number): Topology {
  return townOf(townOfPairs(pair, lanes));
}

/** Round trips by the wires alone, of every pair. */
export const hardPairWires = townRttMs(townOfPairs('hard-easy', 1));
