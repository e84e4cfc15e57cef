import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, hexLiteral } from '../base/bytes.js';
import { isFailure } from '../base/failure.js';
import { mutations, truncations } from '../base/mutations.js';
import { parseAddress } from '../ip/address.js';
import { publicKeyBytes } from '../keys/keys.js';
import { decodeClientFrame, decodeServerFrame } from './decode-frames.js';
import * as encode from './encode-frames.js';
import { FrameReader } from './frame-reader.js';
import {
  CLIENT_FRAME_MAX_BYTES,
  FrameType,
  PACKET_MAX_BYTES,
  PresenceFlag,
  type RawFrame,
} from './frames.js';
import { FRAMES, keyA, keyB, packet, serverKey } from './vectors.js';

const pingData = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const presence4 = {
  peer: keyB,
  address: parseAddress('192.0.2.7'),
  port: 41641,
  flags: PresenceFlag.regular,
};
const presence6 = {
  peer: keyB,
  address: parseAddress('2001:db8::7'),
  port: 443,
  flags: PresenceFlag.meshPeer | PresenceFlag.notIdeal,
};

const raw = (frame: Uint8Array): RawFrame => ({ type: frame[0] ?? 0, payload: frame.subarray(5) });
const frameOf = (type: number, payload: Uint8Array): RawFrame => ({ type, payload });

describe('every frame is written as in its vector', () => {
  const cases: Record<string, [Uint8Array, Uint8Array]> = {
    ServerKey: [encode.encodeServerKey(serverKey), FRAMES.serverKey],
    SendPacket: [encode.encodeSendPacket(keyB, packet), FRAMES.sendPacketToB],
    RecvPacket: [encode.encodeRecvPacket(publicKeyBytes(keyA), packet), FRAMES.recvPacketFromA],
    ForwardPacket: [encode.encodeForwardPacket(keyA, keyB, packet), FRAMES.forwardPacketAToB],
    KeepAlive: [encode.encodeKeepAlive(), FRAMES.keepAlive],
    'NotePreferred yes': [encode.encodeNotePreferred(true), FRAMES.notePreferredTrue],
    'NotePreferred no': [encode.encodeNotePreferred(false), FRAMES.notePreferredFalse],
    'PeerGone disconnected': [
      encode.encodePeerGone(keyB, 'disconnected'),
      FRAMES.peerGoneBDisconnected,
    ],
    'PeerGone not here': [encode.encodePeerGone(keyB, 'not-here'), FRAMES.peerGoneBNotHere],
    'PeerPresent IPv4': [encode.encodePeerPresent(presence4), FRAMES.peerPresentB4],
    'PeerPresent IPv6': [encode.encodePeerPresent(presence6), FRAMES.peerPresentB6],
    WatchConns: [encode.encodeWatchConns(), FRAMES.watchConns],
    ClosePeer: [encode.encodeClosePeer(keyB), FRAMES.closePeerB],
    Ping: [encode.encodePing(pingData), FRAMES.ping],
    Pong: [encode.encodePong(pingData), FRAMES.pong],
    Health: [encode.encodeHealth('duplicate connection'), FRAMES.healthDuplicate],
    'Health cleared': [encode.encodeHealth(''), FRAMES.healthCleared],
    Restarting: [encode.encodeRestarting(1500, 5000), FRAMES.restarting],
  };
  test.each(Object.entries(cases))('%s', (_name, [written, vector]) => {
    expect(written).toEqual(vector);
  });
});

