import { describe, expect, test } from 'vitest';
import { concatBytes, hexLiteral } from '../base/bytes.js';
import { encodeUtf8 } from '../base/text.js';
import { nobleCrypto as crypto } from '../crypto/noble.js';
import {
  type NodePrivateKey,
  publicKeyBytes,
  publicKeyFromBytes,
  publicKeyOf,
} from '../keys/keys.js';
import * as encode from './encode-frames.js';
import { FrameType } from './frames.js';
import { shareKey } from './hello.js';
import { InMemoryWire, type WiredClient } from './in-memory-wire.js';
import type { RelayConnectionId, RelayServerOutput } from './io.js';
import {
  clientNonce,
  FRAMES,
  keyA,
  keyB,
  packet,
  privateKeyA,
  privateKeyB,
  serverKey,
} from './vectors.js';

const disco = concatBytes(hexLiteral('5453f09f92ac'), new Uint8Array(56));
const stranger = publicKeyFromBytes('node', publicKeyBytes(keyB).fill(9, 0, 8));

/** A and B, connected. */
function pair(wire: InMemoryWire): [WiredClient, WiredClient] {
  return [wire.connect(privateKeyA), wire.connect(privateKeyB)];
}

/** Everything the server does about a raw connection that sends `bytes`. */
function exchange(
  wire: InMemoryWire,
  id: RelayConnectionId,
  bytes: Uint8Array,
): RelayServerOutput[] {
  wire.server.handle({ type: 'bytes', connection: id, bytes }, wire.now);
  return pollAll(wire, id);
}

function pollAll(wire: InMemoryWire, id: RelayConnectionId): RelayServerOutput[] {
  const outputs: RelayServerOutput[] = [];
  for (let output = wire.server.poll(); output !== undefined; output = wire.server.poll()) {
    if (output.connection === id) outputs.push(output);
    if (output.type === 'write') {
      wire.server.handle({ type: 'drained', connection: output.connection }, wire.now);
    }
  }
  return outputs;
}

/** A raw connection of A that is past its introduction. */
function introduced(wire: InMemoryWire): RelayConnectionId {
  const id = wire.accept();
  exchange(wire, id, FRAMES.clientInfo);
  return id;
}

/** A's ClientInfo around any JSON. */
function clientInfoOf(json: string): Uint8Array {
  const shared = shareKey(crypto, privateKeyA, serverKey);
  if (!(shared instanceof Uint8Array)) throw new Error('the vectors share a key');
  return encode.encodeClientInfo(
    keyA,
    clientNonce,
    crypto.boxSeal(shared, clientNonce, encodeUtf8(json)),
  );
}

const heardTypes = (end: WiredClient): string[] => end.heard.map((output) => output.type);

