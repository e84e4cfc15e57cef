/**
 * Two daemons on a direct path with mixed traffic for a long time: TCP both ways in both families, every transfer's
 * hash checked; datagrams of every size there and back, byte for byte; pings beside them. Keys are renewed every 120 s
 * because traffic flows. Memory of both daemons is sampled all the while.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { LEFT, RIGHT, twoMachines } from '../bench/two-machines.js';
import { TransferAgents } from '../demo/transfer-agents.js';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { TunnelPing } from '../faults/tunnel-ping.js';
import { scriptArgv } from '../scripts.js';
import type { SizesReport } from '../traffic/udp-sizes.js';
import { residentBytesOf } from '../world/process-numbers.js';
import { judgeMemory, type MemoryReport } from './memory.js';

export interface SoakOptions {
  readonly minutes: number;
  /** Of both daemons. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onProgress: (line: string) => void;
}

export interface StreamReport {
  readonly transfers: number;
  readonly bytes: number;
  /** Hash wrong, or never arrived. */
  readonly broken: number;
}

export interface DatagramReport {
  readonly asked: number;
  /** Came back with other bytes. */
  readonly wrong: number;
  /** Not answered in three tries. */
  readonly missing: number;
}

export interface SoakReport {
  readonly minutes: number;
  readonly passed: boolean;
  /** What is wrong, in words. */
  readonly faults: readonly string[];
  readonly tcp: Readonly<Record<string, StreamReport>>;
  readonly udp: Readonly<Record<string, DatagramReport>>;
  /** Handshakes seen by each daemon: one at the beginning, then one every 120 s. */
  readonly handshakes: Readonly<Record<string, number>>;
  readonly pings: { readonly lost: number; readonly longestGapMs: number };
  readonly memory: Readonly<Record<string, MemoryReport>>;
  readonly counters: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const SAMPLE_MS = 5_000;
const PROGRESS_MS = 60_000;
const MACHINES = [LEFT, RIGHT] as const;
const FAMILIES = [4, 6] as const;
/** In turn; the large ones cross many wakes, the small ones end before the window opens. */
const TRANSFER_BYTES = [40_000, 2_000_000, 30_000_000, 1, 700_001];
const LARGEST_DATAGRAM = 1_500;
const SIZES_PORT = 7_200;
const DATAGRAM_PAUSE_MS = 500;
const DIRECT_MS = 30_000;
const REKEY_MS = 120_000;
/** Told times of one handshake may differ by the clock's rounding; two are never as close as this. */
const HANDSHAKE_MS = 4_000;

type Machine = (typeof MACHINES)[number];
const otherThan = (machine: Machine): Machine => (machine === LEFT ? RIGHT : LEFT);

export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { env = {}, minutes, onProgress } = options;
  const network = await OneHubNetwork.start(MACHINES, {
    topology: twoMachines,
    env: { [LEFT]: env, [RIGHT]: env },
  });
  try {
    return await soak(network, minutes, onProgress);
  } finally {
    await network.close();
  }
}

async function soak(
  network: OneHubNetwork,
  minutes: number,
  onProgress: SoakOptions['onProgress'],
): Promise<SoakReport> {
  const { world } = network;
  const addresses = await addressesOf(network);
  const ping = new TunnelPing(world, LEFT, addresses[RIGHT][4]);
  await ping.steady(DIRECT_MS);
  for (const machine of MACHINES) {
    await network.statusUntil(machine, 'a direct path', isDirect, DIRECT_MS);
  }
  const agents = await TransferAgents.start(world, MACHINES, '[::]');
  for (const family of FAMILIES) await answerDatagrams(network, addresses[RIGHT][family]);
  const startedAt = Date.now();
  const endsAt = startedAt + minutes * 60_000;
  const tcp: Record<string, Tally> = {};
  const udp: Record<string, DatagramTally> = {};
  const watch = new Watch(network);
  const streams = MACHINES.flatMap((from) =>
    FAMILIES.map((family, i) => {
      const name = `${from} to ${otherThan(from)}, IPv${family}`;
      const tally = { transfers: 0, bytes: 0, broken: 0 };
      tcp[name] = tally;
      return stream(agents, from, addresses[otherThan(from)][family], endsAt, tally, i);
    }),
  );
  const datagrams = FAMILIES.map((family) => {
    const tally = { asked: 0, wrong: 0, missing: 0 };
    udp[`IPv${family}`] = tally;
    return exchange(network, addresses[RIGHT][family], endsAt, tally);
  });
  const watching = watch.until(endsAt, (resident) => {
    const minute = Math.round((Date.now() - startedAt) / 60_000);
    const sum = Object.values(tcp).reduce((total, { transfers }) => total + transfers, 0);
    onProgress(`minute ${minute}: ${sum} transfers, resident ${resident.join(' and ')} MB`);
  });
  await Promise.all([...streams, ...datagrams, watching]);
  await agents.close();
  const pings = { lost: ping.lostSince(startedAt), longestGapMs: ping.longestGapMs(startedAt) };
  ping.stop();
  const counters: Record<string, Readonly<Record<string, number>>> = {};
  for (const machine of MACHINES) counters[machine] = (await network.status(machine)).counters;
  const { handshakes, memory } = watch;
  const faults = faultsOf({ minutes, tcp, udp, handshakes, memory });
  const passed = faults.length === 0;
  return { minutes, passed, faults, tcp, udp, handshakes, pings, memory, counters };
}

type Tally = { -readonly [Name in keyof StreamReport]: StreamReport[Name] };
type DatagramTally = { -readonly [Name in keyof DatagramReport]: DatagramReport[Name] };

