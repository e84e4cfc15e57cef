/** Data between the machines of a network through the overlay, and how much of it a relay of ours carried. */
import { once } from 'node:events';
import { statsSocketOf } from '../mesh/places.js';
import { getJson } from '../mesh/socket-json.js';
import { scriptArgv } from '../scripts.js';
import type { TransferResult } from '../traffic/transfer-agent.js';
import type { World } from '../world/world.js';
import { SOCKS_PORT } from './stock-client.js';

const RECEIVER_PORT = 7100;
/** On a machine with a userspace daemon: the port that leads into the overlay. */
const FORWARD_PORT = 7200;
/** A transfer through two processes and a relay on a busy machine. */
const TRANSFER_MS = 120_000;

interface RelayPairs {
  readonly pairs: readonly {
    readonly source: string;
    readonly target: string;
    readonly dataBytes: number;
  }[];
}

/** A receiver for {@link send} and {@link sendThroughSocks}; `address` is 127.0.0.1 behind a userspace daemon. */
export async function receive(world: World, machine: string, address: string): Promise<void> {
  const argv = scriptArgv('traffic/transfer-agent', 'receive', `${address}:${RECEIVER_PORT}`);
  const receiver = world.exec(machine, argv, { stderr: { file: '/run/receiver.log' } });
  if (receiver.stdout !== null) await once(receiver.stdout, 'data');
}

/** Sends bytes to the receiver at an overlay address. */
export async function send(
  world: World,
  from: string,
  address: string,
  bytes: number,
): Promise<TransferResult> {
  return transfer(world, from, `${address}:${RECEIVER_PORT}`, bytes);
}

/** As {@link send}, from a machine whose daemon has no TUN, to a machine by name or address. */
export async function sendThroughSocks(
  world: World,
  from: string,
  host: string,
  bytes: number,
): Promise<TransferResult> {
  const ports = [String(FORWARD_PORT), String(SOCKS_PORT)];
  const argv = scriptArgv('interop/socks-forward', ...ports, host, String(RECEIVER_PORT));
  const forward = world.exec(from, argv, { stderr: { file: '/run/socks-forward.log' } });
  try {
    if (forward.stdout !== null) await once(forward.stdout, 'data');
    return await transfer(world, from, `127.0.0.1:${FORWARD_PORT}`, bytes);
  } finally {
    forward.kill('SIGKILL');
    await forward.exited;
  }
}

async function transfer(
  world: World,
  from: string,
  endpoint: string,
  bytes: number,
): Promise<TransferResult> {
  const argv = scriptArgv('traffic/transfer-agent', 'send', endpoint, String(bytes));
  const { stdout, stderr } = await world.run(from, argv, { timeoutMs: TRANSFER_MS });
  if (stdout === '') throw new Error(`from ${from} to ${endpoint}: ${stderr || 'not in time'}`);
  return JSON.parse(stdout) as TransferResult;
}

/** Bytes of data (not disco) that the relay of `place` carried since its start from one of two nodes to the other. */
export async function relayedBytes(
  world: World,
  place: string,
  nodeKeys: readonly string[],
): Promise<number> {
  const keys = nodeKeys.map((key) => key.replace(/^nodekey:/, ''));
  const { pairs } = await getJson<RelayPairs>(statsSocketOf(world, place), 'stats', '/stats');
  return pairs
    .filter(({ source, target }) => keys.includes(source) && keys.includes(target))
    .reduce((sum, { dataBytes }) => sum + dataBytes, 0);
}
