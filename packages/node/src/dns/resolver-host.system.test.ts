import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { isFailure } from '@warren/core/base/failure';
import { encodeAnswer, encodeQuery, fitAnswer } from '@warren/core/dns/encode';
import { type DnsMessage, decodeMessage, FLAG, RCODE, TYPE } from '@warren/core/dns/message';
import type { DnsName } from '@warren/core/dns/name';
import { emptyConfig } from '@warren/core/dns/resolver-config';
import { parseUpstream, type Upstream } from '@warren/core/dns/upstream';
import type { IpAddress } from '@warren/core/ip/address';
import { systemClock } from '@warren/shell/clock';
import { createNodeRandom } from '@warren/shell/random/node-random';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ResolverHost } from './resolver-host.js';
import { ServiceSockets } from './service-sockets.js';
import { FrameReader, frameMessage } from './tcp-frames.js';

function read(bytes: Uint8Array): DnsMessage {
  const message = decodeMessage(bytes);
  if (isFailure(message)) throw new Error(message.reason);
  return message;
}

/** A name server of the test: answers with as many addresses as the name says, over both transports. */
class NameServer {
  readonly udp: UdpSocket = createSocket('udp4');
  readonly tcp: Server;
  readonly asked: string[] = [];
  port = 0;

  constructor() {
    this.udp.on('message', (bytes, from) => {
      this.asked.push('udp');
      this.udp.send(this.#answer(bytes, 512), from.port, from.address);
    });
    this.tcp = createServer((socket) => {
      const frames = new FrameReader();
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => {
        for (const message of frames.push(chunk)) {
          this.asked.push('tcp');
          // In two pieces, as networks do it.
          const frame = frameMessage(this.#answer(message, 65_535));
          socket.write(frame.subarray(0, 1));
          setTimeout(() => socket.write(frame.subarray(1)), 5);
        }
      });
    });
  }

  async start(): Promise<void> {
    this.tcp.listen(0, '127.0.0.1');
    await once(this.tcp, 'listening');
    this.port = (this.tcp.address() as { port: number }).port;
    this.udp.bind(this.port, '127.0.0.1');
    await once(this.udp, 'listening');
  }

  close(): void {
    this.udp.close();
    this.tcp.close();
  }

  #answer(bytes: Uint8Array, limit: number): Uint8Array {
    const query = read(new Uint8Array(bytes));
    const count = Number(query.question.name.split('.')[0]);
    const records = Array.from({ length: count }, (_, i) => ({
      type: TYPE.a,
      ttlS: 60,
      data: Uint8Array.of(192, 0, 2, i),
    }));
    const own = { rcode: RCODE.noError, authoritative: false, records };
    return fitAnswer(query, encodeAnswer(query, new Uint8Array(bytes), own), limit);
  }
}

let server: NameServer;
let host: ResolverHost;

beforeEach(async () => {
  server = new NameServer();
  await server.start();
  host = new ResolverHost(createNodeRandom(), systemClock);
});
afterEach(() => {
  host.close();
  server.close();
});

const upstream = (text: string): Upstream => parseUpstream(text) as Upstream;

function queryOf(name: string, edns = true): Uint8Array {
  const question = { name: name as DnsName, type: TYPE.a, class: 1 };
  return encodeQuery({ id: 77, question, dnssecOk: false, checkingDisabled: false, edns });
}

function ask(name: string, transport: 'udp' | 'tcp' = 'tcp'): Promise<DnsMessage> {
  return new Promise((resolve, reject) => {
    host.query(transport, queryOf(name), (answer) => {
      if (answer === undefined) reject(new Error('no answer'));
      else resolve(read(answer));
    });
  });
}

test('a name server is asked over UDP, over TCP what is too long, and once for what is kept', async () => {
  host.configure({ ...emptyConfig(), defaults: [upstream(`127.0.0.1:${server.port}`)] });
  expect((await ask('3.example')).records).toHaveLength(3);
  expect((await ask('3.example')).records).toHaveLength(3);
  expect(server.asked).toEqual(['udp']);
  expect((await ask('200.example')).records).toHaveLength(200);
  expect(server.asked).toEqual(['udp', 'udp', 'tcp']);
});

test('a port where nobody listens is known at once, and the next server answers', async () => {
  const closed = createSocket('udp4').bind(0, '127.0.0.1');
  await once(closed, 'listening');
  const dead = closed.address().port;
  closed.close();
  await once(closed, 'close');
  const defaults = [upstream(`127.0.0.1:${dead}`), upstream(`127.0.0.1:${server.port}`)];
  host.configure({ ...emptyConfig(), defaults });
  expect((await ask('1.example')).records).toHaveLength(1);
  expect(host.counters()['dns-upstream-unreachable']).toBe(1);
});

test('over HTTPS nobody is asked, and the failure says so at once', async () => {
  host.configure({ ...emptyConfig(), defaults: [upstream('https://dns.example/dns-query')] });
  expect((await ask('1.example')).flags & 15).toBe(RCODE.serverFailure);
});

test('clients over UDP and TCP; strangers get nothing', async () => {
  host.configure({ ...emptyConfig(), defaults: [upstream(`127.0.0.1:${server.port}`)] });
  let isWelcome = true;
  const up = new Promise<void>((resolve) => {
    const ears = new ServiceSockets(
      {
        onQuery: (transport, bytes, reply) => host.query(transport, bytes, reply),
        mayAsk: () => isWelcome,
        onDropped: (reason) => host.dropped(reason),
        onState: (_, problem) => problem === undefined && resolve(),
      },
      EAR_PORT,
    );
    ears.want(['127.0.0.77' as IpAddress]);
    opened.push(ears);
  });
  await up;
  const client = createSocket('udp4');
  client.send(queryOf('100.example', false), EAR_PORT, '127.0.0.77');
  const [cut] = (await once(client, 'message')) as [Buffer];
  expect(read(new Uint8Array(cut)).flags & FLAG.truncated).not.toBe(0);
  const stream = connect(EAR_PORT, '127.0.0.77');
  // Two at once, cut anywhere.
  const frames = Buffer.concat([
    frameMessage(queryOf('100.example')),
    frameMessage(queryOf('2.example')),
  ]);
  stream.write(frames.subarray(0, 20));
  setTimeout(() => stream.write(frames.subarray(20)), 5);
  const answers: number[] = [];
  const reader = new FrameReader();
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (const message of reader.push(chunk)) answers.push(read(message).records.length);
    if (answers.length === 2) break;
  }
  expect(answers.sort((a, b) => a - b)).toEqual([2, 100]);
  isWelcome = false;
  client.send(queryOf('1.example'), EAR_PORT, '127.0.0.77');
  const refused = connect(EAR_PORT, '127.0.0.77').resume();
  await once(refused, 'close');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(host.counters()['dns-stranger']).toBe(2);
  client.close();
});

/** High, and nobody's; the address is this test's own. */
const EAR_PORT = 20_053;
const opened: ServiceSockets[] = [];
afterEach(() => {
  for (const ears of opened.splice(0)) ears.want([]);
});
