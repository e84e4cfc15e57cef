/** Pings from `left` to `right`, a hundred a second: little beside what a tunnel carries, and enough for a p99. */
import { quantile } from '../figures/statistics.js';
import { runOrThrow } from '../world/run-or-throw.js';
import { type Tunnel, targetOf } from './tunnel.js';
import { LEFT } from './two-machines.js';

const INTERVAL_SECONDS = 0.01;
const PINGS_A_SECOND = 100;
const SLACK_MS = 15_000;
/** With fewer answers a quantile says nothing, and a tunnel that loses pings is no fast one. */
const ANSWERED_SHARE = 0.9;

/** What `ping` printed, in milliseconds. */
export function parseRoundTrips(text: string): number[] {
  return [...text.matchAll(/ time=([\d.]+) ms/g)].map(([, ms]) => Number(ms));
}

/** The round trip in milliseconds below which a share of all pings lies. Rejects when too few came back. */
export async function roundTripMs(tunnel: Tunnel, seconds: number, share: number): Promise<number> {
  const count = Math.ceil(seconds * PINGS_A_SECOND);
  const pace = ['-i', String(INTERVAL_SECONDS), '-c', String(count), '-W', '2'];
  const argv = ['ping', '-n', ...pace, targetOf(tunnel, 4)];
  const text = await runOrThrow(tunnel.world, LEFT, argv, { timeoutMs: seconds * 1000 + SLACK_MS });
  const trips = parseRoundTrips(text);
  if (trips.length < ANSWERED_SHARE * count) {
    throw new Error(`${trips.length} of ${count} pings were answered`);
  }
  return quantile(trips, share);
}
