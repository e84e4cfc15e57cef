/** The sending side of transfer-wire.ts: round trips and data. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededChunks } from './seeded-stream.js';
import { dataByte, hashBytes, headerBytes, pingByte, silenceMs } from './transfer-wire.js';

/** Odd, so that the median is a measured value. */
const pingCount = 11;

/** Sender and receiver are started together: the receiver may need this long to listen. */
const receiverStartMs = 5000;
const retryMs = 50;

const defaultSeed = 0x5eed;

/** Where a receiver listens. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** How long an application waits for an answer. */
export interface RoundTrips {
  /** Median. */
  readonly rttMs: number;
  /** All, in order. */
  readonly rttsMs: readonly number[];
}

/** What became of data. */
export interface Sent {
  readonly bytes: number;
  /** The receiver's hash is that of what was sent. */
  readonly intact: boolean;
  /** From the first byte of data until the receiver has the last, less half a round trip. */
  readonly durationMs: number;
  readonly megabitsPerSecond: number;
}

export type TransferResult = RoundTrips & Sent;

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
async function connectPatiently({ host, port }: Target): Promise<Socket> {
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

async function measure({ socket, reader }: Connection): Promise<RoundTrips> {
  const times: number[] = [];
  for (let count = 0; count < pingCount; count++) {
    const startedAt = performance.now();
    socket.write(Buffer.of(pingByte));
    await reader.read(1);
    times.push(performance.now() - startedAt);
  }
  const rttMs = [...times].sort((a, b) => a - b)[(pingCount - 1) / 2] ?? 0;
  return { rttMs: rounded(rttMs), rttsMs: times.map(rounded) };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

interface Connection {
  readonly socket: Socket;
  readonly reader: Reader;
}

async function open(target: Target): Promise<Connection> {
  const socket = await connectPatiently(target);
  socket.setTimeout(silenceMs, () => socket.destroy(new Error('the path is silent')));
  return { socket, reader: new Reader(socket) };
}

/** Sends data whose content follows from the seed, and ends the connection. */
async function send(
  { socket, reader }: Connection,
  bytes: number,
  seed: number,
  rttMs: number,
): Promise<Sent> {
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
    durationMs: rounded(durationMs),
    megabitsPerSecond: rounded((bytes * 8) / 1000 / durationMs),
  };
}

/** Round trips alone. */
export async function measureOnly(target: Target): Promise<RoundTrips> {
  const connection = await open(target);
  const result = await measure(connection);
  connection.socket.end();
  return result;
}

/** Data alone; `rttMs` is a round trip as measured before. */
export async function sendOnly(target: Target, bytes: number, rttMs: number): Promise<Sent> {
  return send(await open(target), bytes, defaultSeed, rttMs);
}

/** Round trips, then data on the same connection. */
export async function transfer(
  target: Target,
  bytes: number,
  seed: number = defaultSeed,
): Promise<TransferResult> {
  const connection = await open(target);
  const trips = await measure(connection);
  return { ...trips, ...(await send(connection, bytes, seed, trips.rttMs)) };
}
