/**
 * What goes wrong in a random world, one entry of the table a kind. Each fault begins, names the machines it
 * touches and how badly, and ends by being undone.
 */
import type { SeededRandom } from '@warren/core/base/seeded-random';
import type { Severity } from '../checkers/wholeness.js';
import type { Uplink } from '../net/internet.js';
import type { Plug } from '../net/plug.js';
import { PublicPlug } from '../net/public-plug.js';
import type { Router } from '../net/router.js';
import type { SimNode } from '../node/sim-node.js';
import { ip } from '../topology/literals.js';
import type { Attachment } from '../topology/types.js';
import type { SimWorld } from '../world/sim-world.js';
import { between, pick } from './choose.js';

export interface FaultContext {
  readonly world: SimWorld;
  readonly random: SeededRandom;
  /** Places that nobody uses yet. */
  readonly spares: Attachment[];
  /** Machines without a cable, with the place that it belongs into. */
  readonly pulled: Map<SimNode, Plug>;
  /** Told when a machine was plugged in elsewhere. */
  readonly onMoved: (node: SimNode, at: Attachment) => void;
}

export interface RunningFault {
  readonly severity: Severity;
  readonly machines: readonly SimNode[];
  /** Undoes it. */
  readonly end: () => void;
  /** Control can't be reached while it lasts. */
  readonly stopsControl?: boolean;
}

export interface FaultKind {
  readonly name: string;
  readonly weight: number;
  /** How long it lasts. */
  readonly durationMs: (random: SeededRandom) => number;
  /** Undefined: not possible in this world now. */
  readonly begin: (context: FaultContext) => RunningFault | undefined;
}

const atOnce = (): number => 0;
const seconds =
  (low: number, high: number) =>
  (random: SeededRandom): number =>
    between(random, low * 1000, high * 1000);

/** Everybody behind the same line, also who will be again. */
function behind({ world, pulled }: FaultContext, uplink: Uplink): SimNode[] {
  return world.nodes.filter((node) => (node.host.plug ?? pulled.get(node))?.uplink === uplink);
}

/** Something that happens to a router at once and is not undone; `happens` says whether it could. */
function onSomeRouter(
  happens: (router: Router, context: FaultContext) => boolean,
): FaultKind['begin'] {
  return (context) => {
    const routers = [...context.world.routers.values()];
    if (routers.length === 0) return undefined;
    const router = pick(context.random, routers);
    const machines = behind(context, router.uplink);
    if (!happens(router, context)) return undefined;
    return { severity: 'hard', machines, end: () => undefined };
  };
}

function isGood({ quality }: Uplink): boolean {
  return quality.up && quality.loss === 0 && quality.lateShare === 0;
}

function someUplink({ world, random }: FaultContext): Uplink | undefined {
  return pick(random, world.nodes).host.plug?.uplink;
}

function spoil(
  context: FaultContext,
  uplink: Uplink | undefined,
  severity: Severity,
  change: Partial<Uplink['quality']>,
): RunningFault | undefined {
  if (uplink === undefined) return undefined;
  // One thing at a time goes wrong with a line.
  if (!isGood(uplink)) return undefined;
  const before = { ...uplink.quality };
  Object.assign(uplink.quality, change);
  const machines = behind(context, uplink);
  const end = (): void => {
    Object.assign(uplink.quality, before);
  };
  return { severity, machines, end };
}

function move(context: FaultContext, node: SimNode): RunningFault | undefined {
  const at = context.spares.pop();
  if (at === undefined || node.host.plug === undefined) return undefined;
  const name = `${node.name}-elsewhere-${context.spares.length}`;
  const plug = context.world.plug(name, at);
  // Nobody moves into a network that doesn't work.
  if (!isGood(plug.uplink)) return undefined;
  node.move(plug);
  context.onMoved(node, at);
  return { severity: 'hard', machines: [node], end: () => undefined };
}