describe('every frame is read as in its vector', () => {
  test('by a client', () => {
    const read = (frame: Uint8Array): unknown => decodeServerFrame(raw(frame));
    expect(read(FRAMES.serverKey)).toEqual({ type: 'server-key', key: serverKey });
    expect(read(FRAMES.serverInfo)).toMatchObject({ type: 'server-info' });
    expect(read(FRAMES.recvPacketFromA)).toEqual({ type: 'packet', source: keyA, packet });
    expect(read(FRAMES.keepAlive)).toEqual({ type: 'keep-alive' });
    const gone = { type: 'peer-gone', peer: keyB };
    expect(read(FRAMES.peerGoneBDisconnected)).toEqual({ ...gone, reason: 'disconnected' });
    expect(read(FRAMES.peerGoneBNotHere)).toEqual({ ...gone, reason: 'not-here' });
    expect(read(FRAMES.peerPresentB4)).toEqual({ type: 'peer-present', presence: presence4 });
    expect(read(FRAMES.peerPresentB6)).toEqual({ type: 'peer-present', presence: presence6 });
    expect(read(FRAMES.ping)).toEqual({ type: 'ping', data: pingData });
    expect(read(FRAMES.pong)).toEqual({ type: 'pong', data: pingData });
    expect(read(FRAMES.healthDuplicate)).toEqual({
      type: 'health',
      problem: 'duplicate connection',
    });
    expect(read(FRAMES.healthCleared)).toEqual({ type: 'health', problem: '' });
    expect(read(FRAMES.restarting)).toEqual({
      type: 'restarting',
      reconnectInMs: 1500,
      tryForMs: 5000,
    });
  });

  test('by a server', () => {
    const read = (frame: Uint8Array): unknown => decodeClientFrame(raw(frame));
    expect(read(FRAMES.clientInfo)).toMatchObject({ type: 'client-info', key: keyA });
    expect(read(FRAMES.sendPacketToB)).toEqual({ type: 'send', target: keyB, packet });
    expect(read(FRAMES.forwardPacketAToB)).toEqual({
      type: 'forward',
      source: keyA,
      target: keyB,
      packet,
    });
    expect(read(FRAMES.notePreferredTrue)).toEqual({ type: 'note-preferred', home: true });
    expect(read(FRAMES.notePreferredFalse)).toEqual({ type: 'note-preferred', home: false });
    expect(read(FRAMES.watchConns)).toEqual({ type: 'watch-connections' });
    expect(read(FRAMES.closePeerB)).toEqual({ type: 'close-peer', peer: keyB });
    expect(read(FRAMES.ping)).toEqual({ type: 'ping', data: pingData });
  });
});

describe('what old and new servers write differently', () => {
  test('a PeerGone without reason means disconnected, and so does a reason of the future', () => {
    const key = publicKeyBytes(keyB);
    for (const tail of [[], [0x02], [0x00, 0xff, 0xff]]) {
      const frame = frameOf(FrameType.peerGone, concatBytes(key, Uint8Array.from(tail)));
      expect(decodeServerFrame(frame)).toMatchObject({ peer: keyB, reason: 'disconnected' });
    }
  });

  test('a PeerPresent may stop after the key, the address or the port', () => {
    const { payload } = raw(FRAMES.peerPresentB4);
    const presenceOf = (length: number): unknown => {
      const frame = decodeServerFrame(frameOf(FrameType.peerPresent, payload.subarray(0, length)));
      return frame !== undefined && 'type' in frame && frame.type === 'peer-present'
        ? frame.presence
        : frame;
    };
    expect(presenceOf(32)).toEqual({ ...presence4, address: undefined, port: undefined, flags: 0 });
    expect(presenceOf(48)).toEqual({ ...presence4, port: undefined, flags: 0 });
    expect(presenceOf(50)).toEqual({ ...presence4, flags: 0 });
    expect(presenceOf(51)).toEqual(presence4);
  });

  test('a longer greeting, ping and restarting are read as far as they are known', () => {
    for (const frame of [FRAMES.serverKey, FRAMES.ping, FRAMES.pong, FRAMES.restarting]) {
      const longer = frameOf(frame[0] ?? 0, concatBytes(raw(frame).payload, new Uint8Array(9)));
      expect(decodeServerFrame(longer)).toEqual(decodeServerFrame(raw(frame)));
    }
  });

  test('a health text is cut between characters and refused when it is no text', () => {
    const long = concatBytes(Uint8Array.of(0x61), hexLiteral('f09f9491'.repeat(400)));
    const cut = decodeServerFrame(frameOf(FrameType.health, long));
    expect(cut).toEqual({ type: 'health', problem: `a${'\u{1f511}'.repeat(255)}` });
    expect(decodeServerFrame(frameOf(FrameType.health, Uint8Array.of(0xff)))).toMatchObject({
      reason: 'bad-health',
    });
  });
});

