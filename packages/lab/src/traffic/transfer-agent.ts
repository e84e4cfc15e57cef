/**
 * Moves data between two machines over TCP and measures what an application sees. Runs inside machines.
 *
 *     node transfer-agent.js receive ADDRESS:PORT          serves until it is killed; prints `listening`
 *     node transfer-agent.js send ADDRESS:PORT BYTES [SEED]   prints one line, a {@link TransferResult}
 *     node transfer-agent.js obey ADDRESS:PORT             receives, and does what stdin says until it ends
 *
 * `obey` spares a process per transfer: an {@link AgentOrder} a line in, an {@link AgentAnswer} a line out.
 */
import { createInterface } from 'node:readline';
import { endpointAddress, endpointPort, parseEndpoint } from '@warren/core/ip/address';
import { receive } from './transfer-receiver.js';
import {
  measureOnly,
  type RoundTrips,
  type Sent,
  sendOnly,
  type Target,
  transfer,
} from './transfer-sender.js';

export type { TransferResult } from './transfer-sender.js';

export interface AgentOrder {
  readonly id: number;
  /** `ADDRESS:PORT` of another agent. */
  readonly target: string;
  /** To send; absent: measure round trips. `rttMs` is one that was measured before. */
  readonly data?: { readonly bytes: number; readonly rttMs: number };
}

export interface AgentAnswer {
  readonly id: number;
  /** Of an order without data. */
  readonly roundTrips?: RoundTrips;
  /** Of an order with data. */
  readonly sent?: Sent;
  /** In their place when it failed. */
  readonly error?: string;
}

const usage = `usage: transfer-agent receive ADDRESS:PORT | send ADDRESS:PORT BYTES [SEED] | obey ADDRESS:PORT`;

function targetOf(text: string | undefined): Target {
  const endpoint = parseEndpoint(text ?? '');
  if (endpoint === undefined) throw new Error(usage);
  return { host: endpointAddress(endpoint), port: endpointPort(endpoint) };
}

function printLine(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function carryOut({ id, target, data }: AgentOrder): Promise<AgentAnswer> {
  try {
    const to = targetOf(target);
    if (data === undefined) return { id, roundTrips: await measureOnly(to) };
    return { id, sent: await sendOnly(to, data.bytes, data.rttMs) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}

async function obey(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    void carryOut(JSON.parse(line) as AgentOrder).then(printLine);
  }
  process.exit();
}

async function main([verb, where, size, seed]: readonly string[]): Promise<void> {
  if (verb === 'send') {
    const bytes = Number(size ?? Number.NaN);
    if (!(bytes >= 1)) throw new Error(usage);
    printLine(
      await transfer(targetOf(where), bytes, seed === undefined ? undefined : Number(seed)),
    );
    return;
  }
  if (verb !== 'receive' && verb !== 'obey') throw new Error(usage);
  const { host, port } = targetOf(where);
  await receive(host, port);
  process.stdout.write('listening\n');
  if (verb === 'obey') await obey();
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