export const faultKinds: readonly FaultKind[] = [
  {
    name: 'line-down',
    weight: 3,
    durationMs: seconds(0.3, 40),
    begin: (context) => spoil(context, someUplink(context), 'hard', { up: false }),
  },
  {
    name: 'loss',
    weight: 2,
    durationMs: seconds(5, 30),
    begin: (context) =>
      spoil(context, someUplink(context), 'lossy', { loss: between(context.random, 0.01, 0.1) }),
  },
  {
    name: 'reordering',
    weight: 2,
    durationMs: seconds(5, 30),
    begin: (context) =>
      spoil(context, someUplink(context), 'soft', {
        lateShare: between(context.random, 0.05, 0.5),
        lateMs: between(context.random, 1, 60),
      }),
  },
  {
    name: 'udp-cut',
    weight: 3,
    durationMs: seconds(1, 40),
    begin: (context) => {
      const { world, random } = context;
      const [a, b] = [pick(random, world.nodes), pick(random, world.nodes)];
      const [from, to] = [a.host.plug?.uplink, b.host.plug?.uplink];
      if (from === undefined || to === undefined || from === to) return undefined;
      const end = world.internet.cut(from, to);
      return {
        severity: 'soft',
        machines: [...behind(context, from), ...behind(context, to)],
        end,
      };
    },
  },
  {
    name: 'stun-cut',
    weight: 1,
    durationMs: seconds(5, 40),
    begin: (context) => {
      const { world, random } = context;
      const from = pick(random, world.nodes).host.plug?.uplink;
      const to = pick(random, world.relays).host.plug?.uplink;
      if (from === undefined || to === undefined) return undefined;
      const end = world.internet.cut(from, to);
      return { severity: 'soft', machines: behind(context, from), end };
    },
  },
  {
    name: 'nat-reboot',
    weight: 3,
    durationMs: atOnce,
    begin: onSomeRouter((router) => {
      router.reboot();
      return true;
    }),
  },
  {
    name: 'carrier-reboot',
    weight: 1,
    durationMs: atOnce,
    begin: (context) => {
      const carriers = [...context.world.carriers.values()];
      if (carriers.length === 0) return undefined;
      const carrier = pick(context.random, carriers);
      carrier.reboot();
      const machines = behind(context, carrier.uplink);
      return { severity: 'hard', machines, end: () => undefined };
    },
  },
  {
    name: 'firewall-reboot',
    weight: 1,
    durationMs: atOnce,
    begin: ({ world, random }) => {
      const node = pick(random, world.nodes);
      const { plug } = node.host;
      if (!(plug instanceof PublicPlug)) return undefined;
      plug.reboot();
      return { severity: 'hard', machines: [node], end: () => undefined };
    },
  },
  {
    name: 'renumbered',
    weight: 2,
    durationMs: atOnce,
    begin: onSomeRouter((router, { world, random }) => {
      const address = ip(`99.${random.below(256)}.${random.below(256)}.${1 + random.below(250)}`);
      if (world.internet.ownerOf(address) !== undefined) return false;
      router.renumber(address);
      return true;
    }),
  },
  {
    name: 'relay-restart',
    weight: 2,
    durationMs: seconds(0.2, 25),
    begin: ({ world, random }) => {
      const relay = pick(random, world.relays);
      if (relay.server === undefined) return undefined;
      relay.stop();
      return { severity: 'hard', machines: world.nodes, end: () => relay.start() };
    },
  },
  {
    name: 'control-restart',
    weight: 2,
    durationMs: seconds(0.2, 40),
    begin: ({ world }) => {
      const { control } = world;
      if (control.sessions === undefined) return undefined;
      control.stop();
      // Whoever talks goes on talking.
      return { severity: 'soft', machines: [], stopsControl: true, end: () => control.start() };
    },
  },
  {
    name: 'node-restart',
    weight: 2,
    durationMs: seconds(0.1, 15),
    begin: ({ world, random }) => {
      const node = pick(random, world.nodes);
      if (!node.isRunning) return undefined;
      node.stop();
      return { severity: 'hard', machines: [node], end: () => node.start() };
    },
  },
  {
    name: 'roam',
    weight: 3,
    durationMs: atOnce,
    begin: (context) => move(context, pick(context.random, context.world.nodes)),
  },
  {
    name: 'cable-pulled',
    weight: 2,
    durationMs: seconds(0.5, 30),
    begin: ({ world, random, pulled }) => {
      const node = pick(random, world.nodes);
      const { plug } = node.host;
      if (plug === undefined) return undefined;
      pulled.set(node, plug);
      node.move(undefined);
      const end = (): void => {
        pulled.delete(node);
        node.move(plug);
      };
      return { severity: 'hard', machines: [node], end };
    },
  },
];