function faultsOf(
  of: Pick<SoakReport, 'minutes' | 'tcp' | 'udp' | 'handshakes' | 'memory'>,
): string[] {
  const faults: string[] = [];
  for (const [name, { broken, transfers }] of Object.entries(of.tcp)) {
    if (broken > 0) faults.push(`TCP ${name}: ${broken} transfers broken`);
    if (transfers === 0) faults.push(`TCP ${name}: no transfer`);
  }
  for (const [name, { wrong, missing, asked }] of Object.entries(of.udp)) {
    if (wrong > 0) faults.push(`UDP ${name}: ${wrong} datagrams with other bytes`);
    if (missing > 0) faults.push(`UDP ${name}: ${missing} datagrams never answered`);
    if (asked === 0) faults.push(`UDP ${name}: no datagram`);
  }
  // One less than there must be: the run may begin just after a handshake.
  const least = Math.floor((of.minutes * 60_000) / REKEY_MS) - 1;
  for (const [machine, count] of Object.entries(of.handshakes)) {
    if (count < least) faults.push(`${machine}: ${count} handshakes of at least ${least}`);
  }
  for (const [machine, { isFlat, growthBytes }] of Object.entries(of.memory)) {
    if (!isFlat) faults.push(`${machine}: memory grew by ${growthBytes} bytes`);
  }
  return faults;
}

const isDirect = ({ peers }: { readonly peers: readonly { readonly path: unknown }[] }): boolean =>
  peers.some(({ path }) => path === 'direct');

async function addressesOf(
  network: OneHubNetwork,
): Promise<Readonly<Record<Machine, Readonly<Record<4 | 6, string>>>>> {
  const of = async (machine: Machine): Promise<Record<4 | 6, string>> => {
    const all = (await network.status(machine)).self?.addresses ?? [];
    const v6 = all.find((address) => address.includes(':'));
    if (v6 === undefined) throw new Error(`${machine} has no IPv6 inside the mesh`);
    return { 4: network.addressOf(machine), 6: v6 };
  };
  return { [LEFT]: await of(LEFT), [RIGHT]: await of(RIGHT) };
}

/** TCP, one transfer after the other; `phase`: where in the list of sizes it begins. */
async function stream(
  agents: TransferAgents,
  from: Machine,
  target: string,
  endsAt: number,
  tally: Tally,
  phase: number,
): Promise<void> {
  for (let i = phase; Date.now() < endsAt; i++) {
    const bytes = TRANSFER_BYTES[i % TRANSFER_BYTES.length] ?? 1;
    const sent = await agents.send(from, target, bytes, 0);
    tally.transfers++;
    tally.bytes += bytes;
    if (sent?.intact !== true) tally.broken++;
  }
}

function endpointOf(address: string): string {
  return address.includes(':') ? `[${address}]:${SIZES_PORT}` : `${address}:${SIZES_PORT}`;
}

async function answerDatagrams({ world }: OneHubNetwork, address: string): Promise<void> {
  const argv = scriptArgv('traffic/udp-sizes', 'answer', endpointOf(address));
  const child = world.exec(RIGHT, argv, { stderr: 'ignore' });
  if (child.stdout !== null) await once(child.stdout, 'data');
}

/** Datagrams of every size there and back, again and again. */
async function exchange(
  { world }: OneHubNetwork,
  address: string,
  endsAt: number,
  tally: DatagramTally,
): Promise<void> {
  const range = ['0', String(LARGEST_DATAGRAM)];
  const argv = scriptArgv('traffic/udp-sizes', 'ask', endpointOf(address), ...range);
  while (Date.now() < endsAt) {
    const { code, stdout, stderr } = await world.run(LEFT, argv, { timeoutMs: 300_000 });
    if (code !== 0) throw new Error(`datagrams to ${address}: ${stderr}`);
    const { asked, wrong, missing } = JSON.parse(stdout) as SizesReport;
    tally.asked += asked;
    tally.wrong += wrong.length;
    tally.missing += missing.length;
    await sleep(DATAGRAM_PAUSE_MS);
  }
}

/** Samples of both daemons. */
class Watch {
  readonly #network: OneHubNetwork;
  readonly #resident = new Map<string, number[]>(MACHINES.map((machine) => [machine, []]));
  readonly #times = new Map<string, Set<number>>(MACHINES.map((machine) => [machine, new Set()]));

  constructor(network: OneHubNetwork) {
    this.#network = network;
  }

  get memory(): Record<string, MemoryReport> {
    const all = [...this.#resident].map(([machine, samples]) => [machine, judgeMemory(samples)]);
    return Object.fromEntries(all) as Record<string, MemoryReport>;
  }

  get handshakes(): Record<string, number> {
    return Object.fromEntries([...this.#times].map(([machine, times]) => [machine, times.size]));
  }

  /** `onMinute` gets what both have resident, in MB. */
  async until(endsAt: number, onMinute: (resident: readonly number[]) => void): Promise<void> {
    let toldAt = Date.now();
    while (Date.now() < endsAt) {
      const resident = await Promise.all(MACHINES.map((machine) => this.#sample(machine)));
      if (Date.now() - toldAt >= PROGRESS_MS) {
        toldAt += PROGRESS_MS;
        onMinute(resident.map((bytes) => Math.round(bytes / 1024 / 1024)));
      }
      await sleep(SAMPLE_MS);
    }
  }

  async #sample(machine: Machine): Promise<number> {
    const { world } = this.#network;
    const bytes = residentBytesOf(world, this.#network.pidOf(machine));
    this.#resident.get(machine)?.push(bytes);
    const { peers } = await this.#network.status(machine);
    for (const { lastHandshake } of peers) {
      if (lastHandshake === null) continue;
      this.#times.get(machine)?.add(Math.round(Date.parse(lastHandshake) / HANDSHAKE_MS));
    }
    return bytes;
  }
}
