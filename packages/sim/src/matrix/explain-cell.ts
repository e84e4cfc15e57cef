/** `warren why` in a cell of the matrix: both ends look for a path, tell each other their NATs, and explain. */

import { whyEvidence } from '@warren/core/path-engine/why-evidence';
import type { Crypto } from '@warren/core/ports';
import { explain } from '@warren/core/why/explain';
import type { Fix, Verdict } from '@warren/core/why/verdict';
import type { SimNode } from '../node/sim-node.js';
import type { Topology } from '../topology/types.js';
import { SimWorld } from '../world/sim-world.js';
import { applyFix } from './apply-fix.js';
import {
  askEveryMs,
  type CellExplanation,
  directWaitMs,
  type MatrixCell,
  settleMs,
} from './cell.js';
import { cellTopology } from './cell-topology.js';

const SEED = 1;
const JOIN_LIMIT_MS = 30_000;
/** From one node's lite update to the other's netmap, several times over. */
const TELL_MS = 2_000;

export interface ExplainedCell {
  /** As the left end sees the right one, and the other way round. */
  readonly left: Verdict;
  readonly right: Verdict;
}

export function explainCell(cell: MatrixCell, crypto: Crypto, topology?: Topology): ExplainedCell {
  const world = new SimWorld({ topology: topology ?? cellTopology(cell), seed: SEED, crypto });
  const [left, right] = [world.node('left'), world.node('right')];
  if (!world.join(JOIN_LIMIT_MS)) throw new Error('both machines join');
  world.clock.run(settleMs);
  for (let ms = 0; ms < directWaitMs; ms += askEveryMs) {
    world.say(left, right);
    world.say(right, left);
    world.clock.run(askEveryMs);
  }
  for (const node of [left, right]) tellNat(world, node);
  world.clock.run(TELL_MS);
  return { left: explained(world, left, right), right: explained(world, right, left) };
}

/** What the left end says, as far as it is carried out. */
export function explanationOf(cell: MatrixCell, crypto: Crypto): CellExplanation {
  const { verdict, rule, fixes } = explainCell(cell, crypto).left;
  return { verdict, rule, fix: fixes[0] ?? null };
}

/** As the daemon does every few seconds. */
export function tellNat(world: SimWorld, node: SimNode): void {
  const { engine, control } = node;
  if (engine === undefined) return;
  control?.handle({ type: 'nat-description', nat: engine.status(world.clock.now).description });
}

function explained({ clock }: SimWorld, from: SimNode, to: SimNode): Verdict {
  const { engine, netmap } = from;
  const peer = [...(netmap?.peers.values() ?? [])].find(({ key }) => key === to.key);
  if (engine === undefined || peer === undefined || to.key === undefined) {
    throw new Error(`${from.name} knows ${to.name}`);
  }
  const { now } = clock;
  const attempts = engine.attempts(to.key, now);
  return explain(
    whyEvidence(peer, { status: engine.status(now), isMeasured: true, attempts, now }),
  );
}

/** The cell after what the left end was advised was done. Undefined: it can't be done at these places. */
export function repairedCell(cell: MatrixCell, fix: Fix): MatrixCell | undefined {
  const { code, where } = fix;
  // Both let UDP out, and one of them forwards a port.
  const second = code === 'allow-udp-and-forward' && where === 'both' ? 'allow-udp' : code;
  const left = where === 'peer' ? cell.left : applyFix(cell.left, code);
  const right = where === 'self' ? cell.right : applyFix(cell.right, second);
  return left === undefined || right === undefined ? undefined : { left, right };
}
