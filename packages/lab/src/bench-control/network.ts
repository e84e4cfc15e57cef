/** One server and its fleet, joined: what all figures are measured on. */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { untilResting } from '../bench/rest.js';
import { quantile } from '../figures/statistics.js';
import {
  type Contender,
  type ControlServer,
  createServer,
  type ServerOptions,
} from './contenders.js';
import { CHANGES_MAX } from './fleet/changes.js';
import { Fleet } from './fleet/fleet.js';
import { type Kind, type Member, monotonicMs } from './fleet/protocol.js';
import { type FleetFigures, fleetFigures, Hearing, type HearingFigures } from './hearing.js';
import type { NetworkPlan } from './network-plan.js';
import { cpuSecondsOf, type Memory, MemoryWatch } from './process-meter.js';

/** Registrations under way at a time: a crowd, and not more than a server lets wait. */
export const JOINING_AT_ONCE = 64;
/** Changes that arrive later than this count as lost. */
const LATE_MS = 20_000;
const LOOK_MS = 250;
/** A prime: changes go round the network in no order of its own. */
const STRIDE = 7_919;
const MS = 1_000;

export interface NetworkOptions extends Omit<ServerOptions, 'policy'> {
  readonly contender: Contender;
  readonly plan: NetworkPlan;
  readonly processes: number;
  /** What the server takes by itself is seen for so long. */
  readonly idleMs: number;
  /** For any one thing to happen. */
  readonly limitMs: number;
}

export interface Joined {
  /** From the first registration until each node knew all that it may see. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Streams that were opened anew because what they lacked did not come. */
  readonly stranded: number;
}

export interface ChangeFigures extends HearingFigures {
  readonly perSecond: number;
  readonly changes: number;
  /** What the server took, in processors. */
  readonly cpu: number;
  /** The same by change, without what it takes when nothing changes. */
  readonly cpuMsPerChange: number;
  readonly idleCpu: number;
  /** Medians of a sample a second, and the most that was ever resident. */
  readonly memory: Memory;
}

export interface RestartFigures {
  readonly kind: Kind;
  /** From the kill until a half of all, and all, have their maps. */
  readonly halfSeconds: number;
  readonly seconds: number;
  /** From the kill until the server answers. */
  readonly readySeconds: number;
  /** What the new process took until then. */
  readonly cpuSeconds: number;
  /** How many were sent only what changed. */
  readonly resumed: number;
  readonly stranded: number;
  readonly fleet: FleetFigures;
}

export class ControlNetwork {
  readonly joined: Joined;
  readonly #options: NetworkOptions;
  readonly #server: ControlServer;
  readonly #fleet: Fleet;
  #lastChange = 0;
  #arePrimed = false;

  private constructor(
    options: NetworkOptions,
    server: ControlServer,
    fleet: Fleet,
    joined: Joined,
  ) {
    this.#options = options;
    this.#server = server;
    this.#fleet = fleet;
    this.joined = joined;
  }

