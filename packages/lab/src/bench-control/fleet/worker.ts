/** A process of a fleet: many simulated clients, told by its parent what to do (protocol.ts). */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { parsePublicKey } from '@warren/core/keys/keys';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { indexByKey } from './map-reader.js';
import { type Command, type Member, monotonicMs, type Report } from './protocol.js';
import { Refused, SimulatedClient, type Surroundings } from './simulated-client.js';
import { createFrameOpener } from './zstd.js';

/** Of the timer whose lateness is measured. */
const DELAY_RESOLUTION_MS = 5;
const NANOSECONDS_PER_MS = 1e6;
const MEGA = 1e6;
/**
 * When for so long nobody came to know what it lacks, those who lack something open their streams anew, as a person would
 * start a client again. headscale drops what a busy client does not take within 50 ms, and doesn't send it later.
 */
const STRANDED_AFTER_MS = 20_000;

function tell(report: Report): void {
  process.send?.(report);
}

class Worker {
  readonly #around: Surroundings;
  readonly #clients = new Map<number, SimulatedClient>();
  readonly #delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  #sent: [number, number][] = [];
  /** Client and moment in turn, by change. */
  #arrived = new Map<number, number[]>();
  /** Change and client, in one number: a change counts once for each. */
  #seen = new Set<number>();
  #broken: Record<string, number> = {};
  #load = performance.eventLoopUtilization();
  /** Whether somebody waits for all to be whole. */
  #isExpected = false;
  #stranded = 0;
  /** Who was whole when it was looked at last; undefined: not yet. */
  #wholeBefore: number | undefined;

  constructor(around: Omit<Surroundings, 'onWhole' | 'onChange' | 'onBroken'>) {
    this.#around = {
      ...around,
      onWhole: () => this.#tellWhole(),
      onChange: (client, change) => this.#noteArrival(client, change),
      onBroken: (reason) => {
        this.#broken[reason] = (this.#broken[reason] ?? 0) + 1;
      },
    };
    this.#delay.enable();
    setInterval(() => this.#freeStranded(), STRANDED_AFTER_MS);
  }

  async join(members: readonly Member[], atOnce: number): Promise<void> {
    const firstAt = monotonicMs();
    const refused: string[] = [];
    const waiting = [...members].reverse();
    const lane = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const client = new SimulatedClient(next, this.#around);
        this.#clients.set(next.index, client);
        await client.join().catch((error: unknown) => {
          if (!(error instanceof Refused)) throw error;
          refused.push(error.message);
        });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    tell({ is: 'joined', firstAt, refused });
    this.#isExpected = true;
    this.#tellWhole();
  }

  change(index: number, change: number): void {
    const at = monotonicMs();
    if (this.#clients.get(index)?.change(change) === true) this.#sent.push([change, at]);
  }

  expect(kind: Parameters<SimulatedClient['expect']>[0]): void {
    this.#isExpected = true;
    for (const client of this.#clients.values()) client.expect(kind);
  }

  drop(): void {
    for (const client of this.#clients.values()) client.drop();
  }

  note(): void {
    const load = performance.eventLoopUtilization();
    const arrived = [...this.#arrived].map(
      ([change, arrivals]) => [change, Float64Array.from(arrivals)] as const,
    );
    tell({
      is: 'noted',
      notes: {
        sent: this.#sent,
        arrived: new Map(arrived),
        broken: this.#broken,
        whole: [...this.#clients.values()].filter(({ wholeAt }) => wholeAt !== undefined).length,
        delayP99Ms: Math.max(0, this.#delay.percentile(99) / NANOSECONDS_PER_MS),
        delayMaxMs: Math.max(0, this.#delay.max / NANOSECONDS_PER_MS),
        load: performance.eventLoopUtilization(load, this.#load).utilization,
        residentMB: process.memoryUsage.rss() / MEGA,
      },
    });
    this.#load = load;
    this.#sent = [];
    this.#arrived = new Map();
    this.#seen = new Set();
    this.#broken = {};
    this.#delay.reset();
  }

  #noteArrival(client: number, change: number): void {
    const at = monotonicMs();
    const seen = change * this.#around.indexes.size + client;
    if (this.#seen.has(seen)) return;
    this.#seen.add(seen);
    const arrivals = this.#arrived.get(change);
    if (arrivals === undefined) this.#arrived.set(change, [client, at]);
    else arrivals.push(client, at);
  }

  #tellWhole(): void {
    if (!this.#isExpected) return;
    const clients = [...this.#clients.values()];
    const at = clients.flatMap(({ wholeAt }) => wholeAt ?? []);
    if (at.length < clients.length) return;
    this.#isExpected = false;
    const resumed = clients.filter(({ isResumed }) => isResumed).length;
    tell({ is: 'whole', at: Float64Array.from(at), resumed, stranded: this.#stranded });
    this.#stranded = 0;
    this.#wholeBefore = undefined;
  }

  #freeStranded(): void {
    if (!this.#isExpected) return;
    const lacking = [...this.#clients.values()].filter(({ isStranded }) => isStranded);
    const whole = this.#clients.size - lacking.length;
    const isStill = whole === this.#wholeBefore;
    this.#wholeBefore = whole;
    if (!isStill) return;
    this.#stranded += lacking.length;
    for (const client of lacking) client.drop();
  }
}

let worker: Worker | undefined;

async function obey(command: Command): Promise<void> {
  switch (command.do) {
    case 'begin': {
      const serverKey = parsePublicKey('machine', command.target.serverKey);
      if (serverKey === undefined) throw new Error('the server states no key');
      worker = new Worker({
        ...{ host: command.target.host, port: command.target.port, serverKey },
        ...{ crypto: createNodeCrypto(), random: createNodeRandom() },
        ...{ indexes: indexByKey(command.nodes), openFrame: await createFrameOpener() },
      });
      tell({ is: 'begun' });
      break;
    }
    case 'join':
      await worker?.join(command.members, command.atOnce);
      break;
    case 'change':
      worker?.change(command.index, command.change);
      break;
    case 'note':
      worker?.note();
      break;
    case 'expect':
      worker?.expect(command.kind);
      break;
    case 'drop':
      worker?.drop();
      break;
  }
}

process.on('message', (command: Command) => void obey(command));
// Nobody is left to be a client for.
process.on('disconnect', () => process.exit());
