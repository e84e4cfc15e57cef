import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hexLiteral } from '../base/bytes.js';
import { isFailure } from '../base/failure.js';
import { mutations, truncations } from '../base/mutations.js';
import { SeededRandom } from '../base/seeded-random.js';
import { nobleCrypto } from '../crypto/noble.js';
import type { AddressCheckOutcome } from '../engines/address-check.js';
import type { IpAddress } from '../ip/address.js';
import { AddressTokens } from '../stun/address-tokens.js';
import { decodeClientFrame, decodeServerFrame } from './decode-frames.js';
import { encodeAddressCheck, encodeAddressCheckAnswer, encodeKeepAlive } from './encode-frames.js';
import type { RawFrame } from './frames.js';
import { InMemoryWire, type WiredClient } from './in-memory-wire.js';

const id = hexLiteral('a0a1a2a3a4a5a6a7');
const token = hexLiteral('000102030405060708090a0b0c0d0e0f');
const address = '203.0.113.9' as IpAddress;
const address6 = '2001:db8::9' as IpAddress;

/** Made up for Warren's own extension; laid out by hand. */
const VECTORS = {
  check4: hexLiteral(
    '5900000028' +
      'a0a1a2a3a4a5a6a7' +
      '00000000000000000000ffffcb007109' +
      '000102030405060708090a0b0c0d0e0f',
  ),
  check6: hexLiteral(
    '5900000028' +
      'a0a1a2a3a4a5a6a7' +
      '20010db8000000000000000000000009' +
      '000102030405060708090a0b0c0d0e0f',
  ),
  no: hexLiteral('5a00000009' + 'a0a1a2a3a4a5a6a7' + '00'),
  yes: hexLiteral('5a00000009' + 'a0a1a2a3a4a5a6a7' + '01'),
  refused: hexLiteral('5a00000009' + 'a0a1a2a3a4a5a6a7' + '02'),
};

const raw = (frame: Uint8Array): RawFrame => ({ type: frame[0] ?? 0, payload: frame.subarray(5) });

const longer = (frame: Uint8Array): RawFrame => ({
  ...raw(frame),
  payload: Uint8Array.of(...raw(frame).payload, 1, 2, 3),
});

function ask(wire: InMemoryWire, end: WiredClient, about: IpAddress, what: Uint8Array): void {
  wire.tell(end, { type: 'check-address', id, address: about, token: what });
}

function answers(end: WiredClient): AddressCheckOutcome[] {
  const heard = end.heard.filter((output) => output.type === 'address-check-answer');
  for (const answer of heard) expect(answer.id).toEqual(id);
  return heard.map(({ outcome }) => outcome);
}

describe('frames', () => {
  test('are written as in their vectors', () => {
    expect(encodeAddressCheck(id, address, token)).toEqual(VECTORS.check4);
    expect(encodeAddressCheck(id, address6, token)).toEqual(VECTORS.check6);
    for (const outcome of ['no', 'yes', 'refused'] as const) {
      expect(encodeAddressCheckAnswer({ id, outcome })).toEqual(VECTORS[outcome]);
    }
  });

  test('are read as in their vectors, whatever a later version appends', () => {
    for (const [frame, about] of [
      [VECTORS.check4, address],
      [VECTORS.check6, address6],
    ] as const) {
      const check = { type: 'address-check', id, address: about, token };
      expect(decodeClientFrame(raw(frame))).toEqual(check);
      expect(decodeClientFrame(longer(frame))).toEqual(check);
    }
    for (const outcome of ['no', 'yes', 'refused'] as const) {
      const answer = { type: 'address-check-answer', id, outcome };
      expect(decodeServerFrame(raw(VECTORS[outcome]))).toEqual(answer);
      expect(decodeServerFrame(longer(VECTORS[outcome]))).toEqual(answer);
    }
  });

  test('an outcome of a later version is a refusal', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 255 }), (code) => {
        const payload = raw(VECTORS.no).payload.slice();
        payload[8] = code;
        expect(decodeServerFrame({ type: 0x5a, payload })).toMatchObject({ outcome: 'refused' });
      }),
    );
  });

  test('that are cut short are none', () => {
    for (const payload of truncations(raw(VECTORS.check4).payload)) {
      const decoded = decodeClientFrame({ type: 0x59, payload });
      expect(isFailure(decoded) && decoded.reason).toBe('bad-address-check');
    }
    for (const payload of truncations(raw(VECTORS.yes).payload)) {
      const decoded = decodeServerFrame({ type: 0x5a, payload });
      expect(isFailure(decoded) && decoded.reason).toBe('short-address-check-answer');
    }
  });

  test('damaged ones give a value or a reason', () => {
    for (const payload of mutations(raw(VECTORS.check4).payload)) {
      const decoded = decodeClientFrame({ type: 0x59, payload });
      expect(isFailure(decoded)).toBe(payload.length < 40);
    }
    for (const payload of mutations(raw(VECTORS.yes).payload)) {
      const decoded = decodeServerFrame({ type: 0x5a, payload });
      expect(isFailure(decoded)).toBe(payload.length < 9);
    }
    fc.assert(
      fc.property(
        fc.constantFrom(0x59, 0x5a),
        fc.uint8Array({ maxLength: 80 }),
        (type, payload) => {
          decodeClientFrame({ type, payload });
          decodeServerFrame({ type, payload });
        },
      ),
    );
  });

  test('the server skips the answer and the client the question, as they skip any unknown frame', () => {
    expect(decodeClientFrame(raw(VECTORS.yes))).toBeUndefined();
    expect(decodeServerFrame(raw(VECTORS.check4))).toBeUndefined();
  });
});

