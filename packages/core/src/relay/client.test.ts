import { describe, expect, test } from 'vitest';
import { concatBytes, hexLiteral } from '../base/bytes.js';
import { after, type Instant, instant } from '../base/instant.js';
import { mutations } from '../base/mutations.js';
import { SeededRandom } from '../base/seeded-random.js';
import { nobleCrypto as crypto } from '../crypto/noble.js';
import { publicKeyBytes, publicKeyFromBytes } from '../keys/keys.js';
import type { Random } from '../ports.js';
import { RelayClient, type RelayClientOptions } from './client.js';
import * as encode from './encode-frames.js';
import { FrameType } from './frames.js';
import { sealServerInfo, shareKey, type TokenBucketLimit } from './hello.js';
import type { RelayClientOutput } from './io.js';
import { clientNonce, FRAMES, keyA, keyB, packet, privateKeyA, serverKey } from './vectors.js';

const start = instant(5000);

/** Gives the vector's nonce first, then anything. */
function vectorRandom(): Random {
  const rest = new SeededRandom(7);
  let first = true;
  return {
    fill(target) {
      if (!first) return rest.fill(target);
      first = false;
      target.set(clientNonce);
      return target;
    },
  };
}

function makeClient(options: Partial<RelayClientOptions> = {}): RelayClient {
  return new RelayClient(
    { crypto, random: vectorRandom(), privateKey: privateKeyA, ...options },
    start,
  );
}

function drain(client: RelayClient): RelayClientOutput[] {
  const outputs: RelayClientOutput[] = [];
  for (let output = client.poll(); output !== undefined; output = client.poll())
    outputs.push(output);
  return outputs;
}

function feed(client: RelayClient, bytes: Uint8Array, now: Instant = start): RelayClientOutput[] {
  client.handle({ type: 'bytes', bytes }, now);
  return drain(client);
}

function readyClient(options: Partial<RelayClientOptions> = {}): RelayClient {
  const client = makeClient(options);
  feed(client, concatBytes(FRAMES.serverKey, FRAMES.serverInfo));
  return client;
}

/** A client whose server announced a limit. */
function pacedClient(tokenBucket: TokenBucketLimit): RelayClient {
  const client = makeClient();
  feed(client, FRAMES.serverKey);
  const shared = shareKey(crypto, privateKeyA, serverKey);
  if (!(shared instanceof Uint8Array)) throw new Error('the vectors share a key');
  const info = { version: 2, tokenBucket, dialsBack: false };
  feed(client, sealServerInfo(crypto, new SeededRandom(1), shared, info));
  return client;
}

const ready = { type: 'ready', serverKey, dialsBack: false } as const;
const discoPacket = concatBytes(hexLiteral('5453f09f92ac'), new Uint8Array(100));

