import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Prefix, prefixOf } from '../ip/prefix.js';
import { numberAddress } from '../ip/range.js';
import { SITE_MAX, viaNetwork, viaPrefix } from './via-prefix.js';

const p = (text: string): Prefix => text as Prefix;

test('an IPv4 network of a site has one IPv6 prefix', () => {
  expect(viaPrefix({ site: 7, network: p('10.1.1.0/24') })).toBe(
    'fd7a:115c:a1e0:b1a:0:7:a01:100/120',
  );
  expect(viaPrefix({ site: 0xffff, network: p('0.0.0.0/0') })).toBe(
    'fd7a:115c:a1e0:b1a:0:ffff::/96',
  );
  expect(viaPrefix({ site: 7, network: p('fd00::/64') })).toBeUndefined();
  expect(viaPrefix({ site: SITE_MAX + 1, network: p('10.0.0.0/8') })).toBeUndefined();
});

test.each([
  'fd7a:115c:a1e0:b1a::/64',
  'fd7a:115c:a1e0:b1b::/96',
  'fd7a:115c:a1e0:b1a:1::/96',
  '10.0.0.0/8',
])('%s stands for no network of a site', (prefix) => expect(viaNetwork(p(prefix))).toBeUndefined());

test('both ways lead back', () => {
  const network = fc
    .tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 32 }))
    .map(([address, bits]) => prefixOf(numberAddress(BigInt(address), 4), bits));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: SITE_MAX }), network, (site, of) => {
      const prefix = viaPrefix({ site, network: of });
      expect(prefix === undefined ? undefined : viaNetwork(prefix)).toEqual({ site, network: of });
    }),
  );
});
