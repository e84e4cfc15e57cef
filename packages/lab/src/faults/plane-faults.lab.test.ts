/**
 * What the system does to a data plane that has traffic: refuses its datagrams, aborts its socket, takes its routes or
 * its device away. On both planes; the daemon goes on, or ends with its reason, and never spins.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LOG_FILE } from '../mesh/places.js';
import { skipsLab } from '../testing/lab-ring.js';
import { OneHubNetwork } from './one-hub-network.js';
import { report } from './report.js';
import { TunnelPing } from './tunnel-ping.js';

const skips = await skipsLab();

/** Whose system misbehaves, and who it talks to, directly. */
const OURS = 'open';
const PEER = 'left';
const PORT = 41_641;
const FAULT_MS = 6_000;
const HEAL_MS = 20_000;
/** A hundred pings a second take some percent of a core; a loop that never sleeps takes all of it. */
const BUSY_SHARE_MAX = 0.6;
/** USER_HZ, which is 100 wherever Linux runs Node. */
const TICK_MS = 10;

const WAYS = { fast: {}, portable: { WARREN_DATA_PLANE: 'portable' } } as const;

/** Each with how to end it; empty: it needs no ending. */
const FAULTS = [
  [
    'a packet filter that drops our UDP (EPERM)',
    `nft -f - <<'END'
table inet fault {
  chain out { type filter hook output priority 0; oifname != "warren0" meta l4proto udp drop; }
}
END`,
    'nft delete table inet fault',
  ],
  [
    'no route to anywhere (ENETUNREACH)',
    'ip route show default > /run/route; ip route del default',
    'ip route add $(cat /run/route)',
  ],
  ['an aborted socket (POLLERR)', `ss -K -u -a "sport = :${PORT}"`, ''],
  [
    'a device that is set down again and again',
    'for i in 1 2 3 4; do ip link set warren0 down; sleep 1; done',
    '',
  ],
] as const;

describe.skipIf(skips).for(Object.entries(WAYS))('the %s plane', ([way, env]) => {
  let network: OneHubNetwork;
  let there: TunnelPing;
  let back: TunnelPing;

  beforeAll(async () => {
    const machines = [OURS, PEER];
    network = await OneHubNetwork.start(machines, { env: { [OURS]: env, [PEER]: env } });
    there = new TunnelPing(network.world, OURS, network.addressOf(PEER));
    back = new TunnelPing(network.world, PEER, network.addressOf(OURS));
  });
  afterAll(async () => {
    await network.close();
  });
  beforeEach(async () => {
    await Promise.all([there.steady(HEAL_MS), back.steady(HEAL_MS)]);
    await network.statusUntil(OURS, 'a direct path', isDirect, HEAL_MS);
  });

  const isDirect = ({ peers }: { readonly peers: readonly object[] }): boolean =>
    JSON.stringify(peers).includes('"direct"');

  async function cpuMs(): Promise<number> {
    const stat = await network.sh('world', `cat /proc/${network.pidOf(OURS)}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }

  test.for(FAULTS)('%s', async ([fault, begin, end]) => {
    const pid = network.pidOf(OURS);
    const flood = network.sh(
      OURS,
      `ping -q -n -i 0.01 -c 600 -W 1 ${network.addressOf(PEER)} || true`,
    );
    const [cpuBefore, startedAt] = [await cpuMs(), performance.now()];
    await network.sh(OURS, begin);
    await sleep(Math.max(0, FAULT_MS - (performance.now() - startedAt)));
    const share = ((await cpuMs()) - cpuBefore) / (performance.now() - startedAt);
    await flood;
    const endedAt = Date.now();
    if (end !== '') await network.sh(OURS, end);
    const healedMs = await there.steady(HEAL_MS, endedAt);
    await back.steady(HEAL_MS, endedAt);
    await network.statusUntil(OURS, 'a direct path again', isDirect, 2 * HEAL_MS);
    const { state, counters } = await network.status(OURS);
    report(`${way}, ${fault}`, {
      'CPU share': share.toFixed(2),
      'healed after': `${healedMs} ms`,
      counters: JSON.stringify(counters),
    });
    expect(state).toBe('Running');
    expect(network.pidOf(OURS)).toBe(pid);
    expect(share).toBeLessThan(BUSY_SHARE_MAX);
  });

  test('a device that is deleted under traffic ends the daemon with code and hint, and the next one works', async () => {
    await network.sh(OURS, 'ip link del warren0');
    await network.daemonEnded(OURS);
    const log = await network.sh(OURS, `tail -n 8 ${LOG_FILE}`);
    expect(log).toContain('TUN_GONE');
    expect(log).toContain('find out which program removes network devices');
    await network.startDaemon(OURS);
    await network.cli.run(OURS, ['up']);
    await back.steady(HEAL_MS, Date.now());
  });
});
