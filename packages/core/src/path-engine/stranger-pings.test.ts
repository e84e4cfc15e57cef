import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { instant } from '../base/instant.js';
import { encodeCallMeMaybe } from '../disco/messages.js';
import type { Endpoint } from '../ip/address.js';
import { addressPings, prefixPings, StrangerPings, totalPings } from './stranger-pings.js';
import { Attack, targets } from './testing/attack.js';

const at = (text: string): Endpoint => text as Endpoint;

/** How many of so many pings a second to `remote(n)` go out within `seconds`. */
function sentOf(
  pings: StrangerPings,
  remote: (n: number) => string,
  { perSecond, seconds }: { perSecond: number; seconds: number },
): number {
  let sent = 0;
  for (let n = 0; n < perSecond * seconds; n++) {
    if (pings.take(at(remote(n)), instant((n * 1000) / perSecond))) sent++;
  }
  return sent;
}

const flood = { perSecond: 2_000, seconds: 30 };
const mostOf = ({ burst, perSecond }: { burst: number; perSecond: number }): number =>
  burst + perSecond * flood.seconds;

test.each([
  [
    'one host on all its ports',
    (n: number) => `203.0.113.9:${1 + (n % 65_535)}`,
    addressPings,
    'address',
  ],
  ['the hosts of one network', (n: number) => `203.0.113.${n % 256}:9`, prefixPings, 'prefix'],
  [
    'one network of IPv6',
    (n: number) => `[2001:db8:0:${n % 10}::${n % 4096}]:9`,
    prefixPings,
    'prefix',
  ],
  [
    'hosts everywhere',
    (n: number) => `${1 + (n % 200)}.${(n >> 3) & 255}.${n & 255}.1:9`,
    totalPings,
    'total',
  ],
])(
  '%s get a bounded number of pings, however many peers name them',
  (_who, remote, limit, reason) => {
    const counters = new Counters();
    const sent = sentOf(new StrangerPings(counters), remote, flood);
    expect(sent).toBeLessThanOrEqual(mostOf(limit));
    expect(sent).toBeGreaterThanOrEqual(limit.burst);
    expect(counters.get(`ping-stranger-${reason}-limit`)).toBeGreaterThan(0);
  },
);

test('who answered is pinged as often as it takes, and does not use up what strangers get', () => {
  const pings = new StrangerPings(new Counters());
  pings.answered(at('203.0.113.9:41641'));
  expect(sentOf(pings, () => '203.0.113.9:41641', flood)).toBe(60_000);
  expect(sentOf(pings, () => '203.0.113.9:41642', { perSecond: 100, seconds: 1 })).toBe(100);
});

test('a flood at some does not keep pings from others', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({ min: 1, max: 65_535 }), (address, port) => {
      fc.pre(!address.startsWith('203.0.113.'));
      const pings = new StrangerPings(new Counters());
      sentOf(pings, () => '203.0.113.9:9', { perSecond: 2_000, seconds: 1 });
      expect(pings.take(at(`${address}:${port}`), instant(1_000))).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test('peers whose every address is one stranger’s aim no more than that at it', () => {
  const attack = new Attack();
  const netmap = attack.netmap();
  const [evil] = [...netmap.peers.values()].filter(({ key }) => key === attack.evil.key);
  if (evil === undefined) throw new Error('the attacker is a peer');
  // Forty peers of the attacker, all with its disco key and thirty ports of the stranger.
  const crowd = Array.from({ length: 40 }, (_, n) => ({
    ...evil,
    id: 1_000 + n,
    key: (n + 16).toString(16).padStart(64, '0') as typeof evil.key,
    endpoints: Array.from({ length: 30 }, (__, i) => at(`203.0.113.200:${1_000 + 30 * n + i}`)),
  }));
  const peers = new Map([...netmap.peers, ...crowd.map((peer) => [peer.id, peer] as const)]);
  attack.victim.setNetmap({ ...netmap, peers });
  const { engine } = attack.victim;
  let pings = 0;
  const start = attack.world.now;
  for (let second = 0; second < 20; second++) {
    for (const { key, endpoints } of crowd) {
      engine.handle(
        { type: 'up', message: { type: 'peer-active', peer: key, at: attack.world.now } },
        attack.world.now,
      );
      pings += targets(attack.relay(attack.seal(encodeCallMeMaybe(endpoints)), key)).filter((to) =>
        to.startsWith('203.0.113.200:'),
      ).length;
    }
    attack.world.run(1_000);
  }
  const seconds = (attack.world.now - start) / 1000;
  expect(pings).toBeGreaterThan(0);
  expect(pings).toBeLessThanOrEqual(addressPings.burst + addressPings.perSecond * seconds);
  expect(attack.count('ping-stranger-address-limit')).toBeGreaterThan(0);
});