describe('a relay whose STUN server gives tokens', () => {
  const wireWith = (seed: number): [InMemoryWire, AddressTokens] => {
    const addressTokens = new AddressTokens(nobleCrypto, new SeededRandom(seed));
    return [new InMemoryWire(1, { dialsBack: true, addressTokens }), addressTokens];
  };

  test('recognizes its own, whoever shows it', () => {
    const [wire, tokens] = wireWith(7);
    for (const about of [address, address6]) {
      const end = wire.connect();
      ask(wire, end, about, tokens.issue(about, wire.now));
      expect(answers(end)).toEqual(['yes']);
    }
    expect(wire.server.counters.get('address-check-yes')).toBe(2);
  });

  test.each([
    [
      'for another address',
      (tokens: AddressTokens, wire: InMemoryWire) => tokens.issue(address6, wire.now),
    ],
    [
      'of another relay',
      (_: AddressTokens, wire: InMemoryWire) => wireWith(8)[1].issue(address, wire.now),
    ],
    ['made up', () => token],
  ])('denies one %s', (_what, tokenOf) => {
    const [wire, tokens] = wireWith(7);
    const end = wire.connect();
    ask(wire, end, address, tokenOf(tokens, wire));
    expect(answers(end)).toEqual(['no']);
    expect(wire.server.counters.get('address-check-no')).toBe(1);
  });

  test('denies one that is older than ten minutes', () => {
    const [wire, tokens] = wireWith(7);
    const end = wire.connect();
    const old = tokens.issue(address, wire.now);
    wire.advance(599_000);
    ask(wire, end, address, old);
    wire.advance(3_000);
    ask(wire, end, address, old);
    expect(answers(end)).toEqual(['yes', 'no']);
  });

  test('answers a connection sixteen at once and one a second, and refuses the rest of a flood', () => {
    const [wire, tokens] = wireWith(7);
    const end = wire.connect();
    const good = tokens.issue(address, wire.now);
    for (let i = 0; i < 1000; i++) ask(wire, end, address, good);
    expect(answers(end).filter((outcome) => outcome === 'yes')).toHaveLength(16);
    expect(answers(end).filter((outcome) => outcome === 'refused')).toHaveLength(984);
    expect(wire.server.counters.get('address-check-refused')).toBe(984);
    wire.advance(3_000);
    for (let i = 0; i < 10; i++) ask(wire, end, address, good);
    expect(answers(end).filter((outcome) => outcome === 'yes')).toHaveLength(19);
    // Others have their own.
    const next = wire.connect();
    ask(wire, next, address, good);
    expect(answers(next)).toEqual(['yes']);
  });

  test('keeps a bounded number of answers for who floods it and reads nothing', () => {
    const [wire] = wireWith(7);
    const end = wire.connect();
    end.stalled = true;
    for (let i = 0; i < 10_000; i++) ask(wire, end, address, token);
    expect(wire.server.counters.get('drop-control-full')).toBeGreaterThan(5000);
    expect(end.closedByServer).toBeUndefined();
  });

  test('does nothing for who has not proved a key, and closes on a question that is too short', () => {
    const [wire] = wireWith(7);
    const stranger = wire.accept();
    wire.server.handle({ type: 'bytes', connection: stranger, bytes: VECTORS.check4 }, wire.now);
    wire.settle();
    expect(wire.server.counters.get('closed-first-frame-not-client-info')).toBe(1);
    expect(wire.server.counters.get('address-check-no')).toBe(0);
    const end = wire.connect();
    const short = VECTORS.check4.slice(0, 44);
    short[4] = 39;
    wire.server.handle({ type: 'bytes', connection: end.id, bytes: short }, wire.now);
    wire.settle();
    expect(end.closedByServer).toBe('bad-address-check');
  });
});

test('a relay without tokens refuses', () => {
  const wire = new InMemoryWire(1);
  const end = wire.connect();
  ask(wire, end, address, token);
  expect(answers(end)).toEqual(['refused']);
});

test('a client that is told of a question it did not ask goes on', () => {
  const wire = new InMemoryWire(1);
  const end = wire.connect();
  end.client.handle({ type: 'bytes', bytes: VECTORS.yes }, wire.now);
  end.client.handle({ type: 'bytes', bytes: encodeKeepAlive() }, wire.now);
  wire.settle();
  expect(answers(end)).toEqual(['yes']);
  expect(end.heard.some(({ type }) => type === 'close')).toBe(false);
});