describe('the handshake', () => {
  test('answers the greeting with exactly the vector and is ready after ServerInfo', () => {
    const client = makeClient();
    expect(drain(client)).toEqual([]);
    expect(feed(client, FRAMES.serverKey)).toEqual([{ type: 'write', bytes: FRAMES.clientInfo }]);
    expect(feed(client, FRAMES.serverInfo)).toEqual([ready]);
  });

  test('works however the bytes are cut', () => {
    const stream = concatBytes(FRAMES.serverKey, FRAMES.serverInfo, FRAMES.recvPacketFromA);
    const client = makeClient();
    const outputs = [...stream].flatMap((byte) => feed(client, Uint8Array.of(byte)));
    expect(outputs).toEqual([
      { type: 'write', bytes: FRAMES.clientInfo },
      ready,
      { type: 'packet', source: keyA, packet },
    ]);
  });

  test('accepts the pinned server key and no other', () => {
    expect(feed(makeClient({ serverKey }), FRAMES.serverKey)).toHaveLength(1);
    const other = publicKeyFromBytes('relay', publicKeyBytes(keyB));
    expect(feed(makeClient({ serverKey: other }), FRAMES.serverKey)).toEqual([
      { type: 'close', reason: 'server-key-mismatch' },
    ]);
  });

  test.each([
    ['another frame', FRAMES.keepAlive, 'bad-greeting'],
    [
      'a damaged magic',
      concatBytes(hexLiteral('010000002844455251'), FRAMES.serverKey.subarray(9)),
      'bad-greeting',
    ],
    [
      '39 bytes',
      concatBytes(hexLiteral('0100000027'), FRAMES.serverKey.subarray(5, 44)),
      'bad-greeting',
    ],
    ['a greeting of 1025 bytes', hexLiteral('0100000401'), 'frame-too-long'],
    [
      'the zero key',
      concatBytes(FRAMES.serverKey.subarray(0, 13), new Uint8Array(32)),
      'server-key-unusable',
    ],
  ])('ends at %s', (_name, bytes, reason) => {
    const client = makeClient();
    expect(feed(client, bytes)).toEqual([{ type: 'close', reason }]);
    expect(client.nextTimeout()).toBeUndefined();
    expect(feed(client, FRAMES.serverKey)).toEqual([]);
  });

  test('ends at a ServerInfo that does not open', () => {
    const client = makeClient();
    feed(client, FRAMES.serverKey);
    const damaged = FRAMES.serverInfo.slice();
    damaged[40] = (damaged[40] ?? 0) ^ 1;
    expect(feed(client, damaged)).toEqual([{ type: 'close', reason: 'bad-server-info' }]);
  });

  test('ends after 10 s without a greeting or ServerInfo', () => {
    for (const bytes of [new Uint8Array(), FRAMES.serverKey]) {
      const client = makeClient();
      feed(client, bytes);
      expect(client.nextTimeout()).toBe(after(start, 10_000));
      client.handle({ type: 'timeout' }, after(start, 9_999));
      expect(drain(client)).toEqual([]);
      client.handle({ type: 'timeout' }, after(start, 10_000));
      expect(drain(client)).toEqual([{ type: 'close', reason: 'handshake-timeout' }]);
    }
  });

  test('skips frames of the future anywhere after the greeting', () => {
    const client = makeClient();
    const future = encode.encodeFrame(0x7e, new Uint8Array(3000));
    expect(
      feed(
        client,
        concatBytes(FRAMES.serverKey, future, FRAMES.serverInfo, future, FRAMES.recvPacketFromA),
      ).slice(1),
    ).toEqual([ready, { type: 'packet', source: keyA, packet }]);
  });

  test('hears why it is refused', () => {
    const client = makeClient();
    feed(client, FRAMES.serverKey);
    expect(feed(client, encode.encodeHealth('no'))).toEqual([{ type: 'health', problem: 'no' }]);
  });
});

