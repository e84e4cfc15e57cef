/** Against Node's own server of HTTP/2. */
import { once } from 'node:events';
import { performServerHandshake, type ServerHttp2Stream } from 'node:http2';
import { duplexPair } from 'node:stream';
import { expect, test } from 'vitest';
import { Http2Client, statusOf } from './http2-client.js';

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly isWhole: boolean;
}

/** A client whose server answers by `serve`; `cut`: bytes that the client gets at a time. */
function clientOf(
  serve: (stream: ServerHttp2Stream, path: string, body: string) => void,
  cut = Number.POSITIVE_INFINITY,
) {
  const [near, far] = duplexPair();
  const session = performServerHandshake(far);
  session.on('error', () => undefined);
  session.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    let body = '';
    stream.setEncoding('utf8');
    stream.on('data', (part: string) => {
      body += part;
    });
    stream.on('end', () => serve(stream, String(headers[':path']), body));
  });
  const client = new Http2Client('hub.example', (bytes) => near.write(bytes));
  near.on('data', (bytes: Buffer) => {
    for (let at = 0; at < bytes.length; at += cut) {
      client.receive(Buffer.from(bytes.subarray(at, at + cut)));
    }
  });
  const post = (path: string, text: string): Promise<Answer> =>
    new Promise((resolve) => {
      let [status, body] = [0, ''];
      client.post(path, text, {
        onStatus: (told) => {
          status = told;
        },
        onData: (bytes) => {
          body += bytes.toString();
        },
        onEnd: (isWhole) => resolve({ status, body, isWhole }),
      });
    });
  return { client, session, post };
}

test.each([1, 7, 100_000])('requests are answered when %d bytes come at a time', async (cut) => {
  const { post, session } = clientOf((stream, path, body) => {
    stream.respond({ ':status': 200, 'x-path': path });
    stream.end(`${path} ${body.length}`);
  }, cut);
  const answers = await Promise.all([
    post('/machine/map', 'x'),
    post('/b', ''),
    post('/long', 'y'.repeat(40_000)),
  ]);
  expect(answers).toEqual([
    { status: 200, body: '/machine/map 1', isWhole: true },
    { status: 200, body: '/b 0', isWhole: true },
    { status: 200, body: '/long 40000', isWhole: true },
  ]);
  session.destroy();
});

test('long answers need no window of ours, and many requests none of theirs', async () => {
  const { post, session } = clientOf((stream) => {
    stream.respond({ ':status': 200 });
    stream.end('z'.repeat(3_000_000));
  });
  expect((await post('/', '')).body.length).toBe(3_000_000);
  for (let i = 0; i < 20; i++) await post('/', 'y'.repeat(10_000));
  session.destroy();
});

test.each([200, 204, 206, 301, 400, 401, 404, 429, 500, 501, 503, 567])(
  'status %d is read',
  async (status) => {
    const { post, session } = clientOf((stream) =>
      stream.respond({ ':status': status }, { endStream: true }),
    );
    expect((await post('/', '')).status).toBe(status);
    session.destroy();
  },
);

test('a status that is no text of digits is told apart', () => {
  expect(statusOf(Uint8Array.of(0x48, 0x03, 0x34, 0x32, 0x39))).toBe(429);
  expect(statusOf(Uint8Array.of(0x20, 0x88))).toBe(200);
  expect(statusOf(Uint8Array.of(0xbe))).toBe(0);
  expect(statusOf(new Uint8Array(0))).toBe(0);
});

test('pings are answered, and a reset ends a request', async () => {
  const { post, session } = clientOf((stream) => stream.close(2));
  await once(session, 'remoteSettings');
  await new Promise<void>((resolve, reject) => {
    session.ping((error) => (error === null ? resolve() : reject(error)));
  });
  expect(await post('/', '')).toEqual({ status: 0, body: '', isWhole: false });
  session.destroy();
});
