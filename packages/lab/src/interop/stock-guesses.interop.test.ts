/**
 * A stock tailscaled that is made to guess: Warren nodes behind NATs of random ports open many of them towards it, and
 * call it with guesses of their own address's ports. What it does with them is its own business.
 *
 *     hard   Warren  all ports at random ──┐
 *     block  Warren  512 ports at random ──┴─ left    stock  easy NAT   direct, by its guesses
 *     right  Warren  easy NAT ────────────┐
 *     hard ───────────────────────────────┴─ harder  stock  hard NAT   relayed, whoever guesses
 */
import { cidr, ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { report } from '../faults/report.js';
import { until } from '../mesh/places.js';
import { twoClouds } from '../topology/two-clouds.js';
import { skipsGoPeers } from './go-peers.js';
import { receive, relayedBytes, send } from './overlay-traffic.js';
import type { StockClient } from './stock-client.js';
import { joinStock } from './stock-hub.js';

const skips = await skipsGoPeers('tailscaled', 'tailscale');

const WARREN = ['hard', 'block', 'right'];
const STOCK = ['left', 'harder'];
/** Six calls are the mean with 192 of 64,512 ports, and 24 of a hundred attempts all miss once: the next one hits. */
const DIRECT_MS = 150_000;
const TEST_MS = 200_000;
const GUESSES_AT_MOST = 64;
const CALLS_AT_MOST = 24;
/** No honest call of theirs lists as many. */
const GUESSES_AT_LEAST = 16;
const BYTES = 2_000_000;
/** The path is found before they are sent. */
const RELAYED_BYTES_AT_MOST = BYTES / 10;

const topology: Topology = {
  ...twoClouds,
  name: 'guessing-stock-client',
  networks: [
    ...twoClouds.networks,
    {
      name: 'carrier',
      region: 'town',
      addresses: [ip('44.230.9.15')],
      nat: 'port-block',
      lan: cidr('10.0.4.0/24'),
    },
  ],
  machines: [
    ...twoClouds.machines,
    { name: 'block', at: { kind: 'lan', network: 'carrier', address: ip('10.0.4.10') } },
  ],
};

/** A call with guesses as a stock client heard it. */
interface HeardCall {
  /** Its clock's, in whole seconds. */
  readonly second: number;
  readonly guesses: number;
}

interface Answer {
  readonly verdict: string;
  readonly rule: string;
  readonly reason: string;
}

describe.skipIf(skips)('a stock client that is called with guesses', () => {
  let network: OneHubNetwork;
  let clients: ReadonlyMap<string, StockClient>;

  beforeAll(async () => {
    network = await OneHubNetwork.start(WARREN, { topology });
    clients = await joinStock(network, STOCK);
    // Userspace daemons hand what comes in to the same port of 127.0.0.1.
    await receive(network.world, 'left', '127.0.0.1');
    for (const machine of STOCK) {
      await stock(machine).run('debug', 'component-logs', '--for=1h', 'magicsock');
    }
    for (const machine of ['hard', 'block']) {
      await network.statusUntil(
        machine,
        'its NAT and its peers',
        ({ self, peers }) =>
          self?.nat?.portAllocation === 'random' &&
          peers.filter(({ relay, online }) => relay !== null && online).length ===
            WARREN.length + STOCK.length - 1,
      );
    }
  });

  afterAll(async () => {
    await network?.close();
  });

  function stock(machine: string): StockClient {
    const client = clients.get(machine);
    if (client === undefined) throw new Error(`${machine} is not stock`);
    return client;
  }

  async function nodeKey(machine: string): Promise<string> {
    return (await network.status(machine)).self?.nodeKey ?? '';
  }

  function startPing(from: string, to: string): void {
    const output = { file: '/run/ping.log' };
    const argv = ['ping', '-i', '0.5', '-w', '180', network.addressOf(to)];
    network.world.exec(from, argv, { stdout: output, stderr: output });
  }

  async function why(from: string, to: string): Promise<Answer> {
    const { stdout } = await network.cli.attempt(from, ['why', to, '--json']);
    return JSON.parse(stdout) as Answer;
  }

  /** By what a stock client says of the calls that it got. */
  async function callsOf(caller: string, to: string): Promise<HeardCall[]> {
    const hex = (await nodeKey(caller)).replace('nodekey:', '');
    const short = Buffer.from(hex, 'hex').toString('base64').slice(0, 5);
    const log = await stock(to).log(100_000);
    const lines = log.matchAll(
      /^\S+ (\d+):(\d+):(\d+) .* \(\[(.{5})\], derp-\d+\) +got call-me-maybe, (\d+) endpoints$/gm,
    );
    return [...lines]
      .map(([, hours, minutes, seconds, from, count]) => ({
        second: Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds),
        guesses: Number(count),
        from,
      }))
      .filter(({ from, guesses }) => from === short && guesses >= GUESSES_AT_LEAST);
  }

  /** One a second at most, but for a second by which seconds are cut and one that a busy machine sits on. */
  function expectRestraint(calls: readonly HeardCall[]): void {
    for (const [first, call] of calls.entries()) {
      expect(call.guesses).toBe(GUESSES_AT_MOST);
      for (const [last, later] of calls.entries()) {
        if (last <= first) continue;
        // Midnight.
        const passed = (later.second - call.second + 86_400) % 86_400;
        expect(passed).toBeGreaterThanOrEqual(last - first - 2);
      }
    }
  }

  test.each([['hard'], ['block']])(
    '%s becomes direct by them, in both views',
    async (machine) => {
      const startedAt = Date.now();
      startPing(machine, 'left');
      const { peers } = await network.statusUntil(
        machine,
        'direct',
        (status) => status.peers.find(({ hostName }) => hostName === 'left')?.path === 'direct',
        DIRECT_MS,
      );
      const tookMs = Date.now() - startedAt;
      expect(peers.find(({ hostName }) => hostName === 'left')).toMatchObject({
        method: 'birthday',
        endpoint: `${network.world.publicAddressOf('left')}:41641`,
      });
      const { verdict, rule } = await why(machine, 'left');
      expect([verdict, rule]).toEqual(['direct', 'direct-birthday']);
      const outside = expect.stringContaining(
        `${network.world.publicAddressOf(machine)}:`,
      ) as string;
      const pongs = await stock('left').ping(network.addressOf(machine));
      expect(pongs.at(-1)).toEqual({ via: outside, isDirect: true });
      expect((await stock('left').peers()).get(machine)).toMatchObject({ CurAddr: outside });

      const calls = await callsOf(machine, 'left');
      report(`${machine} - left (stock), by its guesses`, {
        'direct after ms': tookMs,
        'calls with guesses': calls.length,
      });
      expect(calls.length).toBeGreaterThan(0);
      expectRestraint(calls);

      const keys = [(await stock('left').status()).Self.PublicKey, await nodeKey(machine)];
      const before = await relayedBytes(network.world, 'hub', keys);
      const sent = await send(network.world, machine, network.addressOf('left'), BYTES);
      expect(sent).toMatchObject({ bytes: BYTES, intact: true });
      const relayed = (await relayedBytes(network.world, 'hub', keys)) - before;
      expect(relayed).toBeLessThan(RELAYED_BYTES_AT_MOST);
    },
    TEST_MS,
  );

  test(
    'behind a hard NAT itself it stays relayed: it is called for a while, and `why` says so',
    async () => {
      startPing('hard', 'harder');
      const tried = /^harder does not tell .* Tried: birthday, \d+ sockets opened for guesses, /;
      const answer = await until(
        network.world,
        'hard',
        'calls',
        async () => {
          const { reason, ...others } = await why('hard', 'harder');
          const count = Number(/; (\d+) calls with guesses of our own ports/.exec(reason)?.[1]);
          if (!(count >= 3)) throw new Error(reason);
          expect(count).toBeLessThanOrEqual(CALLS_AT_MOST);
          return { reason, ...others };
        },
        DIRECT_MS,
      );
      expect(answer).toMatchObject({ verdict: 'relayed', rule: 'peer-not-warren' });
      expect(answer.reason).toMatch(tried);
      const calls = await callsOf('hard', 'harder');
      expect(calls.length).toBeGreaterThanOrEqual(3);
      expectRestraint(calls);
      expect((await stock('harder').peers()).get('hard')).toMatchObject({ CurAddr: '' });
    },
    TEST_MS,
  );

  test(
    'behind a hard NAT it gets no guesses from an easy one, whose port it knows, and stays relayed',
    async () => {
      startPing('right', 'harder');
      const answer = await until(
        network.world,
        'right',
        'two attempts',
        async () => {
          const heard = await why('right', 'harder');
          if (!heard.reason.includes('Tried: predict, no answer; again in')) {
            throw new Error(heard.reason);
          }
          return heard;
        },
        DIRECT_MS,
      );
      expect(answer).toMatchObject({ verdict: 'relayed', rule: 'peer-not-warren' });
      expect(await callsOf('right', 'harder')).toEqual([]);
      expect((await stock('harder').peers()).get('right')).toMatchObject({ CurAddr: '' });
    },
    TEST_MS,
  );
});
