/**
 * Datagrams of every size there and back, byte for byte. Runs inside machines.
 *
 *     node udp-sizes.js answer ADDRESS:PORT            sends back what comes; prints `listening`
 *     node udp-sizes.js ask ADDRESS:PORT FIRST LAST    prints a {@link SizesReport}
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '@warren/core/base/assert';
import {
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
  parseEndpoint,
} from '@warren/core/ip/address';
import { payloadOf } from '@warren/core/offload/testing/packets';

export interface SizesReport {
  readonly asked: number;
  /** Sizes that came back other than they went. */
  readonly wrong: readonly number[];
  /** Sizes that never came back. */
  readonly missing: readonly number[];
}

/** At a time: far below what any queue on the way takes. */
const WINDOW = 32;
const PATIENCE_MS = 3_000;
const POLL_MS = 2;
/** UDP may lose; a busy computer more. */
const TRIES = 3;

function socketFor(address: IpAddress): Socket {
  return createSocket(familyOf(address) === 4 ? 'udp4' : 'udp6');
}

async function answer(address: IpAddress, port: number): Promise<void> {
  const socket = socketFor(address);
  socket.on('message', (bytes, from) =>
    socket.send(bytes, from.port, from.address, () => undefined),
  );
  socket.bind(port, address);
  await once(socket, 'listening');
  process.stdout.write('listening\n');
}

async function ask(
  address: IpAddress,
  port: number,
  sizes: readonly number[],
): Promise<SizesReport> {
  const wrong: number[] = [];
  const missing: number[] = [];
  for (let i = 0; i < sizes.length; i += WINDOW) {
    let left = sizes.slice(i, i + WINDOW);
    for (let tries = 0; tries < TRIES && left.length > 0; tries++) {
      left = await askOnce(address, port, left, tries, wrong);
    }
    missing.push(...left);
  }
  return { asked: sizes.length, wrong, missing };
}

/** Answers the sizes that did not come back. Every try has another port and other bytes, so other checksums. */
async function askOnce(
  address: IpAddress,
  port: number,
  sizes: readonly number[],
  tries: number,
  wrong: number[],
): Promise<number[]> {
  const wanted = new Map(
    sizes.map((size) => [size, Buffer.from(payloadOf(size, size + 4_099 * tries))]),
  );
  const socket = socketFor(address);
  socket.on('message', (bytes) => {
    const sent = wanted.get(bytes.length);
    if (sent !== undefined && !bytes.equals(sent)) wrong.push(bytes.length);
    wanted.delete(bytes.length);
  });
  for (const bytes of wanted.values()) socket.send(bytes, port, address, () => undefined);
  const givenUpAt = performance.now() + PATIENCE_MS;
  while (wanted.size > 0 && performance.now() < givenUpAt) await sleep(POLL_MS);
  socket.close();
  return [...wanted.keys()];
}

const [verb, where, first, last] = process.argv.slice(2);
const target = parseEndpoint(where ?? '');
assert(target !== undefined && (verb === 'answer' || verb === 'ask'), 'a verb and an endpoint');
const [address, port] = [endpointAddress(target), endpointPort(target)];
if (verb === 'answer') {
  await answer(address, port);
} else {
  const count = Number(last) - Number(first) + 1;
  const sizes = Array.from({ length: count }, (_, i) => Number(first) + i);
  process.stdout.write(`${JSON.stringify(await ask(address, port, sizes))}\n`);
}
