/**
 * One run of iperf3 from `left` to `right`, and what its client says in JSON (iperf3 3.12, of which these are used):
 *
 *     end.sum_received                      bytes, bits_per_second: what the receiver has got
 *     end.sum_received_bidir_reverse        the same of the other direction, with --bidir
 *     error                                 why there was no run
 */
import { once } from 'node:events';
import type { IpFamily } from '@warren/core/ip/address';
import { type Tunnel, targetOf } from './tunnel.js';
import { LEFT, RIGHT } from './two-machines.js';

/** A port for each run: what is left of the one before must not be in the way of the next. */
const [FIRST_PORT, LAST_PORT] = [5201, 5300];
export const BENCH_PORTS = `${FIRST_PORT}-${LAST_PORT}`;
/** Of the start: slow start and first packets are no one's throughput. */
const OMITTED_SECONDS = 1;
/** For the exchange around the run on a busy computer; more is a hang. */
const SLACK_MS = 20_000;
const READY_MS = 10_000;

export interface IperfOptions {
  readonly family: IpFamily;
  readonly seconds: number;
  /** Streams at once; default 1. */
  readonly streams?: number;
  /** Both ends send. */
  readonly isBidirectional?: boolean;
  /** UDP as fast as the sender can, of datagrams of this size. */
  readonly datagramBytes?: number;
  /** Congestion control of TCP; absent: the system's. */
  readonly congestion?: string;
  /** Counts the first second too, so that costs of processes can be compared with bytes. */
  readonly isWhole?: boolean;
}

export interface IperfResult {
  /** Of both directions together. */
  readonly receivedBytes: number;
  readonly receivedBitsPerSecond: number;
}

interface IperfSum {
  readonly bytes?: number;
  readonly bits_per_second?: number;
}

interface IperfOutput {
  readonly error?: string;
  readonly end?: {
    readonly sum_received?: IperfSum;
    readonly sum_received_bidir_reverse?: IperfSum;
  };
}

/** Reads what the client printed; throws when it tells no result. */
export function parseIperf(text: string): IperfResult {
  let output: IperfOutput;
  try {
    output = JSON.parse(text) as IperfOutput;
  } catch {
    throw new Error(`iperf3 printed no JSON: ${text.slice(0, 200)}`);
  }
  if (output.error !== undefined) throw new Error(`iperf3: ${output.error}`);
  const sums = [output.end?.sum_received, output.end?.sum_received_bidir_reverse];
  const total = (of: (sum: IperfSum) => number | undefined): number =>
    sums.reduce((sum, part) => sum + (part === undefined ? 0 : (of(part) ?? 0)), 0);
  const receivedBytes = total(({ bytes }) => bytes);
  if (!(receivedBytes > 0)) throw new Error('iperf3: nothing has arrived');
  return {
    receivedBytes,
    receivedBitsPerSecond: total(({ bits_per_second: rate }) => rate),
  };
}

let lastPort = FIRST_PORT - 1;

function nextPort(): string {
  lastPort = lastPort >= LAST_PORT ? FIRST_PORT : lastPort + 1;
  return String(lastPort);
}

function clientArguments(options: IperfOptions): string[] {
  const { seconds, streams = 1, isBidirectional, datagramBytes, congestion, isWhole } = options;
  return [
    ...['-J', '-t', String(seconds), '-P', String(streams)],
    ...(isWhole === true ? [] : ['-O', String(OMITTED_SECONDS)]),
    ...(isBidirectional === true ? ['--bidir'] : []),
    ...(congestion === undefined || datagramBytes !== undefined ? [] : ['-C', congestion]),
    ...(datagramBytes === undefined ? [] : ['-u', '-b', '0', '-l', String(datagramBytes)]),
  ];
}

/** Runs it; rejects when it fails, brings nothing or hangs. */
export async function runIperf(tunnel: Tunnel, options: IperfOptions): Promise<IperfResult> {
  const { world } = tunnel;
  const target = targetOf(tunnel, options.family);
  const port = nextPort();
  const limitMs = (options.seconds + OMITTED_SECONDS) * 1000 + SLACK_MS;
  const server = world.exec(RIGHT, ['iperf3', '-s', '-1', '-p', port, '--forceflush'], {
    stderr: { file: '/run/iperf3.log' },
    timeoutMs: limitMs + READY_MS,
  });
  try {
    if (server.stdout === null) throw new Error('iperf3 has no output');
    // What it prints first is that it listens. The rest must be read, or it blocks.
    await once(server.stdout, 'data', { signal: AbortSignal.timeout(READY_MS) });
    server.stdout.resume();
    const client = ['iperf3', '-c', target, '-p', port, ...clientArguments(options)];
    const result = await world.run(LEFT, client, { timeoutMs: limitMs });
    if (result.timedOut) throw new Error(`iperf3 did not end within ${limitMs} ms`);
    return parseIperf(result.stdout);
  } finally {
    server.kill('SIGKILL');
    await server.exited.catch(() => undefined);
  }
}