describe('a ready client', () => {
  test('sends packets as SendPacket frames, those from before the handshake too', () => {
    const client = makeClient();
    client.handle({ type: 'send', peer: keyB, packet }, start);
    expect(drain(client)).toEqual([]);
    const outputs = feed(client, concatBytes(FRAMES.serverKey, FRAMES.serverInfo));
    expect(outputs.at(-1)).toEqual({ type: 'write', bytes: FRAMES.sendPacketToB });
    client.handle({ type: 'send', peer: keyB, packet }, start);
    expect(drain(client)).toEqual([{ type: 'write', bytes: FRAMES.sendPacketToB }]);
  });

  test('holds a bounded number of early packets, disco apart from data, and no stale ones', () => {
    const client = makeClient();
    for (let i = 0; i < 300; i++) {
      client.handle({ type: 'send', peer: keyB, packet: Uint8Array.of(i) }, start);
    }
    client.handle({ type: 'send', peer: keyB, packet: discoPacket }, start);
    const writes = feed(client, concatBytes(FRAMES.serverKey, FRAMES.serverInfo)).slice(2);
    expect(writes).toHaveLength(257);
    expect(writes[0]).toEqual({ type: 'write', bytes: encode.encodeSendPacket(keyB, discoPacket) });
    expect(writes[1]).toEqual({
      type: 'write',
      bytes: encode.encodeSendPacket(keyB, Uint8Array.of(44)),
    });
    expect(client.counters.get('drop-send-data-full')).toBe(44);

    const late = makeClient();
    late.handle({ type: 'send', peer: keyB, packet }, start);
    const outputs = feed(
      late,
      concatBytes(FRAMES.serverKey, FRAMES.serverInfo),
      after(start, 1001),
    );
    expect(outputs.map((output) => output.type)).toEqual(['write', 'ready']);
    expect(late.counters.get('drop-send-data-old')).toBe(1);
  });

  test('refuses to send what no relay carries', () => {
    const client = readyClient();
    client.handle({ type: 'send', peer: keyB, packet: new Uint8Array(65_537) }, start);
    expect(drain(client)).toEqual([]);
    expect(client.counters.get('send-too-long')).toBe(1);
    client.handle({ type: 'send', peer: keyB, packet: new Uint8Array(65_536) }, start);
    expect(drain(client)).toHaveLength(1);
  });

  test('tells its home once it is ready, and again only when it changes', () => {
    const early = makeClient();
    early.handle({ type: 'prefer', home: true }, start);
    expect(feed(early, concatBytes(FRAMES.serverKey, FRAMES.serverInfo)).at(-1)).toEqual({
      type: 'write',
      bytes: FRAMES.notePreferredTrue,
    });
    const said = [true, true, false, false].flatMap((home) => {
      early.handle({ type: 'prefer', home }, start);
      return drain(early);
    });
    expect(said).toEqual([{ type: 'write', bytes: FRAMES.notePreferredFalse }]);
    const fresh = readyClient();
    fresh.handle({ type: 'prefer', home: false }, start);
    expect(drain(fresh)).toEqual([]);
  });

  test('passes on who is gone, what is wrong and when to come back', () => {
    const client = readyClient();
    const bytes = concatBytes(
      FRAMES.peerGoneBNotHere,
      FRAMES.peerGoneBDisconnected,
      FRAMES.healthDuplicate,
      FRAMES.healthCleared,
      FRAMES.restarting,
      FRAMES.keepAlive,
      FRAMES.peerPresentB4,
    );
    expect(feed(client, bytes)).toEqual([
      { type: 'peer-gone', peer: keyB, reason: 'not-here' },
      { type: 'peer-gone', peer: keyB, reason: 'disconnected' },
      { type: 'health', problem: 'duplicate connection' },
      { type: 'health', problem: '' },
      { type: 'restarting', reconnectInMs: 1500, tryForMs: 5000 },
    ]);
  });

  test('answers pings', () => {
    expect(feed(readyClient(), FRAMES.ping)).toEqual([{ type: 'write', bytes: FRAMES.pong }]);
  });

  test('skips short frames and counts them', () => {
    const client = readyClient();
    const short = [
      FrameType.recvPacket,
      FrameType.peerGone,
      FrameType.ping,
      FrameType.pong,
      FrameType.restarting,
    ];
    for (const type of short) feed(client, encode.encodeFrame(type, new Uint8Array(3)));
    expect(feed(client, FRAMES.recvPacketFromA)).toHaveLength(1);
    expect(client.counters.snapshot()).toMatchObject({
      'short-packet': 1,
      'short-peer-gone': 1,
      'short-ping': 1,
      'short-pong': 1,
      'short-restarting': 1,
    });
  });

  test('ends at a frame above 1 MiB', () => {
    expect(feed(readyClient(), hexLiteral('0500100001'))).toEqual([
      { type: 'close', reason: 'frame-too-long' },
    ]);
  });

  test('gives packets memory of their own', () => {
    const chunk = concatBytes(FRAMES.recvPacketFromA, FRAMES.recvPacketFromA);
    const [first] = feed(readyClient(), chunk);
    chunk.fill(0);
    expect(first).toEqual({ type: 'packet', source: keyA, packet });
    if (first?.type === 'packet') expect(first.packet.buffer.byteLength).toBe(packet.length);
  });

  test('never throws at what a server sends, and closes at most once', () => {
    const stream = concatBytes(
      FRAMES.recvPacketFromA,
      FRAMES.ping,
      FRAMES.peerGoneBNotHere,
      FRAMES.restarting,
    );
    const prefix = concatBytes(FRAMES.serverKey, FRAMES.serverInfo);
    let ended = 0;
    for (const damaged of mutations(stream)) {
      const client = makeClient();
      const outputs = feed(client, concatBytes(prefix, damaged));
      const closes = outputs.filter((output) => output.type === 'close');
      expect(closes.length).toBeLessThanOrEqual(1);
      ended += closes.length;
      if (closes.length === 1) expect(outputs.at(-1)?.type).toBe('close');
      if (ended > 40) break; // each run opens two boxes in pure JavaScript
    }
    expect(ended).toBeGreaterThan(0);
  });
});

describe('liveness', () => {
  test('any byte counts as life, 120 s of silence end the connection', () => {
    const client = readyClient();
    expect(client.nextTimeout()).toBe(after(start, 120_000));
    feed(client, FRAMES.keepAlive, after(start, 100_000));
    client.handle({ type: 'timeout' }, after(start, 219_999));
    expect(drain(client)).toEqual([]);
    client.handle({ type: 'timeout' }, after(start, 220_000));
    expect(drain(client)).toEqual([{ type: 'close', reason: 'silence' }]);
  });

  test('a probe wants its own pong within 3 s', () => {
    const client = readyClient();
    client.handle({ type: 'probe' }, start);
    const [ping] = drain(client);
    if (ping?.type !== 'write') throw new Error('a probe writes a ping');
    client.handle({ type: 'probe' }, after(start, 1000));
    expect(drain(client)).toEqual([]);
    feed(client, FRAMES.pong, after(start, 2000)); // somebody else's
    expect(client.nextTimeout()).toBe(after(start, 3000));
    const pong = ping.bytes.slice();
    pong[0] = FrameType.pong;
    feed(client, pong, after(start, 2999));
    expect(client.nextTimeout()).toBe(after(start, 122_999));
  });

  test('an unanswered probe ends the connection', () => {
    const client = readyClient();
    client.handle({ type: 'probe' }, start);
    drain(client);
    client.handle({ type: 'timeout' }, after(start, 3000));
    expect(drain(client)).toEqual([{ type: 'close', reason: 'probe-timeout' }]);
  });
});

