import { expect, test } from 'vitest';
import { natBehaviours } from '../nat/profiles.js';
import type { NatProfile } from '../topology/types.js';
import { inSeries, possibilityOf, type Situation } from './possibility.js';

let places = 0;
const behind = (nat: NatProfile | undefined, more: Partial<Situation> = {}): Situation => ({
  network: `net${places++}`,
  nat: nat && natBehaviours[nat],
  odd: false,
  ipv4: true,
  ipv6: false,
  ...more,
});

test('IPv4: one easy side is enough where the other lets its address in; two hard ones are unsure', () => {
  expect(possibilityOf(behind('easy'), behind('easy'))).toBe('direct');
  expect(possibilityOf(behind('hard'), behind(undefined))).toBe('direct');
  expect(possibilityOf(behind('hard'), behind('restricted-cone'))).toBe('direct');
  expect(possibilityOf(behind('hard'), behind('easy'))).toBe('unknown');
  expect(possibilityOf(behind('hard'), behind('hard'))).toBe('unknown');
});

test('without UDP there is no direct path, over no family', () => {
  const blocked = behind('udp-blocked', { ipv6: true });
  expect(possibilityOf(blocked, behind(undefined, { ipv6: true }))).toBe('relay');
});

test('IPv6 at both ends makes up for any NAT', () => {
  const six = { ipv6: true, odd: true };
  expect(possibilityOf(behind('hard', six), behind('hard', six))).toBe('direct');
  expect(possibilityOf(behind('hard', { ipv6: true }), behind('hard'))).toBe('unknown');
});

test('without a family in common nothing is said', () => {
  const onlySix = behind('easy', { ipv4: false, ipv6: true });
  expect(possibilityOf(onlySix, behind('easy'))).toBe('unknown');
});

test('two NATs in series are as hard and as strict as the worse', () => {
  const { easy, hard } = natBehaviours;
  expect(inSeries(natBehaviours['full-cone'], easy)).toMatchObject({
    mapping: 'endpoint-independent',
    filtering: 'address-and-port-dependent',
  });
  expect(inSeries(easy, hard).mapping).toBe('address-and-port-dependent');
  expect(inSeries(natBehaviours['udp-blocked'], easy).udp).toBe(false);
});