describe('the introduction', () => {
  test('starts with the greeting of the vector', () => {
    const wire = new InMemoryWire(1);
    const id = wire.accept();
    expect(pollAll(wire, id)).toEqual([{ type: 'write', connection: id, bytes: FRAMES.serverKey }]);
  });

  test('takes the ClientInfo of the vector, cut anywhere, and answers ServerInfo', () => {
    for (let at = 0; at <= FRAMES.clientInfo.length; at += 9) {
      const wire = new InMemoryWire(1);
      const id = wire.accept();
      pollAll(wire, id);
      expect(exchange(wire, id, FRAMES.clientInfo.slice(0, at)).length).toBe(at < 109 ? 0 : 1);
      const answer = exchange(wire, id, FRAMES.clientInfo.slice(at));
      if (at < 109) expect(answer).toMatchObject([{ type: 'write', connection: id }]);
      expect(wire.server.connections()).toMatchObject([{ key: keyA, active: true }]);
    }
  });

  test('lets a client be ready', () => {
    const wire = new InMemoryWire(2);
    const [a] = pair(wire);
    expect(a.heard).toEqual([{ type: 'ready', serverKey, dialsBack: false }]);
    expect(wire.server.counters.get('introduced')).toBe(2);
  });

  const damaged = FRAMES.clientInfo.slice();
  damaged[70] = (damaged[70] ?? 0) ^ 0x10;
  const otherKey = concatBytes(
    FRAMES.clientInfo.subarray(0, 5),
    publicKeyBytes(keyB),
    FRAMES.clientInfo.subarray(37),
  );
  test.each<[string, Uint8Array, string]>([
    ['another first frame', FRAMES.sendPacketToB, 'first-frame-not-client-info'],
    ['a ping as first frame', FRAMES.ping, 'first-frame-not-client-info'],
    [
      '55 bytes of ClientInfo',
      encode.encodeFrame(FrameType.clientInfo, new Uint8Array(55)),
      'short-client-info',
    ],
    ['over 256 KiB of ClientInfo', hexLiteral('0200040001'), 'frame-too-long'],
    ['a flipped ciphertext bit', damaged, 'box-not-opening'],
    ['an outer key that did not seal', otherKey, 'box-not-opening'],
    ['the zero key', encode.encodeFrame(FrameType.clientInfo, new Uint8Array(120)), 'unusable-key'],
    ['an empty mesh key', clientInfoOf('{"version":2,"meshKey":""}'), 'bad-json'],
    ['version 1', clientInfoOf('{"version":1}'), 'version-too-old'],
    ['no version', clientInfoOf('{}'), 'version-too-old'],
    ['4 GiB of an unknown frame', hexLiteral('5affffffff'), 'frame-too-long'],
  ])('ends at %s', (_name, bytes, reason) => {
    const wire = new InMemoryWire(3);
    const id = wire.accept();
    pollAll(wire, id);
    expect(exchange(wire, id, bytes)).toEqual([{ type: 'close', connection: id, reason }]);
    expect(wire.server.connections()).toEqual([]);
    expect(exchange(wire, id, FRAMES.clientInfo)).toEqual([]);
  });

  test('ends after 10 s', () => {
    const wire = new InMemoryWire(3);
    const id = wire.accept();
    pollAll(wire, id);
    wire.advance(9_999);
    expect(wire.server.connections()).toHaveLength(1);
    wire.advance(1);
    expect(wire.server.connections()).toHaveLength(0);
    expect(wire.server.counters.get('closed-handshake-timeout')).toBe(1);
  });

  test('may come after unknown frames', () => {
    const wire = new InMemoryWire(3);
    const id = wire.accept();
    const future = encode.encodeFrame(0x7f, new Uint8Array(500));
    exchange(wire, id, concatBytes(future, FRAMES.clientInfo));
    expect(wire.server.connections()).toMatchObject([{ key: keyA }]);
    expect(wire.server.counters.get('unknown-frame')).toBe(1);
  });

  test('is bounded in number, in all and per source', () => {
    const wire = new InMemoryWire(4, {
      limits: { connectionsMax: 5, handshakesMax: 4, handshakesPerSourceMax: 2 },
    });
    const ids = ['a', 'a', 'a', 'b', 'b', 'c'].map((source) => wire.accept(source));
    pollAll(wire, -1);
    const open = new Set(wire.server.connections().map((each) => each.connection));
    expect(ids.map((id) => open.has(id))).toEqual([true, true, false, true, true, false]);
    // One that proves its key makes room for another.
    exchange(wire, ids[0] ?? 0, FRAMES.clientInfo);
    wire.accept('a');
    pollAll(wire, -1);
    expect(wire.server.connections()).toHaveLength(5);
    expect(wire.server.counters.get('refused-too-many-connections')).toBe(2);
  });
});

