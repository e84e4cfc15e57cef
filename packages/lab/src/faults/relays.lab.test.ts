/**
 * Relays that die and relays that fall silent while others live. `left - hard` talks through the relay that all
 * call home, `left - right` directly.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { skipsLab } from '../testing/lab-ring.js';
import { threeRelays } from '../topology/three-relays.js';
import { OneHubNetwork, withoutPortSearches } from './one-hub-network.js';
import { report } from './report.js';
import { TunnelPing } from './tunnel-ping.js';

const skips = await skipsLab();

const MACHINES = ['left', 'right', 'hard'] as const;
const RELAYS = {
  near: { id: 902, code: 'near', name: 'Near' },
  spare: { id: 903, code: 'spare', name: 'Spare' },
} as const;
/** Before anything is broken. */
const SETTLE_MS = 30_000;
/** A home that refuses connections for 10 s isn't one; then a check, and control tells the peers. */
const REFUSED_MS = 40_000;
/** A silent relay is found out by a pong that does not come (10 s and 3 s), then it is dialled for 10 s. */
const SILENT_MS = 70_000;
const LOST_AT_MOST = 3;

describe.skipIf(skips)('relays', () => {
  let network: OneHubNetwork;
  let direct: TunnelPing;
  let relayed: TunnelPing;

  beforeAll(async () => {
    network = await OneHubNetwork.start(MACHINES, {
      topology: threeRelays,
      relays: RELAYS,
      env: withoutPortSearches(MACHINES),
      // Measured on a busy computer `spare` may look nearer than `near`, and a home is kept: at first there is none.
      beforeDaemons: (starting) => starting.signalRelay('spare', 'STOP'),
    });
    await homes((region) => region === 'near', SETTLE_MS);
    await network.signalRelay('spare', 'CONT');
    direct = new TunnelPing(network.world, 'left', network.addressOf('right'));
    relayed = new TunnelPing(network.world, 'left', network.addressOf('hard'));
  });

  afterAll(async () => {
    await network.close();
  });

  beforeEach(async () => {
    await Promise.all([direct.steady(SETTLE_MS), relayed.steady(SETTLE_MS)]);
    await network.statusUntil('left', 'its pairs as usual', ({ peers }) => {
      const paths = Object.fromEntries(peers.map(({ hostName, path }) => [hostName, path]));
      return paths['right'] === 'direct' && paths['hard'] === 'relay';
    });
  });

  /** Until every machine calls a region home that is as wanted. Gives the time it took. */
  async function homes(is: (region: string | null) => boolean, timeoutMs: number): Promise<number> {
    const startedAt = Date.now();
    for (const machine of MACHINES) {
      const isThere = ({ self }: { self: { relay: string | null } | null }): boolean =>
        is(self?.relay ?? null);
      await network.statusUntil(machine, 'another home', isThere, timeoutMs);
    }
    return Date.now() - startedAt;
  }

  async function breakRelay(
    place: 'near' | 'spare',
    signal: 'KILL' | 'STOP',
    limitMs: number,
  ): Promise<void> {
    await homes((region) => region === place, SETTLE_MS);
    const brokenAt = Date.now();
    await network.signalRelay(place, signal);
    const [relayedMs, homeMs] = await Promise.all([
      relayed.steady(limitMs, brokenAt),
      homes((region) => region !== null && region !== place, limitMs),
    ]);
    await sleep(2000);
    report(`the home relay ${signal === 'KILL' ? 'killed' : 'silent'}`, {
      'relayed traffic after ms': relayedMs,
      'all have another home after ms': homeMs,
      'longest relayed gap ms': relayed.longestGapMs(brokenAt),
      'lost direct pings': direct.lostSince(brokenAt),
    });
    expect(relayedMs).toBeLessThan(limitMs);
    expect(direct.lostSince(brokenAt)).toBeLessThanOrEqual(LOST_AT_MOST);
  }

  test('the home relay is killed, and comes back', async () => {
    await breakRelay('near', 'KILL', REFUSED_MS);
    const backAt = Date.now();
    await network.startRelay('near');
    await sleep(5000);
    // A home is not left for one that has just failed: both pairs go on undisturbed.
    expect(relayed.lostSince(backAt)).toBeLessThanOrEqual(LOST_AT_MOST);
    await homes((region) => region === 'spare', SETTLE_MS);
  });

  test('the home relay falls silent', async () => {
    await breakRelay('spare', 'STOP', SILENT_MS);
    const backAt = Date.now();
    await network.signalRelay('spare', 'CONT');
    await sleep(5000);
    expect(relayed.lostSince(backAt)).toBeLessThanOrEqual(LOST_AT_MOST);
  });
});