describe('bad payloads give a reason and never throw', () => {
  const reasonOf = (frame: unknown): string => (isFailure(frame) ? frame.reason : 'accepted');

  test('short ones, cut at every byte', () => {
    const server: [Uint8Array, number][] = [
      [FRAMES.serverKey, 40],
      [FRAMES.serverInfo, 40],
      [FRAMES.recvPacketFromA, 32],
      [FRAMES.peerGoneBNotHere, 32],
      [FRAMES.peerPresentB4, 32],
      [FRAMES.ping, 8],
      [FRAMES.pong, 8],
      [FRAMES.restarting, 8],
    ];
    for (const [frame, needed] of server) {
      for (const payload of truncations(raw(frame).payload)) {
        const decoded = decodeServerFrame(frameOf(frame[0] ?? 0, payload));
        expect(isFailure(decoded), `${frame[0]} with ${payload.length}`).toBe(
          payload.length < needed,
        );
      }
    }
    const client: [Uint8Array, number][] = [
      [FRAMES.clientInfo, 56],
      [FRAMES.sendPacketToB, 32],
      [FRAMES.forwardPacketAToB, 64],
      [FRAMES.closePeerB, 32],
      [FRAMES.ping, 8],
    ];
    for (const [frame, needed] of client) {
      for (const payload of truncations(raw(frame).payload)) {
        const decoded = decodeClientFrame(frameOf(frame[0] ?? 0, payload));
        expect(isFailure(decoded), `${frame[0]} with ${payload.length}`).toBe(
          payload.length < needed,
        );
      }
    }
  });

  test('a greeting with one byte of the magic changed', () => {
    for (let at = 0; at < 8; at++) {
      const payload = raw(FRAMES.serverKey).payload.slice();
      payload[at] = (payload[at] ?? 0) ^ 1;
      expect(reasonOf(decodeServerFrame(frameOf(FrameType.serverKey, payload)))).toBe('bad-magic');
    }
  });

  test('lengths that a server must refuse', () => {
    const reason = (type: number, length: number): string =>
      reasonOf(decodeClientFrame(frameOf(type, new Uint8Array(length))));
    expect(reason(FrameType.sendPacket, 32 + PACKET_MAX_BYTES)).toBe('accepted');
    expect(reason(FrameType.sendPacket, 33 + PACKET_MAX_BYTES)).toBe('long-packet');
    expect(reason(FrameType.forwardPacket, 65 + PACKET_MAX_BYTES)).toBe('long-packet');
    expect(reason(FrameType.notePreferred, 0)).toBe('bad-note-preferred');
    expect(reason(FrameType.notePreferred, 2)).toBe('bad-note-preferred');
    expect(reason(FrameType.watchConns, 1)).toBe('bad-watch-connections');
    expect(reason(FrameType.closePeer, 33)).toBe('bad-close-peer');
    expect(reason(FrameType.ping, 1000)).toBe('accepted');
    expect(reason(FrameType.ping, 1001)).toBe('bad-ping');
  });

  test('anything at all', () => {
    for (const frame of Object.values(FRAMES)) {
      for (const payload of mutations(raw(frame).payload)) {
        decodeServerFrame(frameOf(frame[0] ?? 0, payload));
        decodeClientFrame(frameOf(frame[0] ?? 0, payload));
      }
    }
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 255 }),
        fc.uint8Array({ maxLength: 200 }),
        (type, bytes) => {
          decodeServerFrame(frameOf(type, bytes));
          decodeClientFrame(frameOf(type, bytes));
        },
      ),
    );
  });
});

test("types of the other direction and unknown types are nobody's", () => {
  for (const type of [0x00, 0x02, 0x04, 0x07, 0x0a, 0x10, 0x11, 0x16, 0xff]) {
    expect(decodeServerFrame(frameOf(type, new Uint8Array(100)))).toBeUndefined();
  }
  for (const type of [0x00, 0x01, 0x03, 0x05, 0x06, 0x08, 0x09, 0x14, 0x15, 0x16]) {
    expect(decodeClientFrame(frameOf(type, new Uint8Array(100)))).toBeUndefined();
  }
});