describe('forwarding', () => {
  test('carries packets both ways, as in the vectors', () => {
    const wire = new InMemoryWire(5);
    const id = introduced(wire);
    const b = wire.connect(privateKeyB);
    wire.server.handle({ type: 'bytes', connection: id, bytes: FRAMES.sendPacketToB }, wire.now);
    wire.settle();
    expect(wire.takePackets(b)).toEqual([{ type: 'packet', source: keyA, packet }]);
    b.client.handle({ type: 'send', peer: keyA, packet }, wire.now);
    const write = b.client.poll();
    if (write?.type !== 'write') throw new Error('a send writes');
    wire.server.handle({ type: 'bytes', connection: b.id, bytes: write.bytes }, wire.now);
    expect(pollAll(wire, id)).toEqual([
      {
        type: 'write',
        connection: id,
        bytes: encode.encodeRecvPacket(publicKeyBytes(keyB), packet),
      },
    ]);
  });

  test('keeps the order and content of many packets of all sizes', () => {
    const wire = new InMemoryWire(6);
    const [a, b] = pair(wire);
    const packets = [0, 1, 31, 1400, 65_536, 5].map((size, i) => new Uint8Array(size).fill(i + 1));
    for (const each of packets) wire.send(a, b.key, each);
    expect(wire.takePackets(b).map((got) => got.packet)).toEqual(packets);
  });

  test('ends a connection that sends 65537 bytes', () => {
    const wire = new InMemoryWire(6);
    const id = introduced(wire);
    const bytes = encode.encodeFrame(
      FrameType.sendPacket,
      publicKeyBytes(keyB),
      new Uint8Array(65_537),
    );
    expect(exchange(wire, id, bytes)).toEqual([
      { type: 'close', connection: id, reason: 'frame-too-long' },
    ]);
  });

  test('says not-here only for disco, three times at once and once a second', () => {
    const wire = new InMemoryWire(7);
    const [a] = pair(wire);
    for (let i = 0; i < 10; i++) wire.send(a, stranger, new Uint8Array(100));
    expect(heardTypes(a)).toEqual(['ready']);
    for (let i = 0; i < 10; i++) wire.send(a, stranger, disco);
    expect(a.heard.slice(1)).toEqual(
      Array.from({ length: 3 }, () => ({ type: 'peer-gone', peer: stranger, reason: 'not-here' })),
    );
    wire.advance(1000);
    for (let i = 0; i < 5; i++) wire.send(a, stranger, disco);
    expect(a.heard).toHaveLength(5);
    // 61 bytes are too short to be disco.
    wire.advance(5000);
    wire.send(a, stranger, disco.subarray(0, 61));
    expect(a.heard).toHaveLength(5);
    expect(wire.server.counters.get('drop-unknown-target')).toBe(26);
  });

  test('tells those who received from a key when its last connection ends, once', () => {
    const wire = new InMemoryWire(8);
    const [a, b] = pair(wire);
    const c = wire.connect();
    wire.send(a, b.key, packet);
    wire.send(a, b.key, packet);
    wire.send(c, a.key, packet);
    wire.breakOff(a);
    expect(b.heard.filter((output) => output.type === 'peer-gone')).toEqual([
      { type: 'peer-gone', peer: a.key, reason: 'disconnected' },
    ]);
    expect(heardTypes(c)).toEqual(['ready']); // it only sent to A
    // The subscription ended: a new visit without packets owes nobody anything.
    wire.breakOff(wire.connect(privateKeyA));
    expect(b.heard.filter((output) => output.type === 'peer-gone')).toHaveLength(1);
  });

  test('refuses mesh frames, and a second introduction', () => {
    const cases: [Uint8Array, string][] = [
      [FRAMES.forwardPacketAToB, 'no-mesh-rights'],
      [FRAMES.watchConns, 'no-mesh-rights'],
      [FRAMES.closePeerB, 'no-mesh-rights'],
      [FRAMES.clientInfo, 'second-client-info'],
      [hexLiteral('0700000000'), 'bad-note-preferred'],
      [hexLiteral('070000000101').fill(2, 4, 5), 'frame-too-long'],
      [encode.encodeFrame(FrameType.ping, new Uint8Array(7)), 'bad-ping'],
      [encode.encodeFrame(FrameType.ping, new Uint8Array(1001)), 'frame-too-long'],
    ];
    for (const [bytes, reason] of cases) {
      const wire = new InMemoryWire(9);
      const id = introduced(wire);
      expect(exchange(wire, id, bytes)).toEqual([{ type: 'close', connection: id, reason }]);
    }
  });

  test('remembers who is at home', () => {
    const wire = new InMemoryWire(10);
    const [a] = pair(wire);
    const homes = (): boolean[] => wire.server.connections().map((each) => each.home);
    wire.tell(a, { type: 'prefer', home: true });
    expect(homes()).toEqual([true, false]);
    wire.tell(a, { type: 'prefer', home: false });
    expect(homes()).toEqual([false, false]);
  });

  test('counts what crossed between each pair, disco apart from data', () => {
    const wire = new InMemoryWire(11);
    const [a, b] = pair(wire);
    wire.send(a, b.key, disco);
    wire.send(a, b.key, new Uint8Array(1000));
    wire.send(a, b.key, new Uint8Array(500));
    wire.send(b, a.key, disco);
    wire.send(b, stranger, disco);
    expect(wire.server.pairCounters()).toEqual([
      { source: a.key, target: b.key, discoFrames: 1, dataFrames: 2, dataBytes: 1500 },
      { source: b.key, target: a.key, discoFrames: 1, dataFrames: 0, dataBytes: 0 },
    ]);
    wire.breakOff(a);
    expect(wire.server.pairCounters()).toHaveLength(2);
  });
});

