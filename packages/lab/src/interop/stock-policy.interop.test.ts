/**
 * One policy for a stock client and a Warren node: each enforces it on what comes in, each forgets whom it may
 * not reach, and a change reaches both on the streams that they have, while a ping runs.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HubNumbers, OneHubNetwork } from '../faults/one-hub-network.js';
import { tailOfLog, until } from '../mesh/places.js';
import { ANSWER_SECONDS, answerQuestions, isAnswered } from '../traffic/questions.js';
import { skipsGoPeers } from './go-peers.js';
import type { StockClient } from './stock-client.js';
import { joinStock } from './stock-hub.js';

const skips = await skipsGoPeers('tailscaled', 'tailscale');

const OURS = 'left';
const STOCK = 'right';
const FILE = '/run/policy.hujson';
const [OPEN_PORT, SHUT_PORT] = [7000, 7001];
const EVERYBODY = [{ action: 'accept', src: ['*'], dst: ['*:*'] }];
/** How often the running ping asks. */
const PING_SECONDS = 0.2;

describe.skipIf(skips)('a policy over a stock client and a Warren node', () => {
  let network: OneHubNetwork;
  let stock: StockClient;

  async function write(content: string): Promise<void> {
    const replace = ['sh', '-c', `cat > ${FILE}.new && mv ${FILE}.new ${FILE}`];
    await network.world.run('hub', replace, { input: content });
  }

  const control = async (): Promise<HubNumbers['control']> => (await network.hubNumbers()).control;

  /** Gives the hub other rules and waits until it has told somebody. */
  async function setRules(acls: readonly object[]): Promise<void> {
    const deltas = async (): Promise<number> => (await control()).counters['map-delta'] ?? 0;
    const before = await deltas();
    await write(`{ // by the test\n "acls": ${JSON.stringify(acls)}, }`);
    await until(network.world, 'hub', 'a delta', async () => {
      if ((await deltas()) === before) throw new Error('not yet');
    });
  }

  /** Until both sides see each other, or neither does. */
  async function seeEachOther(wanted: boolean): Promise<void> {
    await network.statusUntil(
      OURS,
      wanted ? 'the stock client' : 'nobody',
      ({ peers }) => peers.some(({ hostName }) => hostName === STOCK) === wanted,
    );
    await until(network.world, STOCK, wanted ? 'our node' : 'nobody', async () => {
      if ((await stock.peers()).has(OURS) !== wanted) throw new Error('not yet');
    });
  }

  const asks = (from: string, to: string, port: number): Promise<boolean> =>
    isAnswered(network.world, 'tcp', from, network.addressOf(to), port);

  async function pings(from: string, to: string): Promise<boolean> {
    const argv = ['ping', '-n', '-c', '1', '-W', String(ANSWER_SECONDS), network.addressOf(to)];
    return (await network.world.run(from, argv)).code === 0;
  }

  beforeAll(async () => {
    network = await OneHubNetwork.start([OURS], {
      hubFlags: ['--policy-file', FILE],
      beforeServers: async (world) => {
        const input = JSON.stringify({ acls: EVERYBODY });
        await world.run('hub', ['sh', '-c', `cat > ${FILE}`], { input });
      },
    });
    const clients = await joinStock(network, [STOCK], { tun: 'tailscale0' });
    stock = clients.get(STOCK) as StockClient;
    for (const machine of [OURS, STOCK]) {
      await answerQuestions(network.world, machine, [OPEN_PORT, SHUT_PORT]);
    }
    await seeEachOther(true);
  });

  afterAll(async () => {
    await network?.close();
  });

  test('that lets everybody in is enforced by nobody', async () => {
    expect(await asks(OURS, STOCK, SHUT_PORT)).toBe(true);
    expect(await asks(STOCK, OURS, SHUT_PORT)).toBe(true);
  });

  test('of one port towards the stock client: it drops the rest, and our node all that it sends', async () => {
    const dst = [`${network.addressOf(STOCK)}:${OPEN_PORT}`];
    await setRules([{ action: 'accept', src: [network.addressOf(OURS)], dst, proto: 'tcp' }]);
    await until(network.world, OURS, 'the stock client shut', async () => {
      if (await asks(OURS, STOCK, SHUT_PORT)) throw new Error('still open');
    });
    expect(await asks(OURS, STOCK, OPEN_PORT)).toBe(true);
    expect(await asks(STOCK, OURS, OPEN_PORT)).toBe(false);
    expect(await pings(STOCK, OURS)).toBe(false);
    // Who may be reached is seen both ways.
    await seeEachOther(true);
  });

  test('of one port towards our node: it drops the rest, and the stock client all that it sends', async () => {
    const dst = [`${network.addressOf(OURS)}:${OPEN_PORT}`];
    await setRules([{ action: 'accept', src: [network.addressOf(STOCK)], dst, proto: 'tcp' }]);
    await until(network.world, STOCK, 'our node open', async () => {
      if (!(await asks(STOCK, OURS, OPEN_PORT))) throw new Error('still shut');
    });
    expect(await asks(STOCK, OURS, SHUT_PORT)).toBe(false);
    expect(await asks(OURS, STOCK, OPEN_PORT)).toBe(false);
    expect(await pings(OURS, STOCK)).toBe(false);
  });

  test('that denies all, then allows: a running ping stops and goes on, on the streams that were there', async () => {
    await setRules(EVERYBODY);
    await until(network.world, OURS, 'a pong', async () => {
      if (!(await pings(OURS, STOCK))) throw new Error('none');
    });
    const before = await control();
    const address = network.addressOf(STOCK);
    const ping = network.world.exec(OURS, ['ping', '-n', '-i', String(PING_SECONDS), address]);
    let pongs = 0;
    ping.stdout?.on('data', (part: Buffer) => {
      pongs += (part.toString().match(/ bytes from /g) ?? []).length;
    });
    /** How many come in two seconds. */
    const rate = async (): Promise<number> => {
      const from = pongs;
      await new Promise((resolve) => setTimeout(resolve, 2000));
      return pongs - from;
    };
    try {
      await until(network.world, OURS, 'pongs', async () => {
        if ((await rate()) === 0) throw new Error('none');
      });
      await setRules([]);
      await seeEachOther(false);
      await until(network.world, OURS, 'silence', async () => {
        if ((await rate()) > 0) throw new Error('still pongs');
      });
      await setRules(EVERYBODY);
      await seeEachOther(true);
      await until(network.world, OURS, 'pongs again', async () => {
        if ((await rate()) === 0) throw new Error('none');
      });
    } finally {
      ping.kill('SIGTERM');
    }
    const after = await control();
    expect(after.counters['map-full']).toBe(before.counters['map-full']);
    expect([before.mapStreams, after.mapStreams]).toEqual([2, 2]);
  });

  test('that makes no sense changes nothing, and the hub says where', async () => {
    await write('{ "acls": [],\n "tests": [{ "src": "ann@", "accept": ["100.64.0.1:22"] }] }');
    await until(network.world, 'hub', 'a word in the log', () => {
      if (!tailOfLog(network.world, 'hub').includes('POLICY_TESTS')) throw new Error('not yet');
    });
    expect(tailOfLog(network.world, 'hub')).toContain(`${FILE}:2: ann@ must reach`);
    expect(await pings(STOCK, OURS)).toBe(true);
  });
});
