import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeHex, hexLiteral } from '../base/bytes.js';
import { instant } from '../base/instant.js';
import { bitFlips, extensions, truncations } from '../base/mutations.js';
import { SeededRandom } from '../base/seeded-random.js';
import { nobleCrypto } from '../crypto/noble.js';
import { addressFromBytes, type IpAddress } from '../ip/address.js';
import { ADDRESS_TOKEN_BYTES, AddressTokens, addressTokenValidMs } from './address-tokens.js';

const v4 = '203.0.113.9' as IpAddress;
const v6 = '2001:db8::9' as IpAddress;
const issuedAt = instant(90_500);

/** Of the secret 00 01 .. 1f, at second 90; computed with an independent implementation of BLAKE2s. */
const vectors = {
  v4: '0000005a8e781325b05b289be8396fbb',
  v6: '0000005a7eb724c95ce7a9acdbe38901',
};

const counting = {
  fill: (target: Uint8Array) => {
    target.forEach((_, at) => {
      target[at] = at;
    });
    return target;
  },
};

function tokensOf(seed: number): AddressTokens {
  return new AddressTokens(nobleCrypto, new SeededRandom(seed));
}

const anyAddress = fc
  .oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  )
  .map((bytes) => addressFromBytes(bytes));

test('tokens are those of the vectors, and recognized', () => {
  const tokens = new AddressTokens(nobleCrypto, counting);
  expect(encodeHex(tokens.issue(v4, issuedAt))).toBe(vectors.v4);
  expect(encodeHex(tokens.issue(v6, issuedAt))).toBe(vectors.v6);
  expect(tokens.confirms(v4, hexLiteral(vectors.v4), issuedAt)).toBe(true);
  expect(tokens.confirms(v6, hexLiteral(vectors.v6), issuedAt)).toBe(true);
});

test('any token is worth its address and no other one', () => {
  const tokens = tokensOf(1);
  fc.assert(
    fc.property(anyAddress, anyAddress, fc.nat({ max: 2 ** 40 }), (one, other, ms) => {
      const token = tokens.issue(one, instant(ms));
      expect(token).toHaveLength(ADDRESS_TOKEN_BYTES);
      expect(tokens.confirms(one, token, instant(ms))).toBe(true);
      expect(tokens.confirms(other, token, instant(ms))).toBe(one === other);
    }),
  );
});

test('an IPv4 address in IPv6 form is the same address', () => {
  const tokens = tokensOf(1);
  const mapped = addressFromBytes(hexLiteral('00000000000000000000ffffcb007109'));
  expect(tokens.confirms(mapped, tokens.issue(v4, issuedAt), issuedAt)).toBe(true);
});

test('a token lives ten minutes, and not before it was given', () => {
  const tokens = tokensOf(1);
  const token = tokens.issue(v4, issuedAt);
  const isWorth = (ms: number): boolean => tokens.confirms(v4, token, instant(issuedAt + ms));
  expect(isWorth(addressTokenValidMs)).toBe(true);
  expect(isWorth(addressTokenValidMs + 1000)).toBe(false);
  expect(isWorth(10 * addressTokenValidMs)).toBe(false);
  expect(isWorth(-1000)).toBe(false);
});

test('no other issuer recognizes it: neither another relay nor the same one after a restart', () => {
  const token = tokensOf(1).issue(v4, issuedAt);
  expect(tokensOf(2).confirms(v4, token, issuedAt)).toBe(false);
});

test('a token with any bit turned, cut or with more behind it is none', () => {
  const tokens = tokensOf(1);
  const token = tokens.issue(v4, issuedAt);
  for (const damaged of [...bitFlips(token), ...truncations(token), ...extensions(token)]) {
    expect(tokens.confirms(v4, damaged, issuedAt)).toBe(false);
  }
});

test('random tokens are none', () => {
  const tokens = tokensOf(1);
  const anyToken = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(anyAddress, anyToken, (address, token) => {
      expect(tokens.confirms(address, token, issuedAt)).toBe(false);
    }),
  );
});