describe('several connections of one key', () => {
  test('the newest receives; an older one that sends takes the key back, and all are told once', () => {
    const wire = new InMemoryWire(12);
    const sender = wire.connect(privateKeyB);
    const first = wire.connect(privateKeyA);
    const second = wire.connect(privateKeyA);
    const deliver = (): number[] => {
      wire.send(sender, keyA, packet);
      return [first, second].map((end) => wire.takePackets(end).length);
    };
    expect(deliver()).toEqual([0, 1]);
    expect(heardTypes(first)).toEqual(['ready']); // a reconnect is no cause for alarm
    wire.send(first, sender.key, packet);
    expect(deliver()).toEqual([1, 0]);
    const alarm = { type: 'health', problem: 'duplicate connection' };
    expect([first, second].map((end) => end.heard.slice(1))).toEqual([[alarm], [alarm]]);
    wire.send(second, sender.key, packet);
    expect(deliver()).toEqual([0, 1]);
    expect(first.heard).toHaveLength(2);
    // One goes: the other is told that all is well, and nobody hears that A is gone.
    wire.breakOff(second);
    expect(first.heard.at(-1)).toEqual({ type: 'health', problem: '' });
    expect(deliver()[0]).toBe(1);
    expect(sender.heard.some((output) => output.type === 'peer-gone')).toBe(false);
    wire.breakOff(first);
    expect(sender.heard.at(-1)).toEqual({ type: 'peer-gone', peer: keyA, reason: 'disconnected' });
  });

  test('their number is bounded', () => {
    const wire = new InMemoryWire(13);
    const ends = Array.from({ length: 10 }, () => wire.connect(privateKeyA));
    expect(ends.map((end) => end.closedByServer)).toEqual([
      'too-many-duplicates',
      'too-many-duplicates',
      ...new Array<undefined>(8).fill(undefined),
    ]);
  });
});

