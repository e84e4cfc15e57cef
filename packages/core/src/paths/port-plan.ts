/**
 * Where the next mappings of a fresh socket will be, judged from the ones that a few servers saw, in the order in
 * which they were asked.
 *
 *     all the same           one mapping for everybody: that one
 *     a steady small step    the NAT counts: the ports that follow the last one
 *     else                   nobody can tell: many sockets, each at some port of a range (scatter-range.ts)
 */
import { type Endpoint, endpoint, endpointAddress, endpointPort } from '../ip/address.js';
import type { PortRange, Ports } from './ports.js';
import { scatterOf } from './scatter-range.js';

/** A step beyond this is chance, or a NAT so busy that nothing can be foretold. */
export const stepMax = 8;
/** Ports foretold of a NAT that counts: other people's flows take some of them meanwhile. */
export const foretoldPorts = 64;
/** A range of more ports than this is no small one: carriers' NATs hand out blocks of up to so many. */
export const rangePortsMax = 512;
/** Ports seen before a range is believed: that many of all 64,000 fall into 512 by chance twice in a million times. */
const rangeSamplesMin = 4;
const rangeSamplesSure = 8;
const PORT_MAX = 65_535;

export type Unpredictable = 'no-udp' | 'addresses-differ';

/**
 * The ports that lie in one small range with those that were seen; undefined when the NAT has no small range, or
 * when too few were seen. Few samples say little about the ends of a range: with eight the true one reaches beyond
 * the window in less than one case of a hundred, with fewer never. `isJudged`: the ports stand for so many.
 */
export function rangeAround(ports: readonly number[], isJudged = false): PortRange | undefined {
  const seen = [...new Set(ports)];
  if (seen.length < (isJudged ? 1 : rangeSamplesMin)) return undefined;
  const [lowest, highest] = [Math.min(...seen), Math.max(...seen)];
  const span = highest - lowest;
  if (span >= rangePortsMax) return undefined;
  const margin = isJudged || seen.length >= rangeSamplesSure ? span : rangePortsMax;
  return {
    low: Math.max(1, highest - rangePortsMax + 1, lowest - margin),
    high: Math.min(PORT_MAX, lowest + rangePortsMax - 1, highest + margin),
  };
}

/** What follows from the mappings of one socket, the server asked first first. */
export function foretell(
  mapped: readonly Endpoint[],
  range: PortRange | undefined,
  isOpenToAddress: boolean,
): Ports | Unpredictable {
  const [first] = mapped;
  const last = mapped.at(-1);
  if (first === undefined || last === undefined) return 'no-udp';
  const address = endpointAddress(first);
  if (mapped.some((one) => endpointAddress(one) !== address)) return 'addresses-differ';
  const list = foretellList(mapped, first, last);
  return list === undefined
    ? scatterOf(address, range, isOpenToAddress)
    : { kind: 'list', isOpenToAddress, ...list };
}

type Sequence = Pick<Ports, 'first' | 'step' | 'count'>;

function foretellList(
  mapped: readonly Endpoint[],
  first: Endpoint,
  last: Endpoint,
): Sequence | undefined {
  // One server alone can't tell the first two apart, so its port and those that follow are named.
  if (mapped.length === 1) return upTo(first, 1, 1 + stepMax);
  if (mapped.every((one) => one === first)) return { first, step: 1, count: 1 };
  const step = steadyStep(mapped.map(endpointPort));
  const next = step === undefined ? 0 : endpointPort(last) + step;
  if (step === undefined || next < 1 || next > PORT_MAX) return undefined;
  return upTo(endpoint(endpointAddress(last), next), step, foretoldPorts);
}

/** The smallest step that was seen, when all go the same way; others' flows make some of them larger. */
function steadyStep(ports: readonly number[]): number | undefined {
  const steps = ports.slice(1).map((port, index) => port - (ports[index] ?? port));
  const [one] = steps;
  if (one === undefined) return undefined;
  const isSteady = steps.every(
    (step) => step !== 0 && Math.sign(step) === Math.sign(one) && Math.abs(step) <= stepMax,
  );
  if (!isSteady) return undefined;
  return Math.sign(one) * Math.min(...steps.map(Math.abs));
}

/** `count` ports from `first`, fewer where the numbers end. */
function upTo(first: Endpoint, step: number, count: number): Sequence {
  const port = endpointPort(first);
  const room = step > 0 ? PORT_MAX - port : port - 1;
  return { first, step, count: Math.min(count, 1 + Math.floor(room / Math.abs(step))) };
}

/**
 * All ports of a plan in the order in which to ping them. A sequence is gone through as it is; of a range the
 * middle comes first, for its ends are the least likely.
 */
export function probeOrder(ports: Sequence): Endpoint[] {
  const all = [...portsOf(ports)];
  if (all.length <= foretoldPorts) return all;
  const middle = (all.length - 1) / 2;
  const far = new Map(all.map((one, index) => [one, Math.abs(index - middle)]));
  return all.sort((a, b) => (far.get(a) ?? 0) - (far.get(b) ?? 0));
}

/** All ports of a plan, in their order. */
export function* portsOf({ first, step, count }: Sequence): Iterable<Endpoint> {
  const address = endpointAddress(first);
  for (let index = 0; index < count; index++) {
    yield endpoint(address, endpointPort(first) + index * step);
  }
}