  /** A server that is new, and everybody in. */
  static async start(options: NetworkOptions): Promise<ControlNetwork> {
    const { contender, plan, processes, limitMs, directory } = options;
    const server = createServer(contender, { ...options, policy: plan.policy });
    let fleet: Fleet | undefined;
    try {
      const target = await server.process.start();
      const members = await membersOf(plan, server);
      fleet = await Fleet.start(processes, target, plan.nodes);
      const { firstAt, at, stranded } = await fleet
        .join(members, JOINING_AT_ONCE, limitMs)
        .catch(async (error: unknown) => {
          throw await explained(error, plan, fleet);
        });
      const joined = {
        seconds: ((at.at(-1) ?? firstAt) - firstAt) / MS,
        cpuSeconds: cpuSecondsOf(server.process.pid),
        stranded,
      };
      await untilResting(() => cpuSecondsOf(server.process.pid));
      return new ControlNetwork(options, server, fleet, joined);
    } catch (error) {
      await fleet?.close();
      await server.process.end('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Has endpoints change, of all nodes in turn or of one alone, and measures who hears of it when. */
  async measureChanges(
    perSecond: number,
    changes: number,
    speaker?: number,
  ): Promise<ChangeFigures> {
    const { plan } = this.#options;
    const { pid } = this.#server.process;
    const idleCpu = await this.#idleCpu();
    await this.#fleet.notes();
    const watch = new MemoryWatch(pid);
    const [cpuBefore, startAt] = [cpuSecondsOf(pid), monotonicMs()];
    const speakers = new Map<number, number>();
    for (let sent = 0; sent < changes; sent++) {
      await sleepUntil(startAt + (sent * MS) / perSecond);
      const index = speaker ?? (this.#lastChange * STRIDE) % plan.nodes;
      this.#lastChange = (this.#lastChange + 1) % CHANGES_MAX;
      speakers.set(this.#lastChange, index);
      this.#fleet.change(index, this.#lastChange);
    }
    const windowMs = (changes * MS) / perSecond;
    await sleepUntil(startAt + windowMs);
    const heard = await this.#hear(speakers);
    const elapsedMs = monotonicMs() - startAt;
    const cpuSeconds = cpuSecondsOf(pid) - cpuBefore;
    const extraMs = cpuSeconds * MS - idleCpu * elapsedMs;
    return {
      perSecond,
      changes,
      ...heard,
      cpu: (cpuSeconds * MS) / elapsedMs,
      cpuMsPerChange: Math.max(0, extraMs) / changes,
      idleCpu,
      memory: medianMemory(await watch.end()),
    };
  }

  /** Kills the server, starts it on what it had stored, and waits until everybody is back. */
  async restart(kind: Kind): Promise<RestartFigures> {
    const { limitMs, plan } = this.#options;
    if (kind === 'resuming' && !this.#arePrimed) await this.#prime();
    const { process } = this.#server;
    await this.#fleet.notes();
    const back = this.#fleet.expect(kind, limitMs);
    const killedAt = monotonicMs();
    await process.end('SIGKILL');
    await process.start();
    const readyAt = monotonicMs();
    const { at, resumed, stranded } = await back.catch(async (error: unknown) => {
      throw await explained(error, plan, this.#fleet);
    });
    const since = (moment = killedAt): number => (moment - killedAt) / MS;
    return {
      kind,
      halfSeconds: since(at[at.length >> 1]),
      seconds: since(at.at(-1)),
      readySeconds: since(readyAt),
      cpuSeconds: cpuSecondsOf(process.pid),
      resumed,
      stranded,
      fleet: fleetFigures(await this.#fleet.notes()),
    };
  }

  /** Ends everything, and removes what the server wrote. */
  async close(): Promise<void> {
    await this.#fleet.close();
    // Only a process that ends by itself writes its profile.
    await this.#server.process.end(this.#options.profile === undefined ? 'SIGKILL' : 'SIGTERM');
    rmSync(this.#options.directory, { recursive: true, force: true });
  }

  /** Lets clients get to hold what they are to resume with. */
  async #prime(): Promise<void> {
    const back = this.#fleet.expect('resuming', this.#options.limitMs);
    this.#fleet.drop();
    await back;
    await untilResting(() => cpuSecondsOf(this.#server.process.pid));
    this.#arePrimed = true;
  }

  async #idleCpu(): Promise<number> {
    const { pid } = this.#server.process;
    const [cpuBefore, startAt] = [cpuSecondsOf(pid), monotonicMs()];
    await sleep(this.#options.idleMs);
    return ((cpuSecondsOf(pid) - cpuBefore) * MS) / (monotonicMs() - startAt);
  }

  /** Waits until all have heard of the changes, or it is too late. */
  async #hear(speakers: ReadonlyMap<number, number>): Promise<HearingFigures> {
    const hearing = new Hearing(this.#options.plan, speakers);
    const deadline = monotonicMs() + LATE_MS;
    for (;;) {
      for (const notes of await this.#fleet.notes()) hearing.take(notes);
      if (hearing.missing === 0 || monotonicMs() > deadline) return hearing.figures();
      await sleep(LOOK_MS);
    }
  }
}

async function membersOf(plan: NetworkPlan, server: ControlServer): Promise<Member[]> {
  const keys = new Map<string | undefined, string>();
  const members: Member[] = [];
  for (let index = 0; index < plan.nodes; index++) {
    const tag = plan.tagOf(index);
    const authKey = keys.get(tag) ?? (await server.authKey(tag));
    keys.set(tag, authKey);
    members.push({ index, authKey, peers: plan.peersOf(index) });
  }
  return members;
}

/** A wait that was too long, with what the fleet knows of it. */
async function explained(error: unknown, plan: NetworkPlan, fleet?: Fleet): Promise<Error> {
  const reason = error instanceof Error ? error.message : String(error);
  const notes = (await fleet?.notes().catch(() => [])) ?? [];
  const whole = notes.reduce((sum, note) => sum + note.whole, 0);
  const broken = notes.flatMap((note) => Object.entries(note.broken));
  const causes = broken.map(([cause, count]) => `${cause} (${count})`).slice(0, 5);
  return new Error(
    `${reason}; ${whole} of ${plan.nodes} clients had their maps; ${causes.join(', ')}`,
  );
}

function medianMemory(samples: readonly Memory[]): Memory {
  const median = (of: (memory: Memory) => number): number => quantile(samples.map(of), 0.5);
  return {
    rssMB: median(({ rssMB }) => rssMB),
    pssMB: median(({ pssMB }) => pssMB),
    peakMB: Math.max(...samples.map(({ peakMB }) => peakMB)),
  };
}

async function sleepUntil(at: number): Promise<void> {
  const restMs = at - monotonicMs();
  if (restMs > 0) await sleep(restMs);
}
