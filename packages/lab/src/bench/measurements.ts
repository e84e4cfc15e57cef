/** What is measured of a tunnel in one run of some seconds. Each rejects when the run fails. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type IperfOptions, runIperf } from './iperf.js';
import { cpuSecondsOf, residentBytes } from './process-costs.js';
import { roundTripMs } from './round-trips.js';
import type { Tunnel } from './tunnel.js';

export interface MeasureOptions {
  readonly seconds: number;
  /** Congestion control of TCP; absent: the system's. */
  readonly congestion?: string;
}

export type Measurement = (tunnel: Tunnel, options: MeasureOptions) => Promise<number>;

const MEGA = 1e6;
const GIGA = 1e9;
/** The load stands before the first ping... */
const LOAD_LEAD_MS = 1500;
/** ...and after the last. */
const LOAD_MARGIN_SECONDS = 2;

/** Megabits a second that arrive, without the first second. */
export function megabits(load: Omit<IperfOptions, keyof MeasureOptions>): Measurement {
  return async (tunnel, options) => {
    const { receivedBitsPerSecond } = await runIperf(tunnel, { ...load, ...options });
    return receivedBitsPerSecond / MEGA;
  };
}

/** CPU seconds of both ends' processes, user and system, for each gigabyte that arrives by a TCP stream. */
export const cpuPerGigabyte: Measurement = async (tunnel, options) => {
  const before = cpuSecondsOf(tunnel);
  const { receivedBytes } = await runIperf(tunnel, { family: 4, isWhole: true, ...options });
  return (cpuSecondsOf(tunnel) - before) / (receivedBytes / GIGA);
};

/** Megabytes that both ends have resident when a TCP stream has just ended. */
export const residentAfterLoad: Measurement = async (tunnel, options) => {
  await runIperf(tunnel, { family: 4, ...options });
  return residentBytes(tunnel) / MEGA;
};

/** Milliseconds, median. */
export const idleRoundTrip: Measurement = (tunnel, { seconds }) =>
  roundTripMs(tunnel, seconds, 0.5);

/** Milliseconds, 99th percentile, while a TCP stream goes the same way. */
export const loadedRoundTrip: Measurement = async (tunnel, options) => {
  const { seconds } = options;
  const load = { family: 4, ...options, seconds: seconds + LOAD_MARGIN_SECONDS } as const;
  const pings = sleep(LOAD_LEAD_MS).then(() => roundTripMs(tunnel, seconds, 0.99));
  // Both are waited for, whichever fails: nothing of this run may disturb the next.
  const [trip, stream] = await Promise.allSettled([pings, runIperf(tunnel, load)]);
  if (stream.status === 'rejected') throw stream.reason;
  if (trip.status === 'rejected') throw trip.reason;
  return trip.value;
};