describe('the reader', () => {
  const limits = new Map<number, number>(
    Object.values(FrameType).map((type) => [type, CLIENT_FRAME_MAX_BYTES]),
  );

  /** All frames of a stream that arrives in the given pieces; payloads copied. */
  function readAll(reader: FrameReader, pieces: Iterable<Uint8Array>): (RawFrame | string)[] {
    const frames: (RawFrame | string)[] = [];
    for (const piece of pieces) {
      reader.push(piece);
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        if (isFailure(frame)) return [...frames, frame.reason];
        frames.push({ type: frame.type, payload: frame.payload.slice() });
      }
    }
    return frames;
  }

  /** Cuts `stream` at the given places (taken modulo its length). */
  function* cut(stream: Uint8Array, places: readonly number[]): Generator<Uint8Array> {
    const sorted = places.map((place) => place % (stream.length + 1)).sort((a, b) => a - b);
    let from = 0;
    for (const to of [...sorted, stream.length]) {
      yield stream.slice(from, to);
      from = to;
    }
  }

  test('gives each frame, split at every byte position', () => {
    for (const frame of Object.values(FRAMES)) {
      for (let at = 0; at <= frame.length; at++) {
        const got = readAll(new FrameReader(limits), [frame.slice(0, at), frame.slice(at)]);
        expect(got).toEqual([{ type: frame[0], payload: frame.slice(5) }]);
      }
    }
  });

  test('gives the same frames for any cut of any stream', () => {
    const anyFrame = fc.tuple(
      fc.oneof(fc.constantFrom(...Object.values(FrameType)), fc.integer({ min: 0, max: 255 })),
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.uint8Array({ minLength: 1000, maxLength: 6000 }),
      ),
    );
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        (sent, places) => {
          const stream = concatBytes(
            ...sent.map(([type, payload]) => encode.encodeFrame(type, payload)),
          );
          const known = sent.filter(([type]) => limits.has(type));
          const reader = new FrameReader(limits);
          expect(readAll(reader, cut(stream, places))).toEqual(
            known.map(([type, payload]) => ({ type, payload })),
          );
          expect(reader.unknownFrames).toBe(sent.length - known.length);
        },
      ),
    );
  });

  test('gives every frame of one segment', () => {
    const stream = concatBytes(...Object.values(FRAMES));
    expect(readAll(new FrameReader(limits), [stream])).toHaveLength(Object.values(FRAMES).length);
  });

  test('refuses a frame above the limit of its type, and stays refused', () => {
    const reader = new FrameReader(new Map([[FrameType.ping, 8]]));
    const stream = concatBytes(hexLiteral('1200000009'), new Uint8Array(9), FRAMES.ping);
    expect(readAll(reader, [stream])).toEqual(['frame-too-long']);
    reader.push(FRAMES.ping);
    expect(reader.next()).toMatchObject({ reason: 'frame-too-long' });
  });

  test('refuses to skip an unknown frame of 4 GiB', () => {
    const reader = new FrameReader(limits);
    expect(readAll(reader, [hexLiteral('77ffffffff')])).toEqual(['frame-too-long']);
  });

  test('skips an unknown frame of 1 MiB byte by byte and goes on', () => {
    const reader = new FrameReader(limits);
    const pieces = [
      hexLiteral('7700100000'),
      ...Array.from({ length: 1024 }, () => new Uint8Array(1024)),
    ];
    expect(readAll(reader, [...pieces, FRAMES.ping])).toMatchObject([{ type: FrameType.ping }]);
    expect(reader.unknownFrames).toBe(1);
  });

  test('a length alone reserves no memory', () => {
    const header = hexLiteral('0500100000'); // 1 MiB announced
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 500 }, () => {
      const reader = new FrameReader(limits);
      reader.push(header);
      expect(reader.next()).toBeUndefined();
      reader.push(new Uint8Array(100));
      expect(reader.next()).toBeUndefined();
      return reader;
    });
    const perReader = (process.memoryUsage().arrayBuffers - before) / readers.length;
    expect(perReader).toBeLessThan(8192);
  });
});
