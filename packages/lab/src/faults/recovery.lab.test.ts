/**
 * What breaks while the network is in use, and how long the traffic takes to heal: daemons and the hub killed,
 * a hub without power, links that go and come back, addresses that change. `left - right` is a direct pair
 * through two NATs, `left - hard` one that only the hub's relay connects; both are pinged all the while.
 *
 * Each test prints its figures. Limits are for a busy machine; the figures are what to look at.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HUB_STATE, NODE_STATE, until } from '../mesh/places.js';
import { skipsLab } from '../testing/lab-ring.js';
import { OneHubNetwork, withoutPortSearches } from './one-hub-network.js';
import { report } from './report.js';
import { TunnelPing } from './tunnel-ping.js';

const skips = await skipsLab();

/** The target for a daemon that comes back, from its start on; and for everything that takes one dial or two. */
const HEAL_MS = 5_000;
/** After an outage: the pause before the next dial (5 s and its spread), and the dial. */
const AFTER_OUTAGE_MS = 12_000;
/** As long as the hub, or a link, is away. */
const HUB_OUTAGE_MS = 20_000;
const LINK_OUTAGE_MS = 20_000;
/** Without a hub: a start's patience with it, and WireGuard's 15 s until a lost session is noticed, on a busy machine. */
const ALONE_MS = 60_000;
const NETMAP_FILE = `${NODE_STATE}/netmap.json`;
const MACHINES = ['left', 'right', 'hard'];
/** Of direct traffic while the hub is away: "at most a few". */
const LOST_AT_MOST = 3;
/** Before anything is broken the pair must be in its usual state. */
const SETTLE_MS = 15_000;

