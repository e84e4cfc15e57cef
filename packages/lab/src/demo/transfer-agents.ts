/** An agent on each machine that sends to and receives from the others while the demo measures. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { LabError } from '../errors.js';
import { scriptArgv } from '../scripts.js';
import type { AgentAnswer, AgentOrder } from '../traffic/transfer-agent.js';
import type { RoundTrips, Sent } from '../traffic/transfer-sender.js';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';

/** Where each agent listens, inside the mesh. */
const AGENT_PORT = 7100;
/** A transfer that takes longer has failed. */
const ORDER_TIMEOUT_MS = 120_000;

/** Of an agent: its process, and who waits for which answer. */
interface Agent {
  readonly process: WorldProcess;
  readonly waiting: Map<number, (answer: AgentAnswer | undefined) => void>;
}

export class TransferAgents {
  readonly #agents = new Map<string, Agent>();
  #nextId = 1;

  /** Starts one on every machine, on all addresses of its family; resolves when all listen. */
  static async start(
    world: World,
    machines: readonly string[],
    listenAt: '0.0.0.0' | '[::]' = '0.0.0.0',
  ): Promise<TransferAgents> {
    const agents = new TransferAgents();
    await Promise.all(machines.map((machine) => agents.#start(world, machine, listenAt)));
    return agents;
  }

  /** How long an application on `from` waits for an answer from an overlay address; undefined: none came. */
  async measure(from: string, address: string): Promise<RoundTrips | undefined> {
    return (await this.#order(from, { target: targetOf(address) }))?.roundTrips;
  }

  /** Sends so many bytes; undefined: they did not arrive. `rttMs` is a round trip measured before. */
  async send(
    from: string,
    address: string,
    bytes: number,
    rttMs: number,
  ): Promise<Sent | undefined> {
    return (await this.#order(from, { target: targetOf(address), data: { bytes, rttMs } }))?.sent;
  }

  /** Ends them. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#agents.values()].map(({ process }) => {
        process.stdin?.end();
        return process.exited.catch(() => undefined);
      }),
    );
  }

  async #start(world: World, machine: string, listenAt: string): Promise<void> {
    const argv = scriptArgv('traffic/transfer-agent', 'obey', `${listenAt}:${AGENT_PORT}`);
    const process = world.exec(machine, argv, { stdin: 'pipe', stderr: 'ignore' });
    const agent: Agent = { process, waiting: new Map() };
    this.#agents.set(machine, agent);
    const { stdout } = process;
    if (stdout === null) return;
    const lines = createInterface({ input: stdout });
    const failed = new LabError(
      'LAB_NOT_READY',
      `the transfer agent of ${machine} did not come up`,
      'start the demo again',
    );
    const ended = once(lines, 'close').then(() => {
      throw failed;
    });
    await Promise.race([once(lines, 'line'), ended]);
    ended.catch(() => {
      for (const answer of agent.waiting.values()) answer(undefined);
    });
    lines.on('line', (line) => {
      const answer = JSON.parse(line) as AgentAnswer;
      agent.waiting.get(answer.id)?.(answer);
    });
  }

  async #order(from: string, order: Omit<AgentOrder, 'id'>): Promise<AgentAnswer | undefined> {
    const agent = this.#agents.get(from);
    if (agent === undefined) return undefined;
    const id = this.#nextId++;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<AgentAnswer | undefined>((resolve) => {
        agent.waiting.set(id, resolve);
        timer = setTimeout(() => resolve(undefined), ORDER_TIMEOUT_MS);
        agent.process.stdin?.write(`${JSON.stringify({ id, ...order })}\n`);
      });
    } finally {
      clearTimeout(timer);
      agent.waiting.delete(id);
    }
  }
}

function targetOf(address: string): string {
  return `${address.includes(':') ? `[${address}]` : address}:${AGENT_PORT}`;
}