describe('time', () => {
  test('keep-alives come every 60 to 65 s, each connection at its own', () => {
    const wire = new InMemoryWire(14);
    const ends = Array.from({ length: 5 }, () => wire.connect());
    const periods = ends.map((end) => {
      const before = wire.server.connections().find((each) => each.connection === end.id);
      return before?.heardAt;
    });
    expect(periods.every((at) => at === periods[0])).toBe(true);
    wire.advance(59_999);
    const silentUntil = ends.map((end) => end.client.nextTimeout() ?? 0);
    wire.advance(5_001);
    const later = ends.map((end, i) => (end.client.nextTimeout() ?? 0) - (silentUntil[i] ?? 0));
    for (const delay of later) {
      expect(delay).toBeGreaterThanOrEqual(60_000);
      expect(delay).toBeLessThanOrEqual(65_000);
    }
    expect(new Set(later).size).toBe(5);
    wire.advance(600_000); // nobody falls silent for 120 s
    expect(ends.every((end) => end.heard.length === 1)).toBe(true);
  });

  test('a ping is answered, and one pong waits at most', () => {
    const wire = new InMemoryWire(15);
    const id = introduced(wire);
    expect(exchange(wire, id, FRAMES.ping)).toEqual([
      { type: 'write', connection: id, bytes: FRAMES.pong },
    ]);
    expect(exchange(wire, id, concatBytes(FRAMES.ping, FRAMES.ping, FRAMES.ping))).toHaveLength(1);
    expect(wire.server.counters.get('drop-pong')).toBe(2);
  });

  test('a client can probe its connection', () => {
    const wire = new InMemoryWire(15);
    const [a] = pair(wire);
    wire.tell(a, { type: 'probe' });
    wire.advance(10_000);
    expect(heardTypes(a)).toEqual(['ready']);
  });

  test('a reader that takes nothing for 10 s is closed, and its peers hear of it', () => {
    const wire = new InMemoryWire(16);
    const [a, b] = pair(wire);
    wire.send(b, a.key, packet);
    b.stalled = true;
    wire.send(a, b.key, packet);
    wire.advance(9_999);
    expect(b.closedByServer).toBeUndefined();
    wire.advance(1);
    expect(b.closedByServer).toBe('slow-reader');
    expect(a.heard.at(-1)).toEqual({ type: 'peer-gone', peer: b.key, reason: 'disconnected' });
  });

  test('a reader that is slow but reads stays, and old packets are not sent to it', () => {
    const wire = new InMemoryWire(17);
    const [a, b] = pair(wire);
    b.stalled = true;
    wire.send(a, b.key, Uint8Array.of(1));
    wire.send(a, b.key, Uint8Array.of(2));
    wire.advance(300);
    wire.send(a, b.key, Uint8Array.of(3));
    wire.advance(201);
    wire.resume(b);
    expect(wire.takePackets(b).map((got) => got.packet[0])).toEqual([1, 3]);
    expect(wire.server.counters.get('drop-data-old')).toBe(1);
    wire.advance(60_000);
    expect(b.closedByServer).toBeUndefined();
  });

  test('silent clients are pinged when asked for, and closed when they do not answer', () => {
    const wire = new InMemoryWire(18, { pingSilentAfterMs: 25_000 });
    const [a, b] = pair(wire);
    wire.advance(300_000);
    expect([a.closedByServer, b.closedByServer]).toEqual([undefined, undefined]);
    const mute = introduced(wire);
    const before = wire.server.connections().length;
    pollAll(wire, mute);
    wire.advance(25_000);
    pollAll(wire, mute);
    wire.advance(15_000);
    pollAll(wire, mute);
    expect(wire.server.connections()).toHaveLength(before - 1);
    expect(wire.server.counters.get('closed-ping-timeout')).toBe(1);
  });
});

describe('admission', () => {
  test('who is not admitted hears nothing, as from official relays; nobody can send to it', () => {
    const wire = new InMemoryWire(19, { admit: (key) => key !== keyA });
    const a = wire.connect(privateKeyA);
    expect(a.closedByServer).toBe('not-admitted');
    // A single frame would make official clients dial again at once, without any pause, for ever.
    expect(a.heard).toEqual([]);
    const b = wire.connect(privateKeyB);
    wire.send(b, keyA, disco);
    expect(b.heard.at(-1)).toEqual({ type: 'peer-gone', peer: keyA, reason: 'not-here' });
  });

  test('is asked again when it may have changed', () => {
    const allowed = new Set([keyA, keyB]);
    const wire = new InMemoryWire(20, { admit: (key) => allowed.has(key) });
    const [a, b] = pair(wire);
    wire.server.recheckAdmission(wire.now);
    wire.settle();
    expect(a.closedByServer).toBeUndefined();
    allowed.delete(keyA);
    wire.server.recheckAdmission(wire.now);
    wire.settle();
    expect([a.closedByServer, b.closedByServer]).toEqual(['not-admitted', undefined]);
    expect(a.heard.at(-1)).toMatchObject({
      type: 'health',
      problem: expect.stringContaining('does not serve') as string,
    });
  });
});

