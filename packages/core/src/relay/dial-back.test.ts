import { describe, expect, test } from 'vitest';
import { hexLiteral } from '../base/bytes.js';
import { isFailure } from '../base/failure.js';
import { truncations } from '../base/mutations.js';
import type { DialBackAnswer } from '../engines/dial-back.js';
import type { Endpoint } from '../ip/address.js';
import { decodeClientFrame, decodeServerFrame } from './decode-frames.js';
import { encodeDialBack, encodeDialBackAnswer, encodeKeepAlive } from './encode-frames.js';
import type { RawFrame } from './frames.js';
import { InMemoryWire, type WiredClient } from './in-memory-wire.js';

const token = hexLiteral('000102030405060708090a0b');
const target = '192.0.2.1:41641' as Endpoint;
const target6 = '[2001:db8::7]:41641' as Endpoint;

/** Made up for Warren's own extension; laid out by hand. */
const VECTORS = {
  request: hexLiteral(
    '570000001c' + '000102030405060708090a0b' + 'a2a9' + '0000000000000000000000000000',
  ),
  fromAlternate: hexLiteral(
    '570000001c' + '000102030405060708090a0b' + 'a2a9' + '0100000000000000000000000000',
  ),
  sent4: hexLiteral(
    '580000001f' + '000102030405060708090a0b' + '00' + '00000000000000000000ffffc0000201' + 'a2a9',
  ),
  sent6: hexLiteral(
    '580000001f' + '000102030405060708090a0b' + '00' + '20010db8000000000000000000000007' + 'a2a9',
  ),
  rateLimited: hexLiteral(
    '580000001f' + '000102030405060708090a0b' + '01' + '00000000000000000000000000000000' + '0000',
  ),
};

const raw = (frame: Uint8Array): RawFrame => ({ type: frame[0] ?? 0, payload: frame.subarray(5) });

function ask(wire: InMemoryWire, end: WiredClient, port = 41641): void {
  wire.tell(end, { type: 'dial-back', token, port });
}

function answers(end: WiredClient): DialBackAnswer[] {
  return end.heard.filter((output) => output.type === 'dial-back-answer');
}

describe('frames', () => {
  test('are written as in their vectors', () => {
    expect(encodeDialBack(token, 41641)).toEqual(VECTORS.request);
    expect(encodeDialBack(token, 41641, true)).toEqual(VECTORS.fromAlternate);
    expect(encodeDialBackAnswer({ token, outcome: 'sent', target })).toEqual(VECTORS.sent4);
    expect(encodeDialBackAnswer({ token, outcome: 'sent', target: target6 })).toEqual(
      VECTORS.sent6,
    );
    const refused = { token, outcome: 'rate-limited', target: undefined } as const;
    expect(encodeDialBackAnswer(refused)).toEqual(VECTORS.rateLimited);
  });

  test('are read as in their vectors, whatever a later version appends', () => {
    const request = { type: 'dial-back', token, port: 41641, fromAlternate: false };
    const longer = (frame: Uint8Array): RawFrame => ({
      ...raw(frame),
      payload: Uint8Array.of(...raw(frame).payload, 1, 2, 3),
    });
    expect(decodeClientFrame(raw(VECTORS.request))).toEqual(request);
    expect(decodeClientFrame(longer(VECTORS.request))).toEqual(request);
    expect(decodeClientFrame(raw(VECTORS.fromAlternate))).toEqual({
      ...request,
      fromAlternate: true,
    });
    const answer = { type: 'dial-back-answer', token, outcome: 'sent', target };
    expect(decodeServerFrame(raw(VECTORS.sent4))).toEqual(answer);
    expect(decodeServerFrame(longer(VECTORS.sent4))).toEqual(answer);
    expect(decodeServerFrame(raw(VECTORS.sent6))).toMatchObject({ target: target6 });
    expect(decodeServerFrame(raw(VECTORS.rateLimited))).toMatchObject({
      outcome: 'rate-limited',
      target: undefined,
    });
  });

  test('that are cut short, ask for port 0 or say "sent" to nowhere are no dial-backs', () => {
    for (const cut of truncations(raw(VECTORS.request).payload)) {
      const decoded = decodeClientFrame({ type: 0x57, payload: cut });
      expect(isFailure(decoded) && decoded.reason).toBe('bad-dial-back');
    }
    const zeroPort = raw(VECTORS.request).payload.slice().fill(0, 12, 14);
    expect(isFailure(decodeClientFrame({ type: 0x57, payload: zeroPort }))).toBe(true);
    for (const cut of truncations(raw(VECTORS.sent4).payload)) {
      expect(isFailure(decodeServerFrame({ type: 0x58, payload: cut }))).toBe(true);
    }
    const nowhere = raw(VECTORS.rateLimited).payload.slice();
    nowhere[12] = 0;
    expect(decodeServerFrame({ type: 0x58, payload: nowhere })).toMatchObject({
      outcome: 'unavailable',
      target: undefined,
    });
  });
});

