/**
 * The tunnel's device under a real daemon: what `up` and `down` promise about it, in whatever order and company
 * they come, and what happens when others lay hands on it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { LOG_FILE } from '../mesh/places.js';
import { skipsLab } from '../testing/lab-ring.js';

const skips = await skipsLab();

/** The machine whose device suffers, and a peer. */
const OURS = 'open';
const PEER = 'left';
/** A repair comes with the next look at the interfaces, or with the next try after 10 s. */
const REPAIR_MS = 20_000;

describe.skipIf(skips)('the device', () => {
  let network: OneHubNetwork;

  beforeAll(async () => {
    network = await OneHubNetwork.start([OURS, PEER]);
  });
  afterAll(async () => {
    await network.close();
  });
  beforeEach(async () => {
    await network.cli.run(OURS, ['up']);
  });

  const warren = (...args: readonly string[]) => network.cli.attempt(OURS, args);
  const sh = (script: string): Promise<string> => network.sh(OURS, script);
  const addresses = (): Promise<string> => sh('ip -o addr show dev warren0');
  const routes = (): Promise<string> => sh('ip route; ip -6 route');
  const peerAnswers = (): Promise<string> => sh(`ping -c 1 -W 5 ${network.addressOf(PEER)}`);

  /** Addresses and routes, as `up` promises them. */
  async function isStanding(): Promise<boolean> {
    const [there, led] = await Promise.all([addresses(), routes()]);
    return (
      there.includes(network.addressOf(OURS)) &&
      ['100.64.0.0/10', 'fd7a:115c:a1e0::/48'].every((range) =>
        led.includes(`${range} dev warren0`),
      )
    );
  }

  test('up says so when addresses and routes stand, not before', async () => {
    for (let round = 0; round < 5; round++) {
      await network.cli.run(OURS, ['down']);
      expect(await addresses()).not.toContain(network.addressOf(OURS));
      expect(await routes()).not.toContain('warren0');
      expect((await warren('up')).code).toBe(0);
      expect(await isStanding()).toBe(true);
    }
    await peerAnswers();
  });

  test('a node that is down has no UDP socket', async () => {
    const sockets = (): Promise<string> => sh('cat /proc/net/udp /proc/net/udp6');
    const port = ':A2A9 '; // 41641
    expect(await sockets()).toContain(port);
    await network.cli.run(OURS, ['down']);
    expect(await sockets()).not.toContain(port);
  });

  test('up and down in one breath leave what the last one asked for', async () => {
    for (let round = 0; round < 4; round++) {
      const all = [warren('down'), warren('up'), warren('down'), warren('up')];
      for (const { code } of await Promise.all(all)) expect([0, 1]).toContain(code);
      expect((await warren('down')).code).toBe(0);
      expect(await addresses()).not.toContain(network.addressOf(OURS));
      expect((await network.status(OURS)).state).toBe('Stopped');
      expect((await warren('up')).code).toBe(0);
      expect(await isStanding()).toBe(true);
    }
  });

  test('an up that is repeated disturbs nothing, with or without the server it has', async () => {
    await peerAnswers();
    const before = await network.status(OURS);
    expect((await warren('up', '--login-server', `${network.url}/`)).code).toBe(0);
    const { key } = await network.createKey();
    expect((await warren('up', '--login-server', network.url, '--auth-key', key)).code).toBe(0);
    const after = await network.status(OURS);
    expect(before.history).not.toEqual([]);
    expect(after.history).toEqual(before.history);
  });

  test('an up that waits hears that somebody ran down, and one beside it of the same', async () => {
    await network.cli.run(OURS, ['down']);
    await network.killHub();
    try {
      const waiting = [warren('up'), warren('up')];
      await network.statusUntil(OURS, 'waiting', ({ state }) => state !== 'Stopped');
      await sleep(1_000);
      await network.cli.run(OURS, ['down']);
      for (const { code, stderr } of await Promise.all(waiting)) {
        expect(stderr).toContain('UP_INTERRUPTED');
        expect(code).toBe(1);
      }
    } finally {
      await network.startHub();
    }
  });

  test('a ping ends when its node goes down', async () => {
    const ping = warren('ping', '--until-direct=false', '-c', '100', PEER);
    await sleep(1_500);
    await network.cli.run(OURS, ['down']);
    const { code, stderr } = await ping;
    expect(stderr).toContain('NOT_RUNNING');
    expect(code).toBe(3);
  });

  test('a route of another VPN stays its own, up says what is wrong, and all heals when it goes', async () => {
    await network.cli.run(OURS, ['down']);
    const other = '100.64.0.0/10 dev other0';
    await sh(`ip tuntap add dev other0 mode tun && ip link set other0 up && ip route add ${other}`);
    const { code, stderr } = await warren('up');
    expect(stderr).toContain('TUN_CONFIGURE');
    expect(code).toBe(1);
    expect(await routes()).toContain(other);
    expect(await routes()).not.toContain('100.64.0.0/10 dev warren0');
    const { health } = await network.status(OURS);
    expect(health.join()).toContain('leads into another network device');
    await sh('ip link del other0');
    await network.statusUntil(OURS, 'healthy', (status) => status.health.length === 0, REPAIR_MS);
    expect(await isStanding()).toBe(true);
  });

  test.each([
    ['takes its addresses away', 'ip addr flush dev warren0'],
    ['sets it down', 'ip link set warren0 down'],
  ])('somebody who %s is put right', async (_, deed) => {
    await peerAnswers();
    await sh(deed);
    await expect.poll(isStanding, { timeout: REPAIR_MS }).toBe(true);
    await peerAnswers();
    // The next repair would be held back.
    await sleep(10_000);
  });

  test('a device that is deleted ends the daemon with its reason; the next one starts clean', async () => {
    await sh('ip link del warren0');
    await network.daemonEnded(OURS);
    expect(await sh(`tail -n 5 ${LOG_FILE}`)).toContain('TUN_GONE');
    await network.startDaemon(OURS);
    await network.statusUntil(OURS, 'up again', ({ state }) => state === 'Running');
    await network.cli.run(OURS, ['up']);
    expect(await isStanding()).toBe(true);
    await peerAnswers();
  });
});
