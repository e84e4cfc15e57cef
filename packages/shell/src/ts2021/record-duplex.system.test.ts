/** Two RecordDuplexes over a TCP connection on loopback, with the real records. */
import { once } from 'node:events';
import {
  connect as connectHttp2,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { clientRecordStream, serverRecordStream } from '@warren/core/ts2021/record-stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNodeCrypto } from '../crypto/node-crypto.js';
import { RecordDuplex } from './record-duplex.js';

const crypto = createNodeCrypto();
const keys = {
  clientToServer: new Uint8Array(32).fill(1),
  serverToClient: new Uint8Array(32).fill(2),
};
const NOTHING = new Uint8Array(0);

let server: Server;
let near: Socket;
let far: Socket;
let client: RecordDuplex;
let peer: RecordDuplex;

beforeEach(async () => {
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  [far] = (await once(server, 'connection')) as [Socket];
  client = new RecordDuplex(near, clientRecordStream(crypto, keys), NOTHING);
  peer = new RecordDuplex(far, serverRecordStream(crypto, keys), NOTHING);
  for (const end of [client, peer]) end.on('error', () => undefined);
});
afterEach(async () => {
  near.destroy();
  far.destroy();
  await new Promise((resolve) => server.close(resolve));
});

/** Everything that comes until the end. */
async function all(from: RecordDuplex): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of from as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

test('bytes of any amount arrive whole and in order, and the end with them', async () => {
  const text = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 255));
  const came = all(peer);
  for (let at = 0, length = 1; at < text.length; at += length, length = (length * 3) % 20_011) {
    client.write(text.subarray(at, at + length));
  }
  client.end();
  expect(await came).toEqual(text);
});

test('what came with the upgrade is read first', async () => {
  peer.destroy();
  const first = new RecordDuplex(far, serverRecordStream(crypto, keys), Buffer.from('early'));
  first.once('data', (bytes: Buffer) => expect(bytes.toString()).toBe('early'));
  await once(first, 'data');
});

test('a reader that does not read stops the sender, and gets all when it does', async () => {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let sent = 0;
  let isStopped = false;
  for (let i = 0; i < 1_000 && !isStopped; i++) {
    sent += chunk.length;
    if (client.write(chunk)) continue;
    isStopped = await Promise.race([
      once(client, 'drain').then(() => false),
      sleep(300).then(() => true),
    ]);
  }
  expect(isStopped).toBe(true);
  expect(peer.readableLength).toBeLessThan(256 * 1024);
  client.end();
  expect(await all(peer)).toHaveLength(sent);
});

test('a record that was touched on its way ends the stream with an error', async () => {
  const failed = once(peer, 'error');
  near.write(Buffer.from([4, 0, 17, ...new Uint8Array(17)]));
  const [error] = (await failed) as [Error];
  expect(error.message).toBe('the ts2021 records are broken: record-forged');
  if (!far.destroyed) await once(far, 'close');
  expect(peer.destroyed).toBe(true);
});

test.each(['near', 'far'] as const)(
  'a connection that breaks (%s) ends both, without a throw',
  async (which) => {
    peer.resume();
    client.resume();
    const closed = Promise.all([once(client, 'close'), once(peer, 'close')]);
    (which === 'near' ? near : far).destroy();
    await closed;
    const refused = new Promise((resolve) => client.write('late', resolve));
    expect(await refused).toBeInstanceOf(Error);
  },
);

test('destroying one end closes the connection under it', async () => {
  peer.resume();
  client.destroy();
  await once(peer, 'close');
  expect(near.destroyed).toBe(true);
});

test('a message on an HTTP/2 stream is one record, its frame head and body together', async () => {
  const session = performServerHandshake(peer);
  session.on('error', () => undefined);
  const asking = connectHttp2('http://inside', { createConnection: () => client });
  asking.on('error', () => undefined);
  const answered = once(session, 'stream') as Promise<[ServerHttp2Stream]>;
  const asked = asking.request({ ':path': '/', ':method': 'POST' });
  asked.on('error', () => undefined);
  const [stream] = await answered;
  stream.on('error', () => undefined);
  const begun = once(asked, 'response');
  stream.respond({ ':status': 200 });
  await begun;
  const onTheWire: Buffer[] = [];
  near.on('data', (bytes: Buffer) => void onTheWire.push(bytes));
  for (let i = 0; i < 5; i++) {
    const came = once(asked, 'data');
    stream.write(Buffer.alloc(100, i));
    await came;
  }
  // Each: the record's head 3, HTTP/2's 9, and the tag 16.
  expect(Buffer.concat(onTheWire)).toHaveLength(5 * (3 + 9 + 100 + 16));
  asking.destroy();
  session.destroy();
});

test('an HTTP/2 server lives through clients that end in the midst of their requests', async () => {
  let ended = 0;
  const crashes: unknown[] = [];
  const note = (error: unknown): void => void crashes.push(error);
  process.on('uncaughtException', note);
  const sessions: ServerHttp2Session[] = [];
  const port = await new Promise<number>((resolve) => {
    const listening = createServer((socket) => {
      const records = serverRecordStream(crypto, keys);
      const duplex = new RecordDuplex(socket, records, NOTHING);
      duplex.on('error', () => undefined);
      const session = performServerHandshake(duplex);
      sessions.push(session);
      session.on('error', () => undefined);
      session.on('close', () => void ended++);
      session.on('stream', (stream: ServerHttp2Stream) => {
        stream.on('error', () => undefined);
        stream.respond({ ':status': 200 });
        stream.write('the first frame of a stream that stays open');
      });
    }).listen(0, '127.0.0.1', () => resolve((listening.address() as AddressInfo).port));
    far.on('close', () => listening.close());
  });
  const clients = 60;
  for (let i = 0; i < clients; i++) {
    const socket = connect(port, '127.0.0.1');
    const duplex = new RecordDuplex(socket, clientRecordStream(crypto, keys), NOTHING);
    duplex.on('error', () => undefined);
    const session = connectHttp2('http://inside', { createConnection: () => duplex });
    session.on('error', () => undefined);
    for (let request = 0; request < 3; request++) {
      session
        .request({ ':path': '/', ':method': 'POST' })
        .on('error', () => undefined)
        .write('x');
    }
    await sleep(i % 8);
    if (i % 2 === 0) socket.end();
    else duplex.destroy();
  }
  for (const until = performance.now() + 20_000; ended < clients; await sleep(20)) {
    if (performance.now() > until) break;
  }
  process.off('uncaughtException', note);
  expect(crashes).toEqual([]);
  expect(ended).toBe(sessions.length);
  expect(ended).toBeGreaterThan(clients / 2);
});
