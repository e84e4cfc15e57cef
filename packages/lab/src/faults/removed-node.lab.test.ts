/**
 * A node that is deleted at the hub while it talks: nobody takes it any more, it knows, says what to do, leaves
 * everybody in peace, and comes back with a new key. `left - right` is a direct pair, `hard` reaches both
 * through the hub's relay only.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ADMIN_SOCKET } from '../mesh/places.js';
import { skipsLab } from '../testing/lab-ring.js';
import { OneHubNetwork } from './one-hub-network.js';
import { report } from './report.js';
import { TunnelPing } from './tunnel-ping.js';

const skips = await skipsLab();

/** From the command to the last packet that a peer answers; measured 0.1 to 0.2 s. */
const CUT_OFF_MS = 5_000;
/** Until the node itself has understood; measured 0.3 s. */
const UNDERSTOOD_MS = 5_000;
/** As long as it is watched for dials, after it has understood: it asks control twice a minute, relays never. */
const WATCHED_MS = 10_000;
const SETTLE_MS = 20_000;

describe.skipIf(skips)('a removed node', () => {
  let network: OneHubNetwork;

  beforeAll(async () => {
    network = await OneHubNetwork.start(['left', 'right', 'hard']);
  });

  afterAll(async () => {
    await network.close();
  });

  beforeEach(async () => {
    await network.statusUntil('left', 'two peers', ({ peers }) => peers.length === 2, SETTLE_MS);
  });

  async function remove(machine: string): Promise<void> {
    const node = (await network.nodes()).find(({ hostName }) => hostName === machine);
    const command = ['control', '--admin-socket', ADMIN_SOCKET, 'nodes', 'delete'];
    await network.cli.run('hub', [...command, String(node?.id)]);
  }

  async function rejoin(machine: string): Promise<string> {
    const { key } = await network.createKey();
    const join = ['--login-server', network.url, '--auth-key', key];
    await network.cli.run(machine, ['up', ...join]);
    const { self } = await network.status(machine);
    const address = self?.addresses.find((candidate) => candidate.includes('.'));
    if (address === undefined) throw new Error(`${machine} has no address`);
    return address;
  }

  /** TCP connections that reached the hub's port since its firewall counts them. */
  async function dialsOf(publicAddress: string): Promise<() => Promise<number>> {
    await network.sh(
      'hub',
      `nft delete table inet watch 2>/dev/null; nft -f - <<'END'
table inet watch {
  chain in {
    type filter hook input priority 0; policy accept;
    ip saddr ${publicAddress} tcp flags syn / syn,ack counter
  }
}
END`,
    );
    return async () => {
      const rules = await network.sh('hub', 'nft list table inet watch');
      return Number(/counter packets (\d+)/.exec(rules)?.[1]);
    };
  }

  test.each([
    ['right', 'directly'],
    ['hard', 'through the relay'],
  ] as const)('that talks: %s, %s', async (machine, _path) => {
    const ping = new TunnelPing(network.world, 'left', network.addressOf(machine));
    const back = new TunnelPing(network.world, machine, network.addressOf('left'));
    await Promise.all([ping.steady(SETTLE_MS), back.steady(SETTLE_MS)]);
    const before = (await network.status(machine)).self;
    const removedAt = Date.now();
    await remove(machine);
    const left = await network.statusUntil(
      machine,
      'out of the network',
      ({ state }) => state === 'NeedsLogin',
      UNDERSTOOD_MS,
    );
    const understoodMs = Date.now() - removedAt;
    await network.statusUntil('left', 'one peer', ({ peers }) => peers.length === 1);
    const dials = await dialsOf(network.world.publicAddressOf(machine));
    await sleep(WATCHED_MS);
    const cutOffMs = Math.max(ping.lastReplyMs(removedAt), back.lastReplyMs(removedAt));
    const dialled = await dials();
    report(`${machine} removed while it talks`, {
      'last answered packet after ms': cutOffMs,
      'known to the node after ms': understoodMs,
      [`dials in the ${WATCHED_MS / 1000} s after`]: dialled,
    });
    expect(cutOffMs).toBeLessThan(CUT_OFF_MS);
    expect(dialled).toBe(0);
    ping.stop();
    back.stop();

    // It knows, and says what to do; nothing of the network is left on it.
    expect(left).toMatchObject({ self: null, peers: [] });
    expect(left.health).toEqual([
      expect.stringMatching(/deleted there; join again with `warren up --auth-key KEY`/),
    ]);
    const said = await network.cli.attempt(machine, ['status']);
    expect(said).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^Logged out\.\n[\s\S]*--auth-key/) as string,
    });
    expect((await network.cli.attempt(machine, ['ip'])).code).toBe(3);
    expect(await network.sh(machine, 'ip -o addr show dev warren0 | grep -c 100.64 || true')).toBe(
      '0',
    );

    // The same process comes back, as another node or the same: that is the hub's choice.
    network.addresses.set(machine, await rejoin(machine));
    expect((await network.status(machine)).self).toMatchObject({ nodeKey: before?.nodeKey });
    const again = new TunnelPing(network.world, 'left', network.addressOf(machine));
    await again.steady(SETTLE_MS);
    again.stop();
  });

  test('that was away meanwhile hears of it when it comes back', async () => {
    await network.killDaemon('hard');
    await remove('hard');
    await network.startDaemon('hard');
    const { health } = await network.statusUntil(
      'hard',
      'out of the network',
      ({ state }) => state === 'NeedsLogin',
    );
    expect(health.join(' ')).toMatch(/join again with `warren up --auth-key KEY`/);
    network.addresses.set('hard', await rejoin('hard'));
    const ping = new TunnelPing(network.world, 'left', network.addressOf('hard'));
    await ping.steady(SETTLE_MS);
    ping.stop();
  });

  test('that logs out is gone for the others, and remembers where it was', async () => {
    const before = (await network.status('right')).self;
    const { stdout } = await network.cli.attempt('right', ['logout', '--json']);
    expect(JSON.parse(stdout)).toEqual({ state: 'NeedsLogin', told: true });
    expect(await network.status('right')).toMatchObject({ state: 'NeedsLogin', self: null });
    const listed = (await network.nodes()).find(({ hostName }) => hostName === 'right');
    expect(listed).toMatchObject({ expired: true });
    const address = network.addressOf('right');
    const ping = ['ping', '-c', '3', '-W', '1', address];
    expect((await network.world.run('left', ping)).code).toBe(1);
    // Without a key a person has to let it in; a wait that was given up leaves the server known.
    const waited = await network.cli.attempt('right', ['up', '--timeout', '10s']);
    expect(waited.stderr).toMatch(/To authenticate, visit:[\s\S]*\(UP_TIMEOUT\)/);
    const { key } = await network.createKey();
    await network.cli.run('right', ['login', '--auth-key', key]);
    const after = (await network.status('right')).self;
    expect(after?.addresses).toEqual(before?.addresses);
    expect(after?.nodeKey).not.toBe(before?.nodeKey);
    const again = new TunnelPing(network.world, 'left', address);
    await again.steady(SETTLE_MS);
    again.stop();
    await network.cli.run('right', ['down', '--end-daemon']);
    expect((await network.cli.attempt('right', ['status'])).stderr).toMatch(/DAEMON_ABSENT/);
  });
});
