/**
 * IPv6 as the underlay and inside the tunnel: hard NATs that meet by their native IPv6, a machine that has
 * nothing else, and everything that an application does over fd7a:115c:a1e0::/48.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { TunnelPing } from '../faults/tunnel-ping.js';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import { dualStack } from '../topology/dual-stack.js';
import type { TransferResult } from '../traffic/transfer-agent.js';
import { joinMachine, waitForPeers } from './machines.js';
import { statsSocketOf } from './places.js';
import { getJson } from './socket-json.js';

const skips = await skipsLab();

const HUB_IPV6 = '2a02:8109:b510::10';
const RIGHT_IPV6 = '2a02:8109:b512:1::a';
const SIX_IPV6 = '2a02:8109:b513::6';
const TRANSFER_BYTES = 2_000_000;
/** left - right takes 20 ms directly, 80 ms through the hub; a busy computer may add some. */
const DIRECT_RTT_MS = 60;

describe.skipIf(skips)('IPv6', () => {
  let network: OneHubNetwork;

  beforeAll(async () => {
    network = await OneHubNetwork.start(['left', 'right'], {
      topology: dualStack,
      hubFlags: ['--listen', ':443', '--ipv6', HUB_IPV6],
    });
    const { key } = await network.createKey('--reusable');
    await network.startDaemon('six');
    const join = ['--login-server', `https://[${HUB_IPV6}]`, '--auth-key', key];
    const address = await joinMachine(network.world, network.cli, 'six', join);
    network.addresses.set('six', address);
    await waitForPeers(network.world, ['left', 'right', 'six']);
  });
  afterAll(async () => {
    await network.close();
  });

  const sh = (machine: string, script: string): Promise<string> => network.sh(machine, script);

  async function overlayOf(machine: string): Promise<string> {
    const { self } = await network.status(machine);
    const address = self?.addresses.find((candidate) => candidate.includes(':'));
    expect(address).toMatch(/^fd7a:115c:a1e0:/);
    return address ?? '';
  }

  /** The direct path from one machine to another, made by talking; its endpoint. */
  async function directEndpoint(from: string, to: string): Promise<string> {
    const ping = new TunnelPing(network.world, from, network.addressOf(to));
    const status = await network.statusUntil(from, `a direct path to ${to}`, ({ peers }) =>
      peers.some(({ hostName, path }) => hostName === to && path === 'direct'),
    );
    ping.stop();
    return status.peers.find(({ hostName }) => hostName === to)?.endpoint ?? '';
  }

  interface RelayedPair {
    readonly source: string;
    readonly target: string;
    readonly dataFrames: number;
  }

  /** Data frames (not disco) that the hub's relay carried between two machines so far. */
  async function relayedFrames(a: string, b: string): Promise<number> {
    const statuses = await Promise.all([network.status(a), network.status(b)]);
    const keys = statuses.map(({ self }) => self?.nodeKey ?? '');
    const socket = statsSocketOf(network.world, 'hub');
    const { pairs } = await getJson<{ readonly pairs: readonly RelayedPair[] }>(
      ...([socket, 'stats', '/stats'] as const),
    );
    const between = pairs.filter(({ source, target }) =>
      [source, target].every((key) => keys.some((own) => own.endsWith(key))),
    );
    expect(between.length).toBeGreaterThan(0);
    return between.reduce((sum, { dataFrames }) => sum + dataFrames, 0);
  }

  test('two hard NATs with native IPv6 behind stateful firewalls meet directly by it', async () => {
    expect(await directEndpoint('left', 'right')).toBe(`[${RIGHT_IPV6}]:41641`);
    // A busy computer may lose a probe, and then both ways are used for a moment.
    await expect
      .poll(
        async () => {
          const before = await relayedFrames('left', 'right');
          const pings = `ping -n -q -c 20 -i 0.2 ${network.addressOf('right')}`;
          const average = Number(/= [\d.]+\/([\d.]+)\//.exec(await sh('left', pings))?.[1]);
          const relayed = (await relayedFrames('left', 'right')) - before;
          return { isDirect: average < DIRECT_RTT_MS, relayed };
        },
        { timeout: 30_000 },
      )
      .toEqual({ isDirect: true, relayed: 0 });
    const { self } = await network.status('right');
    const sorts = self?.endpoints.filter(({ addr }) => addr === `[${RIGHT_IPV6}]:41641`);
    expect(sorts).toMatchObject([{ type: 'stun' }]);
  });

  test('a machine without IPv4 joins by an IPv6 literal, calls the relay home and is met directly', async () => {
    const { self } = await network.status('six');
    expect(self?.relay).toBe('town');
    expect(self?.endpoints.map(({ addr }) => addr)).toEqual([`[${SIX_IPV6}]:41641`]);
    expect(await sh('six', 'ip route show default')).toBe('');
    expect(await directEndpoint('left', 'six')).toBe(`[${SIX_IPV6}]:41641`);
    expect(await directEndpoint('six', 'right')).toBe(`[${RIGHT_IPV6}]:41641`);
  });

  test('netcheck tells both families of who has them, and IPv6 alone of who has not', async () => {
    type Checked = Record<'ipv4' | 'ipv6' | 'globalV4' | 'globalV6', unknown>;
    const check = (machine: string) => network.cli.json<Checked>(machine, ['netcheck']);
    expect(await check('left')).toMatchObject({
      ipv4: true,
      ipv6: true,
      globalV6: '[2a02:8109:b511:1::a]:41641',
    });
    expect(await check('six')).toMatchObject({
      ipv4: false,
      ipv6: true,
      globalV4: null,
      globalV6: `[${SIX_IPV6}]:41641`,
    });
  });

  test('inside the tunnel IPv6 pings, and carries 2 MB over TCP', async () => {
    for (const [from, to] of [
      ['left', 'right'],
      ['six', 'left'],
    ] as const) {
      const address = await overlayOf(to);
      await sh(from, `ping -n -q -c 5 -i 0.2 -W 5 ${address}`);
      const listen = scriptArgv('traffic/transfer-agent', 'receive', '[::]:7100');
      const receiver = network.world.exec(to, listen, { stdout: 'ignore', stderr: 'ignore' });
      const send = scriptArgv(
        ...(['traffic/transfer-agent', 'send', `[${address}]:7100`] as const),
        String(TRANSFER_BYTES),
      );
      const result = JSON.parse(await sh(from, send.join(' '))) as TransferResult;
      expect(result).toMatchObject({ bytes: TRANSFER_BYTES, intact: true });
      receiver.kill('SIGKILL');
      await receiver.exited;
    }
  });

  test('packets whose inner IPv6 source is somebody else’s stay outside', async () => {
    const [own, foreign] = [await overlayOf('right'), await overlayOf('six')];
    await sh('left', `ip -6 addr add ${foreign}/128 dev warren0`);
    const said = await sh('left', `ping -n -q -c 3 -W 1 -I ${foreign} ${own} || true`);
    await sh('left', `ip -6 addr del ${foreign}/128 dev warren0`);
    expect(said).toContain('3 packets transmitted, 0 received');
    await sh('left', `ping -n -q -c 3 -W 5 ${own}`);
  });
});