describe('a relay that dials back', () => {
  test('says so, sends one datagram to where the client connects from, and tells of it', () => {
    const wire = new InMemoryWire(1, { dialsBack: true });
    const end = wire.connect();
    expect(end.heard).toMatchObject([{ type: 'ready', dialsBack: true }]);
    ask(wire, end);
    expect(wire.dialledBack).toEqual([{ token, target }]);
    expect(answers(end)).toMatchObject([{ token, outcome: 'sent', target }]);
    expect(wire.server.counters.get('dial-back-sent')).toBe(1);
  });

  test('sends from its alternate port when that is wished, to no other address for that', () => {
    const wire = new InMemoryWire(1, { dialsBack: true });
    wire.tell(wire.connect(), { type: 'dial-back', token, port: 41641, fromAlternate: true });
    expect(wire.dialledBack).toEqual([{ token, target, fromAlternate: true }]);
  });

  test('dials clients of IPv6 back over IPv6', () => {
    const wire = new InMemoryWire(1, { dialsBack: true });
    ask(wire, wire.connect(undefined, {}, '2001:db8::7'));
    expect(wire.dialledBack).toEqual([{ token, target: target6 }]);
  });

  test('tells when its host could not send', () => {
    const wire = new InMemoryWire(1, { dialsBack: true });
    wire.canDialBack = false;
    const end = wire.connect();
    ask(wire, end);
    expect(answers(end)).toMatchObject([{ outcome: 'unavailable', target: undefined }]);
  });

  test('sends a connection a handful at once and one in 10 s, however often it asks', () => {
    const wire = new InMemoryWire(1, { dialsBack: true });
    const end = wire.connect();
    for (let i = 0; i < 50; i++) ask(wire, end);
    expect(wire.dialledBack).toHaveLength(6);
    expect(answers(end).filter(({ outcome }) => outcome === 'rate-limited')).toHaveLength(44);
    wire.advance(10_000);
    for (let i = 0; i < 50; i++) ask(wire, end);
    expect(wire.dialledBack).toHaveLength(7);
  });

  test('sends an address a bounded number, over however many connections, and others theirs', () => {
    const wire = new InMemoryWire(1, { dialsBack: true });
    for (let i = 0; i < 20; i++) {
      const end = wire.connect();
      for (let asked = 0; asked < 6; asked++) ask(wire, end);
    }
    expect(wire.dialledBack).toHaveLength(40);
    ask(wire, wire.connect(undefined, {}, '192.0.2.99'));
    expect(wire.dialledBack).toHaveLength(41);
  });

  test('does nothing for who has not proved a key', () => {
    const wire = new InMemoryWire(1, { dialsBack: true });
    const id = wire.accept();
    wire.server.handle({ type: 'bytes', connection: id, bytes: VECTORS.request }, wire.now);
    wire.settle();
    expect(wire.dialledBack).toEqual([]);
    expect(wire.server.counters.get('closed-first-frame-not-client-info')).toBe(1);
  });

  test('closes on a request that is too short to pay for its datagram', () => {
    const wire = new InMemoryWire(1, { dialsBack: true });
    const end = wire.connect();
    const short = VECTORS.request.slice(0, 19);
    short[4] = 14;
    wire.server.handle({ type: 'bytes', connection: end.id, bytes: short }, wire.now);
    wire.settle();
    expect(end.closedByServer).toBe('bad-dial-back');
    expect(wire.dialledBack).toEqual([]);
  });
});

test('a relay without STUN does not offer it, and refuses who asks nevertheless', () => {
  const wire = new InMemoryWire(1);
  const end = wire.connect();
  expect(end.heard).toMatchObject([{ type: 'ready', dialsBack: false }]);
  ask(wire, end);
  expect(wire.dialledBack).toEqual([]);
  expect(answers(end)).toMatchObject([{ outcome: 'unavailable' }]);
  expect(end.closedByServer).toBeUndefined();
});

test('a client that is told of a dial-back it knows nothing about goes on', () => {
  const wire = new InMemoryWire(1);
  const end = wire.connect();
  end.client.handle({ type: 'bytes', bytes: VECTORS.sent4 }, wire.now);
  end.client.handle({ type: 'bytes', bytes: encodeKeepAlive() }, wire.now);
  wire.settle();
  expect(answers(end)).toHaveLength(1);
  expect(end.heard.some(({ type }) => type === 'close')).toBe(false);
});