test('an announced limit is held: clients pace themselves, cheats lose packets', () => {
  const wire = new InMemoryWire(21, {
    clientLimit: { bytesPerSecond: 100_000, burstBytes: 10_000 },
  });
  const b = wire.connect(privateKeyB);
  const honest = wire.connect();
  const cheat = introduced(wire);
  for (let i = 0; i < 40; i++) wire.send(honest, b.key, new Uint8Array(963));
  wire.advance(500);
  expect(wire.takePackets(b)).toHaveLength(40);
  expect(wire.server.counters.get('drop-rate')).toBe(0);
  const frame = encode.encodeSendPacket(b.key, new Uint8Array(963));
  for (let i = 0; i < 40; i++) {
    wire.server.handle({ type: 'bytes', connection: cheat, bytes: frame }, wire.now);
    wire.settle();
  }
  expect(wire.takePackets(b)).toHaveLength(20);
  expect(wire.server.counters.get('drop-rate')).toBe(20);
});

test('a draining server tells everybody when to come back, closes, and takes nobody new', () => {
  const wire = new InMemoryWire(22);
  const ends = pair(wire);
  wire.server.handle({ type: 'drain' }, wire.now);
  wire.settle();
  for (const end of ends) {
    expect(end.closedByServer).toBe('restarting');
    expect(end.heard.at(-1)).toMatchObject({ type: 'restarting', tryForMs: 30_000 });
  }
  const [first, second] = ends.map((end) => end.heard.at(-1));
  expect(first).not.toEqual(second); // spread
  expect(wire.connect().closedByServer).toBe('restarting');
});

test('a stalled client does not hold up a drain', () => {
  const wire = new InMemoryWire(23);
  const [a, b] = pair(wire);
  b.stalled = true;
  wire.send(a, b.key, packet);
  wire.server.handle({ type: 'drain' }, wire.now);
  wire.settle();
  expect(b.closedByServer).toBeUndefined();
  wire.advance(2_000);
  expect(b.closedByServer).toBe('restarting');
});

test('inputs for connections that are gone do nothing', () => {
  const wire = new InMemoryWire(24);
  const [a] = pair(wire);
  wire.breakOff(a);
  for (const type of ['drained', 'closed'] as const) {
    wire.server.handle({ type, connection: a.id }, wire.now);
  }
  wire.server.handle({ type: 'bytes', connection: a.id, bytes: FRAMES.ping }, wire.now);
  expect(wire.server.poll()).toBeUndefined();
});

test('after everybody left nothing is kept of them but counters', () => {
  const wire = new InMemoryWire(25);
  const keys: NodePrivateKey[] = [privateKeyA, privateKeyB];
  for (let round = 0; round < 3; round++) {
    const [a, b] = keys.map((key) => wire.connect(key));
    if (a === undefined || b === undefined) throw new Error('two keys connect');
    b.stalled = true;
    for (let i = 0; i < 50; i++) wire.send(a, b.key, new Uint8Array(1000));
    wire.breakOff(b);
    wire.breakOff(a);
  }
  expect(wire.server.connections()).toEqual([]);
  wire.advance(200_000);
  expect(wire.server.nextTimeout()).toBeUndefined();
  expect(wire.server.counters.get('introduced')).toBe(6);
  expect(publicKeyOf(crypto, 'node', privateKeyA)).toBe(keyA);
});
