/**
 * Moves data between two machines over TCP and measures what an application sees. Runs inside machines.
 *
 *     node transfer-agent.js receive ADDRESS:PORT          serves until it is killed; prints `listening`
 *     node transfer-agent.js send ADDRESS:PORT BYTES [SEED]   prints one line, a {@link TransferResult}
 *
 * One connection each. The sender first plays ping-pong, then sends and gets the receiver's hash:
 *
 *     > one byte 'p'                      < the same byte            several times: the round trip
 *     > 'd', length u64 big-endian, data  < SHA-256 of the data, 32 bytes; both close
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { endpointAddress, endpointPort, parseEndpoint } from '@warren/core/ip/address';
import { seededChunks } from './seeded-stream.js';

/** What `send` prints. */
export interface TransferResult {
  readonly bytes: number;
  /** The receiver's hash is that of what was sent. */
  readonly intact: boolean;
  /** Median application round trip. */
  readonly rttMs: number;
  /** All round trips, in order. */
  readonly rttsMs: readonly number[];
  /** From the first byte of data until the receiver has the last, less half a round trip. */
  readonly durationMs: number;
  readonly megabitsPerSecond: number;
}

/** Odd, so that the median is a measured value. */
const pingCount = 11;

const pingByte = 0x70;
const dataByte = 0x64;
const headerBytes = 9;
const hashBytes = 32;

/** Nobody sends more than this in a lab; a longer header is a stranger's connection. */
const maxTransferBytes = 2 ** 40;

/** A path that is silent for this long is dead. */
const silenceMs = 60_000;

/** Sender and receiver are started together: the receiver may need this long to listen. */
const receiverStartMs = 5000;
const retryMs = 50;

const defaultSeed = 0x5eed;

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  socket.setTimeout(silenceMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  let header = Buffer.alloc(0);
  let left = -1;
  const hash = createHash('sha256');
  socket.on('data', (input: Buffer) => {
    let chunk = input;
    while (left < 0 && header.length === 0 && chunk[0] === pingByte) {
      socket.write(chunk.subarray(0, 1));
      chunk = chunk.subarray(1);
    }
    if (left < 0) {
      const needed = headerBytes - header.length;
      header = Buffer.concat([header, chunk.subarray(0, needed)]);
      chunk = chunk.subarray(needed);
      if (header.length > 0 && header[0] !== dataByte) socket.destroy();
      if (header.length < headerBytes || socket.destroyed) return;
      left = Number(header.readBigUInt64BE(1));
      if (left > maxTransferBytes) socket.destroy();
    }
    hash.update(chunk);
    left -= chunk.length;
    if (left === 0) socket.end(hash.digest());
    else if (left < 0) socket.destroy();
  });
}

/** Reads exactly as many bytes as asked for. */
class Reader {
  private readonly chunks: AsyncIterator<Buffer>;
  private rest = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async read(lengthBytes: number): Promise<Buffer> {
    while (this.rest.length < lengthBytes) {
      const next = await this.chunks.next();
      if (next.done === true) throw new Error('the receiver closed the connection');
      this.rest = Buffer.concat([this.rest, next.value]);
    }
    const bytes = this.rest.subarray(0, lengthBytes);
    this.rest = this.rest.subarray(lengthBytes);
    return bytes;
  }
}

/** Connects; a receiver that is about to listen is waited for. */
async function connectPatiently(host: string, port: number): Promise<Socket> {
  const givenUpAt = performance.now() + receiverStartMs;
  for (;;) {
    const socket = connect({ host, port, noDelay: true });
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      const refused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
      if (!refused || performance.now() > givenUpAt) throw error;
      await sleep(retryMs);
    }
  }
}

async function roundTrips(socket: Socket, reader: Reader): Promise<number[]> {
  const times: number[] = [];
  for (let count = 0; count < pingCount; count++) {
    const startedAt = performance.now();
    socket.write(Buffer.of(pingByte));
    await reader.read(1);
    times.push(performance.now() - startedAt);
  }
  return times;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

async function transfer(
  host: string,
  port: number,
  bytes: number,
  seed: number,
): Promise<TransferResult> {
  const socket = await connectPatiently(host, port);
  socket.setTimeout(silenceMs, () => socket.destroy(new Error('the path is silent')));
  const reader = new Reader(socket);
  const times = await roundTrips(socket, reader);
  const rttMs = [...times].sort((a, b) => a - b)[(pingCount - 1) / 2] ?? 0;

  const header = Buffer.alloc(headerBytes);
  header[0] = dataByte;
  header.writeBigUInt64BE(BigInt(bytes), 1);
  const startedAt = performance.now();
  socket.write(header);
  const hash = createHash('sha256');
  for (const chunk of seededChunks(seed, bytes)) {
    hash.update(chunk);
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
  const answer = await reader.read(hashBytes);
  const durationMs = performance.now() - startedAt - rttMs / 2;
  socket.end();
  return {
    bytes,
    intact: answer.equals(hash.digest()),
    rttMs: rounded(rttMs),
    rttsMs: times.map(rounded),
    durationMs: rounded(durationMs),
    megabitsPerSecond: rounded((bytes * 8) / 1000 / durationMs),
  };
}

async function main([verb, where, size, seed]: readonly string[]): Promise<void> {
  const endpoint = parseEndpoint(where ?? '');
  const bytes = Number(size ?? Number.NaN);
  if (endpoint === undefined || (verb !== 'receive' && !(verb === 'send' && bytes >= 1))) {
    throw new Error('usage: transfer-agent receive ADDRESS:PORT | send ADDRESS:PORT BYTES [SEED]');
  }
  const host = endpointAddress(endpoint);
  const port = endpointPort(endpoint);
  if (verb === 'send') {
    const result = await transfer(host, port, bytes, Number(seed ?? defaultSeed));
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const server = createServer(serve);
  server.listen({ host, port });
  await once(server, 'listening');
  process.stdout.write('listening\n');
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
