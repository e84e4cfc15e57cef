/**
 * What answers of STUN servers to several sockets say about a NAT. Pure; too little evidence gives undefined.
 *
 * Source: RFC 5780 sections 4.2 to 4.5 for mapping and filtering; how ports are allocated (RFC 4787 section 4.2) is
 * read from the ports of mappings in the order in which they were made.
 */
import { type Endpoint, endpointAddress, endpointPort } from '../ip/address.js';
import type {
  FilteringBehaviour,
  MappingBehaviour,
  PortAllocation,
} from '../netmap/nat-description.js';

/** One mapping as one server saw it. */
export interface MappingSample {
  /** Which of our sockets. */
  readonly socket: number;
  readonly localPort: number;
  readonly server: Endpoint;
  readonly mapped: Endpoint;
  /**
   * Place in the order of sending, from 0; undefined when a request had to be repeated: who knows which of them
   * made the mapping.
   */
  readonly order: number | undefined;
}

/** Mappings that tell how ports are allocated; with fewer nothing is said. */
const allocationSamplesMin = 4;
/** One may wrap around at the end of a range, or have met another flow's port. */
const samplesToAllowOutlier = 6;
/** A larger step is no step: other flows take too many ports for any prediction. */
export const portDeltaMax = 32;
/** Random ports that lie closer together than this come from a small range. */
export const portRangeMax = 512;

/**
 * How the mappings of one socket depend on the destination. `samples` are of one socket; `isOwn` tells endpoints of
 * our own interfaces.
 */
export function judgeMapping(
  samples: readonly MappingSample[],
  isOwn: (mapped: Endpoint) => boolean,
): MappingBehaviour | undefined {
  const seen = new Set(samples.map(({ mapped }) => mapped));
  const [first] = seen;
  if (first === undefined) return undefined;
  const byAddress = new Map<string, Set<Endpoint>>();
  const portsOf = new Map<string, Set<Endpoint>>();
  for (const { server, mapped } of samples) {
    const address = endpointAddress(server);
    byAddress.set(address, (byAddress.get(address) ?? new Set()).add(mapped));
    portsOf.set(address, (portsOf.get(address) ?? new Set()).add(server));
  }
  if (seen.size === 1) {
    if (isOwn(first)) return 'none';
    return byAddress.size > 1 ? 'endpoint-independent' : undefined;
  }
  if ([...byAddress.values()].some((mappings) => mappings.size > 1)) {
    return 'address-and-port-dependent';
  }
  const wasAskedTwice = [...portsOf.values()].some((servers) => servers.size > 1);
  return wasAskedTwice ? 'address-dependent' : 'endpoint-dependent';
}

/** What came of a datagram from where we had not sent to; undefined: not tried, or nobody knows. */
export type Unasked = 'arrived' | 'silent' | undefined;

/** `port`: from the server's address and another port; `address`: from another address. */
export function judgeFiltering(port: Unasked, address: Unasked): FilteringBehaviour | undefined {
  if (address === 'arrived') return 'endpoint-independent';
  if (port === 'silent') return 'address-and-port-dependent';
  if (port === 'arrived' && address === 'silent') return 'address-dependent';
  return undefined;
}

export interface AllocationVerdict {
  readonly portAllocation: PortAllocation;
  /** 0 unless sequential. */
  readonly portDelta: number;
  readonly portRange: { readonly low: number; readonly high: number } | undefined;
}

/** How ports of new mappings are chosen. */
export function judgeAllocation(samples: readonly MappingSample[]): AllocationVerdict | undefined {
  const made = mappingsInOrder(samples);
  const firstOfSocket = new Map<number, MappingSample>();
  for (const sample of made) {
    if (!firstOfSocket.has(sample.socket)) firstOfSocket.set(sample.socket, sample);
  }
  const sockets = [...firstOfSocket.values()];
  const kept = sockets.filter(({ localPort, mapped }) => endpointPort(mapped) === localPort);
  if (sockets.length >= allocationSamplesMin && kept.length >= sockets.length - 1) {
    return { portAllocation: 'preserving', portDelta: 0, portRange: undefined };
  }
  if (made.length < allocationSamplesMin) return undefined;
  const portDelta = stepOf(made.filter(({ order }) => order !== undefined));
  if (portDelta !== undefined) {
    return { portAllocation: 'sequential', portDelta, portRange: undefined };
  }
  const ports = made.map(({ mapped }) => endpointPort(mapped));
  const [low, high] = [Math.min(...ports), Math.max(...ports)];
  const portRange = high - low < portRangeMax ? { low, high } : undefined;
  return { portAllocation: 'random', portDelta: 0, portRange };
}

/** Each mapping once, in the order in which they were made; those without a place come last. */
function mappingsInOrder(samples: readonly MappingSample[]): readonly MappingSample[] {
  const placeOf = ({ order }: MappingSample): number => order ?? Infinity;
  const sorted = [...samples].sort((a, b) =>
    placeOf(a) === placeOf(b) ? 0 : placeOf(a) - placeOf(b),
  );
  const seen = new Set<Endpoint>();
  return sorted.filter(({ mapped }) => {
    const isNew = !seen.has(mapped);
    seen.add(mapped);
    return isNew;
  });
}

/** The step from one port to the next; undefined when they don't follow each other. */
function stepOf(made: readonly MappingSample[]): number | undefined {
  if (made.length < allocationSamplesMin) return undefined;
  const steps: number[] = [];
  for (const [index, { mapped }] of made.entries()) {
    const next = made[index + 1];
    if (next !== undefined) steps.push(endpointPort(next.mapped) - endpointPort(mapped));
  }
  const median = medianOf(steps);
  if (median === 0 || Math.abs(median) > portDeltaMax) return undefined;
  // Other people's flows make steps longer now and then, but not much; random ports step back and forth.
  const longest = 2 * Math.abs(median) + 2;
  const regular = steps.filter(
    (step) => Math.sign(step) === Math.sign(median) && Math.abs(step) <= longest,
  );
  const allowed = made.length >= samplesToAllowOutlier ? 1 : 0;
  return steps.length - regular.length <= allowed ? median : undefined;
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