describe('a stream with little room', () => {
  const other = keyA;
  const targets = (outputs: RelayClientOutput[]): string[] =>
    outputs.map((output) =>
      output.type === 'write' && output.bytes[5] === publicKeyBytes(keyB)[0] ? 'B' : 'other',
    );

  test('takes packets as far as there is room, then waits to be told of more, without timers', () => {
    const client = readyClient();
    client.handle({ type: 'room', bytes: 2_000 }, start);
    for (let i = 0; i < 10; i++) {
      client.handle({ type: 'send', peer: keyB, packet: new Uint8Array(963) }, start);
    }
    expect(drain(client)).toHaveLength(2);
    expect(client.nextTimeout()).toBe(after(start, 120_000));
    client.handle({ type: 'room', bytes: 2_500 }, start);
    expect(drain(client)).toHaveLength(3);
    client.handle({ type: 'room', bytes: Number.POSITIVE_INFINITY }, start);
    expect(drain(client)).toHaveLength(5);
    expect(client.counters.snapshot()).toEqual({});
  });

  test('gives a peer its share while another one is flooded, and disco goes first', () => {
    const client = readyClient();
    client.handle({ type: 'room', bytes: 0 }, start);
    for (let i = 0; i < 1_000; i++) {
      client.handle({ type: 'send', peer: keyB, packet: new Uint8Array(963) }, start);
      if (i % 100 === 0) client.handle({ type: 'send', peer: other, packet }, start);
    }
    client.handle({ type: 'send', peer: other, packet: discoPacket }, start);
    client.handle({ type: 'room', bytes: 11 * 2_048 }, start);
    const first = drain(client);
    expect(first[0]).toEqual({
      type: 'write',
      bytes: encode.encodeSendPacket(other, discoPacket),
    });
    expect(targets(first).filter((target) => target === 'other')).toHaveLength(11);
    expect(client.counters.snapshot()).toEqual({ 'drop-send-data-full': 1_010 - 256 });
  });
});

describe('an announced limit', () => {
  const sent = (outputs: RelayClientOutput[]): number =>
    outputs.reduce((sum, output) => sum + (output.type === 'write' ? output.bytes.length : 0), 0);

  test('paces packets instead of dropping them', () => {
    const client = pacedClient({ bytesPerSecond: 10_000, burstBytes: 2_000 });
    for (let i = 0; i < 10; i++) {
      client.handle({ type: 'send', peer: keyB, packet: new Uint8Array(963) }, start);
    }
    let total = sent(drain(client));
    expect(total).toBe(2000);
    let now = start;
    for (let turns = 0; total < 10_000 && turns < 50; turns++) {
      now = client.nextTimeout() ?? now;
      client.handle({ type: 'timeout' }, now);
      total += sent(drain(client));
    }
    expect(total).toBe(10_000);
    expect(now - start).toBeCloseTo(800, 0);
    expect(client.counters.snapshot()).toEqual({});
  });

  test('lets disco past the waiting data', () => {
    const client = pacedClient({ bytesPerSecond: 1000, burstBytes: 1000 });
    for (let i = 0; i < 5; i++) {
      client.handle({ type: 'send', peer: keyB, packet: new Uint8Array(963) }, start);
    }
    drain(client);
    client.handle({ type: 'send', peer: keyB, packet: discoPacket }, start);
    client.handle({ type: 'timeout' }, after(start, 200));
    expect(drain(client)).toEqual([
      { type: 'write', bytes: encode.encodeSendPacket(keyB, discoPacket) },
    ]);
  });

  test('drops and counts what waited over a second', () => {
    const client = pacedClient({ bytesPerSecond: 1, burstBytes: 1 });
    client.handle({ type: 'send', peer: keyB, packet }, start);
    client.handle({ type: 'send', peer: keyB, packet }, start);
    expect(drain(client)).toHaveLength(1);
    client.handle({ type: 'timeout' }, after(start, 1001));
    expect(drain(client)).toEqual([]);
    expect(client.counters.get('drop-send-data-old')).toBe(1);
    expect(client.nextTimeout()).toBe(after(start, 120_000));
  });
});