describe.skipIf(skips)('recovery', () => {
  let network: OneHubNetwork;
  let direct: TunnelPing;
  let relayed: TunnelPing;

  beforeAll(async () => {
    network = await OneHubNetwork.start(MACHINES, { env: withoutPortSearches(MACHINES) });
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

  /** Until `left` has a direct path to `right` again. */
  async function untilDirect(sinceMs: number, timeoutMs: number): Promise<number> {
    const isDirect = ({ peers }: Awaited<ReturnType<typeof network.status>>): boolean =>
      peers.some(({ hostName, path }) => hostName === 'right' && path === 'direct');
    await network.statusUntil('left', 'direct', isDirect, timeoutMs);
    return Date.now() - sinceMs;
  }

  function resumedIn({ counters }: Awaited<ReturnType<typeof network.status>>): number {
    return counters['control-map-resumed'] ?? 0;
  }

  /** How often the daemon of each machine has gone on with the network map that it held. */
  async function resumedMaps(): Promise<ReadonlyMap<string, number>> {
    const counted = MACHINES.map(
      async (machine) => [machine, resumedIn(await network.status(machine))] as const,
    );
    return new Map(await Promise.all(counted));
  }

  async function untilOnline(machines: number, sinceMs: number): Promise<number> {
    for (;;) {
      const online = (await network.nodes()).filter((node) => node.online);
      if (online.length === machines) return Date.now() - sinceMs;
      expect(Date.now() - sinceMs, 'machines come back online').toBeLessThan(60_000);
      await sleep(100);
    }
  }

  test.each([
    ['right', 'the direct pair'],
    ['hard', 'the relayed pair'],
  ] as const)('a daemon that is killed: %s, of %s', async (machine, _pair) => {
    const ping = machine === 'right' ? direct : relayed;
    const before = (await network.status(machine)).self;
    await network.killDaemon(machine);
    const startedAt = Date.now();
    network.launchDaemon(machine);
    const healedMs = await ping.steady(HEAL_MS * 4, startedAt);
    report(`daemon of ${machine} killed and started`, { 'traffic after ms': healedMs });
    expect(healedMs).toBeLessThan(HEAL_MS);
    const after = await network.statusUntil(machine, 'up', ({ state }) => state === 'Running');
    expect(after.self).toMatchObject({ nodeKey: before?.nodeKey, addresses: before?.addresses });
  });

  test('a daemon that is killed while nobody talks to it: the first packet comes through', async () => {
    // `right` has an old session with `hard`'s former process by then.
    const address = network.addressOf('hard');
    const once = (): Promise<string> => network.sh('right', `ping -c 1 -W 5 ${address}`);
    await once();
    await network.killDaemon('hard');
    await network.startDaemon('hard');
    await network.statusUntil('hard', 'up', ({ state }) => state === 'Running');
    await relayed.steady(HEAL_MS * 4);
    const startedAt = Date.now();
    await once();
    report('first packet to a machine that was started anew', { ms: Date.now() - startedAt });
  });

  test('a hub that is killed and started at once', async () => {
    const keys = `cat ${HUB_STATE}/control.key ${HUB_STATE}/relay.key ${HUB_STATE}/tls.pem | cksum`;
    const [keysBefore, nodesBefore] = [await network.sh('hub', keys), await network.nodes()];
    const resumedBefore = await resumedMaps();
    const killedAt = Date.now();
    await network.killHub();
    const startedAt = Date.now();
    await network.startHub();
    const relayedMs = await relayed.steady(AFTER_OUTAGE_MS * 2, startedAt);
    const onlineMs = await untilOnline(3, startedAt);
    report('hub killed and started', {
      'relayed traffic after ms': relayedMs,
      'all machines online after ms': onlineMs,
      'lost direct pings': direct.lostSince(killedAt),
      'longest direct gap ms': direct.longestGapMs(killedAt),
    });
    expect(relayedMs).toBeLessThan(HEAL_MS);
    expect(onlineMs).toBeLessThan(HEAL_MS * 2);
    expect(direct.lostSince(killedAt)).toBeLessThanOrEqual(LOST_AT_MOST);
    expect(await network.sh('hub', keys)).toBe(keysBefore);
    const identity = ({ hostName, nodeKey, addresses }: (typeof nodesBefore)[number]) =>
      [hostName, nodeKey, ...addresses].join(' ');
    const nodesAfter = await network.nodes();
    expect(nodesAfter.map(identity).sort()).toEqual(nodesBefore.map(identity).sort());
    // Nobody was told anew what it knew; the hub's own count began with its start.
    for (const machine of MACHINES) {
      const before = resumedBefore.get(machine) ?? 0;
      await network.statusUntil(machine, 'a resumed map', (status) => resumedIn(status) > before);
    }
    const { control } = await network.hubNumbers();
    expect(control.counters['map-resumed']).toBeGreaterThanOrEqual(MACHINES.length);
  });

  test('a hub without power for 20 s, in which a daemon starts', async () => {
    const before = (await network.status('hard')).self;
    const cutAt = Date.now();
    // No goodbye leaves a machine that lost its power.
    await network.sh(
      'hub',
      `nft -f - <<'END'
table inet power {
  chain out { type filter hook output priority 0; policy drop; }
  chain in { type filter hook input priority 0; policy drop; }
}
END`,
    );
    await network.killHub();
    await network.killDaemon('hard');
    // With nothing to go on with.
    await network.sh('hard', `rm ${NETMAP_FILE}`);
    await network.startDaemon('hard');
    const waiting = await network.statusUntil(
      'hard',
      'what it waits for',
      ({ health }) => health.length > 0,
    );
    expect(waiting).toMatchObject({ state: 'Starting', loginServer: network.url });
    expect(waiting.health).toEqual([expect.stringMatching(/control server.*3\.210\.5\.10/)]);
    const asText = await network.cli.attempt('hard', ['status']);
    expect(asText.code).toBe(1);
    expect(asText.stdout).toMatch(/control server.*3\.210\.5\.10/);
    const asked = await network.cli.attempt('hard', ['up', '--timeout', '1s']);
    expect(asked.stderr).toMatch(/^error: not up within 1s.*\(UP_TIMEOUT\)$/m);
    await sleep(Math.max(0, HUB_OUTAGE_MS - (Date.now() - cutAt)));
    const lost = direct.lostSince(cutAt);
    const gapMs = direct.longestGapMs(cutAt);
    await network.sh('hub', 'nft delete table inet power');
    const startedAt = Date.now();
    await network.startHub();
    await network.statusUntil(
      'hard',
      'up',
      ({ state }) => state === 'Running',
      AFTER_OUTAGE_MS * 2,
    );
    const joinedMs = Date.now() - startedAt;
    const relayedMs = await relayed.steady(AFTER_OUTAGE_MS * 2, startedAt);
    const onlineMs = await untilOnline(3, startedAt);
    report('hub without power for 20 s', {
      'waiting daemon joined after ms': joinedMs,
      'relayed traffic after ms': relayedMs,
      'all machines online after ms': onlineMs,
      'lost direct pings': lost,
      'longest direct gap ms': gapMs,
    });
    expect(lost).toBeLessThanOrEqual(LOST_AT_MOST);
    expect(joinedMs).toBeLessThan(AFTER_OUTAGE_MS);
    expect(relayedMs).toBeLessThan(AFTER_OUTAGE_MS);
    expect((await network.status('hard')).self).toMatchObject({
      nodeKey: before?.nodeKey,
      addresses: before?.addresses,
    });
  });

  test('a machine that starts while the hub is away goes on with the network as it was', async () => {
    const before = (await network.status('right')).self;
    await until(network.world, 'right', 'its file', () =>
      network.sh('right', `test -s ${NETMAP_FILE}`),
    );
    await network.killHub();
    await network.killDaemon('right');
    const startedAt = Date.now();
    await network.startDaemon('right');
    const { self, peers, health } = await network.statusUntil(
      'right',
      'Running',
      ({ state }) => state === 'Running',
    );
    const runningMs = Date.now() - startedAt;
    expect(self).toMatchObject({ nodeKey: before?.nodeKey, addresses: before?.addresses });
    expect(peers.map(({ hostName }) => hostName).sort()).toEqual(['hard', 'left']);
    expect(health.join('\n')).toMatch(/not there at the start: the network is what it was at 20/);
    expect(health.join('\n')).toMatch(/can't be reached/);
    expect((await network.cli.attempt('right', ['up'])).code).toBe(0);
    // It speaks first; what the other sends into the old session is heard when that has noticed.
    await until(network.world, 'right', 'a pong', () =>
      network.sh('right', `ping -n -c 1 -W 2 ${network.addressOf('left')}`),
    );
    const spokenMs = Date.now() - startedAt;
    const directMs = await direct.steady(ALONE_MS, startedAt);
    await untilDirect(startedAt, ALONE_MS);
    const backAt = Date.now();
    await network.startHub();
    const onlineMs = await untilOnline(3, backAt);
    await network.statusUntil('right', 'nothing to say', (status) => status.health.length === 0);
    report('a daemon without a hub', {
      'running after ms': runningMs,
      'first pong after ms': spokenMs,
      'direct traffic after ms': directMs,
      'with the hub back, all machines online after ms': onlineMs,
    });
  });

  test('down and up again', async () => {
    const before = (await network.status('right')).self;
    await network.cli.run('right', ['down']);
    const stopped = await network.status('right');
    expect(stopped).toMatchObject({ state: 'Stopped', self: null, peers: [] });
    const downAt = Date.now();
    await sleep(1500);
    expect(direct.longestGapMs(downAt)).toBeGreaterThan(1000);
    const startedAt = Date.now();
    await network.cli.run('right', ['up']);
    const upMs = Date.now() - startedAt;
    const healedMs = await direct.steady(HEAL_MS * 4, startedAt);
    report('down, then up', { '`up` took ms': upMs, 'traffic after ms': healedMs });
    expect(healedMs).toBeLessThan(HEAL_MS);
    expect((await network.status('right')).self).toMatchObject({
      nodeKey: before?.nodeKey,
      addresses: before?.addresses,
    });
  });

  test('a machine that gets another address', async () => {
    const startedAt = Date.now();
    await network.sh(
      'left',
      `ip addr flush dev eth0 && ip addr add 192.168.11.77/24 dev eth0 &&
       ip route replace default via 192.168.11.1`,
    );
    const [directMs, relayedMs] = await Promise.all([
      direct.steady(HEAL_MS * 4, startedAt),
      relayed.steady(HEAL_MS * 4, startedAt),
    ]);
    const pathMs = await untilDirect(startedAt, HEAL_MS * 4);
    for (;;) {
      const left = (await network.nodes()).find(({ hostName }) => hostName === 'left');
      if (left?.endpoints.some((endpoint) => endpoint.startsWith('192.168.11.77:'))) break;
      expect(Date.now() - startedAt, 'control hears of the address').toBeLessThan(20_000);
      await sleep(100);
    }
    report('another address', {
      'direct traffic after ms': directMs,
      'relayed traffic after ms': relayedMs,
      'direct path after ms': pathMs,
      'control knows after ms': Date.now() - startedAt,
    });
    expect(Math.max(directMs, relayedMs)).toBeLessThan(HEAL_MS);
  });

  test('a link that is down for 20 s', async () => {
    const route = await network.sh('right', 'ip route show default');
    await network.sh('right', 'ip link set eth0 down');
    await sleep(LINK_OUTAGE_MS);
    const startedAt = Date.now();
    await network.sh('right', `ip link set eth0 up && ip route replace ${route}`);
    const healedMs = await direct.steady(HEAL_MS * 4, startedAt);
    const pathMs = await untilDirect(startedAt, HEAL_MS * 4);
    const onlineMs = await untilOnline(3, startedAt);
    report('link down for 20 s', {
      'traffic after ms': healedMs,
      'direct path after ms': pathMs,
      'online after ms': onlineMs,
    });
    expect(healedMs).toBeLessThan(HEAL_MS);
  });
});
