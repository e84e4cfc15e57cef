/**
 * A machine that runs plain WireGuard (wireguard-go, set up by wg-quick with the file that the hub prints) behind a
 * NAT, in a network of Warren nodes and a stock client.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { until } from '../mesh/places.js';
import { skipsGoPeers } from './go-peers.js';
import type { StockClient } from './stock-client.js';
import { joinStock } from './stock-hub.js';

const skips = await skipsGoPeers('tailscaled', 'tailscale');

/** Behind an easy NAT each, but for the first. */
const [OPEN, HOME, PHONE, STOCK] = ['open', 'left', 'right', 'hard'];
const POLICY = '/run/policy.hujson';
const CONFIG = '/run/phone.conf';
const EVERYBODY = [{ action: 'accept', src: ['*'], dst: ['*:*'] }];

describe.skipIf(skips)('a plain WireGuard machine', () => {
  let network: OneHubNetwork;
  let stock: StockClient;
  let config: string;

  async function nodes(...line: readonly string[]): Promise<string> {
    const result = await network.warren('hub', 'control', 'nodes', ...line)([]);
    expect(result.code, result.stderr).toBe(0);
    return result.stdout;
  }

  async function setRules(acls: readonly object[]): Promise<void> {
    const replace = ['sh', '-c', `cat > ${POLICY}.new && mv ${POLICY}.new ${POLICY}`];
    await network.world.run('hub', replace, { input: JSON.stringify({ acls }) });
  }

  async function pings(from: string, to: string): Promise<boolean> {
    const argv = ['ping', '-n', '-c', '1', '-W', '2', network.addressOf(to)];
    return (await network.world.run(from, argv)).code === 0;
  }

  const untilPings = (from: string, to: string, wanted = true): Promise<unknown> =>
    until(network.world, from, `${wanted ? 'a pong' : 'silence'} of ${to}`, async () => {
      if ((await pings(from, to)) !== wanted) throw new Error('not yet');
    });

  beforeAll(async () => {
    network = await OneHubNetwork.start([OPEN, HOME], {
      hubFlags: ['--policy-file', POLICY],
      beforeServers: async (world) => {
        const input = JSON.stringify({ acls: EVERYBODY });
        await world.run('hub', ['sh', '-c', `cat > ${POLICY}`], { input });
      },
    });
    stock = (await joinStock(network, [STOCK])).get(STOCK) as StockClient;
    config = await nodes('add-wireguard', 'phone', '--generate');
    const secret = /^PrivateKey = (.+)$/m.exec(config)?.[1] ?? '';
    network.addresses.set(PHONE, /^Address = ([\d.]+)\/32/m.exec(config)?.[1] ?? '');
    // Until the node in the open has told where strangers reach it.
    config = await until(network.world, 'hub', 'an endpoint', async () => {
      const now = await nodes('wireguard-config', 'phone');
      if (!now.includes('\nEndpoint = ')) throw new Error('not yet');
      return now.replace('PrivateKey = ', `PrivateKey = ${secret}`);
    });
    const run = [
      'sh',
      '-ec',
      `umask 077; mkdir -p /run/wireguard; cat > ${CONFIG}; wg-quick up ${CONFIG}`,
    ];
    const up = await network.world.run(PHONE, run, { input: config, timeoutMs: 30_000 });
    expect(up.code, up.stderr).toBe(0);
  });

  afterAll(async () => {
    await network?.close();
  });

  test('has a file that names whom it meets, and whom it can’t', () => {
    const [met, missed] = config.split('# Out of reach');
    expect(met).toContain('Endpoint = 52.20.10.11:');
    expect(met).not.toContain('# left.');
    expect(missed).toMatch(/left\.warren\.internal/);
  });

  test('talks with a Warren node, which finds it behind its NAT', async () => {
    await untilPings(PHONE, OPEN);
    await untilPings(OPEN, PHONE);
    expect(await pings(PHONE, HOME)).toBe(false);
  });

  test('is found again when it speaks from another port', async () => {
    await network.sh(PHONE, 'wg set phone listen-port 7777');
    await untilPings(PHONE, OPEN);
    expect(await pings(OPEN, PHONE)).toBe(true);
    const { peers } = await network.status(OPEN);
    expect(JSON.stringify(peers.find(({ name }) => name.startsWith('phone.')))).toContain('direct');
  });

  test('is seen by a stock client', async () => {
    await until(network.world, STOCK, 'the phone', async () => {
      if (!(await stock.peers()).has('phone')) throw new Error('not yet');
    });
  });

  test('is shut out by a policy, and let in again, while it runs', async () => {
    await setRules([]);
    await untilPings(PHONE, OPEN, false);
    await setRules(EVERYBODY);
    await untilPings(PHONE, OPEN);
    await untilPings(OPEN, PHONE);
  });

  test('is out when it was deleted', async () => {
    await nodes('delete', 'phone');
    await untilPings(PHONE, OPEN, false);
    expect(await pings(OPEN, PHONE)).toBe(false);
  });
});
