/** The figures of the data plane: what is measured, with whom it is compared, and how good is good. */
import type { Contender } from './contenders.js';
import {
  cpuPerGigabyte,
  idleRoundTrip,
  loadedRoundTrip,
  type Measurement,
  megabits,
  residentAfterLoad,
} from './measurements.js';

export interface Figure {
  readonly key: string;
  readonly what: string;
  readonly unit: string;
  readonly measure: Measurement;
  readonly ours: Contender;
  readonly theirs: Contender;
  /** Measured with them, for who wonders what the machine can do. */
  readonly beside?: Contender;
  /** Which of a ratio, ours to theirs, is better. */
  readonly better: 'more' | 'less';
  readonly goal: number;
  /** Not done below; where less is better, above. */
  readonly least: number;
  /** Contenders start anew in each round: what earlier loads have left in their memory is none of it. */
  readonly isFresh?: true;
}

/** As many as a browser opens to a server, roughly, and more than there are processors. */
const STREAMS = 8;
/** Nearly fills a packet of 1,280 bytes, in either family. */
const DATAGRAM_BYTES = 1200;

const throughput = { unit: 'Mbit/s', better: 'more' } as const;
const delay = { unit: 'ms', better: 'less' } as const;
const memory = { unit: 'MB', better: 'less', isFresh: true } as const;
const anchored = { ours: 'warren', theirs: 'wireguard-go' } as const;
const beside = 'no-tunnel';

/** One TCP stream over IPv4, as most figures have it. */
const oneStream = { ...throughput, measure: megabits({ family: 4 }) } as const;

export const FIGURES: readonly Figure[] = [
  {
    key: 'tcpSingle',
    what: 'TCP, one stream, IPv4',
    ...{ ...oneStream, ...anchored, beside, goal: 1.5, least: 1.25 },
  },
  {
    key: 'tcpSingle6',
    what: 'TCP, one stream, IPv6',
    ...{ ...throughput, measure: megabits({ family: 6 }), ...anchored, goal: 1.5, least: 1.25 },
  },
  {
    key: 'tcpEvp',
    what: "the same with OpenSSL's EVP",
    ...{ ...oneStream, ours: 'warren-evp', theirs: 'wireguard-go', goal: 1.2, least: 1.1 },
  },
  {
    key: 'tcpEight',
    what: 'TCP, eight streams',
    ...{ ...throughput, measure: megabits({ family: 4, streams: STREAMS }) },
    ...{ ...anchored, beside, goal: 1.4, least: 1.2 },
  },
  {
    key: 'tcpBoth',
    what: 'TCP, both directions at once',
    ...{ ...throughput, measure: megabits({ family: 4, isBidirectional: true }) },
    ...{ ...anchored, beside, goal: 1.4, least: 1.2 },
  },
  {
    key: 'udpOverload',
    what: 'UDP that arrives under overload',
    ...{ ...throughput, measure: megabits({ family: 4, datagramBytes: DATAGRAM_BYTES }) },
    ...{ ...anchored, beside, goal: 2, least: 1.5 },
  },
  {
    key: 'cpuPerGB',
    what: 'CPU seconds per GB, both ends',
    ...{ unit: 's/GB', better: 'less', measure: cpuPerGigabyte },
    ...{ ...anchored, goal: 0.7, least: 0.85 },
  },
  {
    key: 'rssPlane',
    what: 'memory, data plane alone',
    ...{ ...memory, measure: residentAfterLoad },
    ...{ ours: 'warren-plane', theirs: 'wireguard-go', goal: 0.5, least: 0.7 },
  },
  {
    key: 'rssDaemon',
    what: 'memory, whole daemon',
    ...{ ...memory, measure: residentAfterLoad },
    ...{ ours: 'warren', theirs: 'tailscaled', goal: 0.8, least: 1 },
  },
  {
    key: 'pingIdle',
    what: 'ping, median, idle',
    ...{ ...delay, measure: idleRoundTrip, ...anchored, beside, goal: 1, least: 1.2 },
  },
  {
    key: 'pingLoaded',
    what: 'ping, p99, beside a TCP stream',
    ...{ ...delay, measure: loadedRoundTrip, ...anchored, beside, goal: 1, least: 1.2 },
  },
  {
    key: 'peers1000',
    what: 'TCP, 1,000 peers against one',
    ...{ ...oneStream, ours: 'warren-1000-peers', theirs: 'warren', goal: 0.95, least: 0.9 },
  },
  {
    key: 'rules1000',
    what: 'TCP, 1,000 filter rules against none',
    ...{ ...oneStream, ours: 'warren-1000-rules', theirs: 'warren', goal: 0.95, least: 0.9 },
  },
  {
    key: 'portable',
    what: "TCP, portable path against Debian's",
    ...{ ...oneStream, ours: 'warren-portable', theirs: 'wireguard-go-debian' },
    ...{ goal: 1.5, least: 1 },
  },
];

/** Figures by key, in the table's order; throws for a key that there is not. */
export function figuresOf(keys: readonly string[]): readonly Figure[] {
  const unknown = keys.filter((key) => !FIGURES.some((figure) => figure.key === key));
  if (unknown.length > 0) {
    const known = FIGURES.map(({ key }) => key).join(', ');
    throw new Error(`no figure is called ${unknown.join(', ')}; there are ${known}`);
  }
  return keys.length === 0 ? FIGURES : FIGURES.filter(({ key }) => keys.includes(key));
}
