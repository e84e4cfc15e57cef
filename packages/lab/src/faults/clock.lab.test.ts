/**
 * Clocks that are an hour wrong: a machine's when it joins, while it runs and between two runs; the hub's from
 * the start, while it runs and after a restart. `left - right` is a direct pair, `hard` needs the relay.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { NODE_STATE } from '../mesh/places.js';
import { skipsLab } from '../testing/lab-ring.js';
import { OneHubNetwork } from './one-hub-network.js';
import { OTHER_CLOCK_ENV, setClock, skipsOtherClock } from './other-clock.js';
import { report } from './report.js';
import { TunnelPing } from './tunnel-ping.js';

const skips = (await skipsLab()) || skipsOtherClock();

const HOUR_S = 3600;
const SETTLE_MS = 20_000;
/** As for any daemon that is killed and started (recovery.lab.test.ts). */
const HEAL_MS = 5_000;
const LOST_AT_MOST = 3;
const CLOCK_SENTENCE = /clock is 60 minutes (ahead of|behind) the control server/;

describe.skipIf(skips)('a clock that is an hour wrong', () => {
  let network: OneHubNetwork;
  let direct: TunnelPing;

  beforeAll(async () => {
    const places = ['hub', 'left', 'hard'];
    network = await OneHubNetwork.start(['left', 'right'], {
      env: Object.fromEntries(places.map((place) => [place, OTHER_CLOCK_ENV])),
      // Its certificate, its keys and its first netmaps are of a wrong time.
      beforeServers: (world) => setClock(world, 'hub', HOUR_S),
    });
    direct = new TunnelPing(network.world, 'left', network.addressOf('right'));
  });

  afterAll(async () => {
    await network.close();
  });

  beforeEach(async () => {
    await direct.steady(SETTLE_MS);
  });

  async function setBack(): Promise<void> {
    for (const place of ['hub', 'left', 'hard']) await setClock(network.world, place, 0);
  }

  async function clockSentences(machine: string): Promise<readonly string[]> {
    const { health } = await network.status(machine);
    return health.filter((sentence) => sentence.includes('clock'));
  }

  /** A machine that the hub has never seen. */
  async function startFresh(): Promise<void> {
    await network.sh('hard', `rm -rf ${NODE_STATE}/*`);
    await network.startDaemon('hard');
  }

  /** Before this no handshake of left's next run is dated; 0 until there is one. */
  async function handshakeTime(): Promise<number> {
    const text = await network.sh('left', `cat ${NODE_STATE}/handshake-time || true`);
    return text === '' ? 0 : Date.parse(text);
  }

  /** Ends all of left's sessions and has it begin others. Gives the time until there is traffic again. */
  async function newSessions(): Promise<number> {
    await network.cli.run('left', ['down']);
    const downAt = Date.now();
    await network.cli.run('left', ['up']);
    return direct.steady(SETTLE_MS, downAt);
  }

  async function joinHard(): Promise<TunnelPing> {
    await startFresh();
    // By the hub's clock it ends in ten minutes; by a clock that is an hour ahead it ended long ago.
    const { key } = await network.createKey('--expiry', '10m');
    await network.cli.run('hard', ['up', '--login-server', network.url, '--auth-key', key]);
    const { self } = await network.status('hard');
    const address = self?.addresses.find((candidate) => candidate.includes('.')) ?? '';
    const ping = new TunnelPing(network.world, 'left', address);
    await ping.steady(SETTLE_MS);
    return ping;
  }

  test('the hub’s, when it was set up: everything works, and machines say so', async () => {
    expect(await clockSentences('left')).toEqual([expect.stringMatching(/60 minutes behind/)]);
    const { stdout, code } = await network.cli.attempt('left', ['status']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/# +- This machine's clock is 60 minutes behind/);
    (await joinHard()).stop();
    await network.killDaemon('hard');
  });

  test('the hub’s is set right, then it is restarted an hour behind', async () => {
    const since = Date.now();
    await setBack();
    await sleep(1000);
    const { key } = await network.createKey('--expiry', '30m');
    await setClock(network.world, 'hub', HOUR_S);
    // The hub's clock alone decides when a key has ended.
    await startFresh();
    const join = ['up', '--login-server', network.url, '--auth-key', key];
    const late = await network.cli.attempt('hard', join);
    expect(late.stderr).toMatch(/auth key.*\(LOGIN_REFUSED\)/);
    await setClock(network.world, 'hub', -HOUR_S);
    await network.killHub();
    await network.startHub();
    const startedAt = Date.now();
    await network.statusUntil('left', 'a hub that is behind', ({ health }) =>
      health.some((sentence) => /60 minutes ahead/.test(sentence)),
    );
    await network.cli.run('hard', join);
    report('hub restarted an hour behind', {
      'all back after ms': Date.now() - startedAt,
      'lost direct pings': direct.lostSince(since),
    });
    expect(direct.lostSince(since)).toBeLessThanOrEqual(LOST_AT_MOST);
    await network.killDaemon('hard');
    await setBack();
    await network.killHub();
    await network.startHub();
  });

  test.each([
    ['ahead', HOUR_S],
    ['behind', -HOUR_S],
  ] as const)('a machine’s, %s, when it joins', async (_side, aheadS) => {
    await setClock(network.world, 'hard', aheadS);
    const ping = await joinHard();
    expect(await clockSentences('hard')).toEqual([expect.stringMatching(CLOCK_SENTENCE)]);
    expect(await clockSentences('right')).toEqual([]);
    ping.stop();
    await network.killDaemon('hard');
    await setBack();
  });

  test.each([
    ['forward', 0, HOUR_S],
    ['back', HOUR_S, 0],
  ] as const)('a machine’s, set %s while it talks', async (_where, before, after) => {
    await setClock(network.world, 'left', before);
    const firstMs = await newSessions();
    const setAt = Date.now();
    await setClock(network.world, 'left', after);
    await network.statusUntil(
      'left',
      'its word for it',
      ({ health }) => health.some((sentence) => CLOCK_SENTENCE.test(sentence)) === (after !== 0),
    );
    await sleep(1000);
    expect(direct.lostSince(setAt)).toBeLessThanOrEqual(LOST_AT_MOST);
    // New sessions, which it begins: with a time that its peers take for a replay they would wait for an hour.
    const healedMs = await newSessions();
    report('clock set while the daemon runs', {
      'first traffic after ms': firstMs,
      'traffic of new sessions after ms': healedMs,
    });
    expect(healedMs).toBeLessThan(HEAL_MS);
    await setBack();
  });

  test('a machine’s, an hour further back at its next start', async () => {
    await setClock(network.world, 'left', HOUR_S);
    // Until one of its handshakes is dated then: it may be its peer that begins.
    const halfAnHourAhead = Date.now() + HOUR_S * 500;
    for (let tries = 0; tries < 20 && (await handshakeTime()) < halfAnHourAhead; tries++) {
      await newSessions();
    }
    const latest = await handshakeTime();
    expect(latest).toBeGreaterThan(halfAnHourAhead);
    await network.killDaemon('left');
    await setBack();
    const startedAt = Date.now();
    network.launchDaemon('left');
    const healedMs = await direct.steady(SETTLE_MS, startedAt);
    report('started an hour earlier than it ended', { 'traffic after ms': healedMs });
    expect(healedMs).toBeLessThan(HEAL_MS);
    // Its handshakes are still dated after those of the run before.
    expect(await handshakeTime()).toBeGreaterThanOrEqual(latest);
  });
});
