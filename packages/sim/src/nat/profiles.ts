/** The NATs of the world's topologies as behaviours; each was measured on the real thing it is named after. */
import type { NatProfile } from '../topology/types.js';
import type { NatBehaviour, PortAllocation } from './behaviour.js';
import { ANY_PORT } from './port-allocator.js';

/** Linux' defaults for UDP flows without and with an answer. */
const LINUX_LIFETIME = { freshMs: 30_000, repliedMs: 120_000 } as const;
/** More than any world fills. */
const FLOWS_MAX = 65_536;

/** 64 ports: what a carrier hands to one customer. */
const FEW_PORTS: PortAllocation = { kind: 'random', low: 40_000, high: 40_063 };
/** What a carrier's NAT sets aside for a customer at a time: 512 ports, at a multiple of that. */
const BLOCK: PortAllocation = { kind: 'random', low: 40_448, high: 40_959 };

const easy: NatBehaviour = {
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  ports: { kind: 'preserving' },
  pooled: false,
  lifetime: LINUX_LIFETIME,
  flowsMax: FLOWS_MAX,
  hairpin: false,
  udp: true,
  exposed: false,
};

const hard: NatBehaviour = { ...easy, mapping: 'address-and-port-dependent', ports: ANY_PORT };

/** By the names that topologies use. */
export const natBehaviours: Readonly<Record<NatProfile, NatBehaviour>> = {
  easy,
  'easy-range': { ...easy, ports: FEW_PORTS },
  hard,
  'hard-range': { ...hard, ports: FEW_PORTS },
  'hard-pool': { ...hard, pooled: true },
  'port-block': { ...hard, ports: BLOCK },
  'port-parity': { ...hard, ports: { ...ANY_PORT, parity: true } },
  'full-cone': { ...easy, filtering: 'endpoint-independent' },
  'restricted-cone': { ...easy, filtering: 'address-dependent' },
  'cone-other-ports': {
    ...easy,
    filtering: 'endpoint-independent',
    ports: { kind: 'random', low: 30_000, high: 39_999 },
  },
  sequential: { ...hard, ports: { kind: 'sequential', low: 40_000, high: 40_999 } },
  'address-dependent': { ...hard, mapping: 'address-dependent' },
  'address-dependent-loose': {
    ...hard,
    mapping: 'address-dependent',
    filtering: 'address-dependent',
  },
  'one-to-one': { ...easy, filtering: 'endpoint-independent', exposed: true },
  'one-to-one-firewalled': easy,
  'udp-blocked': { ...easy, udp: false },
};

/** What routers do beyond their kind of NAT; any of them goes with any profile. */
export const natVariations = {
  plain: {},
  /** Idle flows are forgotten after seconds. */
  'short-timeouts': { lifetime: { freshMs: 2_000, repliedMs: 3_000 } },
  /** A table that a few probes fill. */
  'tiny-table': { flowsMax: 12 },
  hairpin: { hairpin: true },
} as const satisfies Record<string, Partial<NatBehaviour>>;

export type NatVariation = keyof typeof natVariations;
