/**
 * A stock tailscaled in userspace mode beside Warren's nodes on one hub: it joins, its status is right, its
 * pings and ours go direct where NATs let them and through the hub's relay where not, bytes flow both ways.
 *
 *     left   stock    easy NAT         right  Warren   easy NAT        left - right, left - open: direct
 *     harder stock    hard NAT         hard   Warren   hard NAT        all others: relayed
 *                                      open   Warren   public
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork, withoutPortSearches } from '../faults/one-hub-network.js';
import { until } from '../mesh/places.js';
import { twoClouds } from '../topology/two-clouds.js';
import { pinnedVersion, skipsGoPeers } from './go-peers.js';
import { receive, relayedBytes, send, sendThroughSocks } from './overlay-traffic.js';
import type { StockClient } from './stock-client.js';
import { joinStock } from './stock-hub.js';

const skips = await skipsGoPeers('tailscaled', 'tailscale');

const WARREN = ['right', 'hard', 'open'];
const STOCK = ['left', 'harder'];
const BYTES = 2_000_000;
/** Of a direct transfer the relay may have seen the first packets, before the hole was punched. */
const RELAYED_BYTES_AT_MOST = BYTES / 10;

describe.skipIf(skips)('a stock client on a Warren hub', () => {
  let network: OneHubNetwork;
  let clients: ReadonlyMap<string, StockClient>;

  beforeAll(async () => {
    // What guessing makes direct is another test's matter (stock-guesses).
    const env = withoutPortSearches(WARREN);
    network = await OneHubNetwork.start(WARREN, { topology: twoClouds, env });
    clients = await joinStock(network, STOCK);
    await Promise.all(WARREN.map((machine) => seesAll(machine)));
    for (const machine of WARREN) await receive(network.world, machine, '0.0.0.0');
    // Userspace daemons hand what comes in to the same port of 127.0.0.1.
    for (const machine of STOCK) await receive(network.world, machine, '127.0.0.1');
  });

  afterAll(async () => {
    await network?.close();
  });

  /** Until a Warren node knows everybody, and by which relay. */
  function seesAll(machine: string): Promise<unknown> {
    const others = WARREN.length + STOCK.length - 1;
    return network.statusUntil(
      machine,
      'all peers',
      ({ peers }) =>
        peers.filter(({ relay, online }) => relay !== null && online).length === others,
    );
  }

  function stock(machine: string): StockClient {
    const client = clients.get(machine);
    if (client === undefined) throw new Error(`${machine} is not stock`);
    return client;
  }

  async function keyOf(machine: string): Promise<string> {
    if (STOCK.includes(machine)) return (await stock(machine).status()).Self.PublicKey;
    return (await network.status(machine)).self?.nodeKey ?? '';
  }

  test('is the version that is pinned', async () => {
    expect(await stock('left').run('version')).toContain(pinnedVersion('tailscaled'));
  });

  test.each(STOCK)('%s is running, and knows itself', async (machine) => {
    const status = await stock(machine).status();
    expect(status).toMatchObject({
      BackendState: 'Running',
      MagicDNSSuffix: 'warren.internal',
      Self: {
        HostName: machine,
        DNSName: `${machine}.warren.internal.`,
        Online: true,
        Relay: 'town',
      },
    });
    expect(status.Self.TailscaleIPs).toEqual([
      expect.stringMatching(/^100\.64\.0\.\d+$/),
      expect.stringMatching(/^fd7a:115c:a1e0::/),
    ]);
    expect(status.Health ?? []).toEqual([]);
  });

  test.each(STOCK)(
    '%s sees every peer with its name, addresses and relay, online',
    async (machine) => {
      const seen = await until(network.world, machine, 'its peers', async () => {
        const peers = await stock(machine).peers();
        const ready = [...peers.values()].filter((peer) => peer.Online && peer.Relay === 'town');
        if (ready.length < WARREN.length + STOCK.length - 1) throw new Error(JSON.stringify(ready));
        return peers;
      });
      const others = [...WARREN, ...STOCK].filter((other) => other !== machine);
      expect([...seen.keys()].sort()).toEqual(others.sort());
      for (const other of others) {
        const peer = seen.get(other);
        expect(peer?.DNSName).toBe(`${other}.warren.internal.`);
        expect(peer?.TailscaleIPs[0]).toBe(network.addresses.get(other));
        expect(peer?.OS).toBe('linux');
      }
    },
  );

  test('is a peer like any other in our status', async () => {
    const { peers } = await network.status('right');
    expect(peers.find(({ hostName }) => hostName === 'left')).toMatchObject({
      name: 'left.warren.internal',
      addresses: (await stock('left').status()).Self.TailscaleIPs,
      os: 'linux',
      user: 'owner@warren.internal',
      relay: 'town',
      online: true,
    });
  });

  test('its netcheck measures our relay and finds our NATs', async () => {
    const easy = JSON.parse(await stock('left').run('netcheck', '--format=json')) as NetcheckReport;
    expect(easy).toMatchObject({ UDP: true, IPv4: true, PreferredDERP: 901 });
    expect(Object.keys(easy.RegionLatency)).toEqual(['901']);
    expect(easy.GlobalV4).toMatch(new RegExp(`^${network.world.publicAddressOf('left')}:`));
  });

  test('resolves our names: MagicDNS, `ip` and `whois`', async () => {
    const address = network.addressOf('right');
    const left = stock('left');
    expect(await left.run('dns', 'query', 'right.warren.internal')).toContain(address);
    expect((await left.run('ip', 'right')).split('\n')).toContain(address);
    expect(await left.run('whois', address)).toContain('right.warren.internal');
  });

  describe.each([
    ['left', 'right'],
    ['left', 'open'],
    ['harder', 'open'],
  ] as const)('%s (stock) and %s', (theirs, ours) => {
    test('ping each other directly', async () => {
      const pongs = await stock(theirs).ping(network.addressOf(ours));
      expect(pongs.at(-1)).toEqual({
        via: expect.stringContaining(`${network.world.publicAddressOf(ours)}:`) as string,
        isDirect: true,
      });
      const ping = await network.cli.attempt(ours, ['ping', theirs, '--json']);
      expect(ping.code, ping.stdout).toBe(0);
      const last = JSON.parse(ping.stdout.trim().split('\n').at(-1) ?? '') as object;
      expect(last).toMatchObject({
        path: 'direct',
        endpoint: expect.stringContaining(network.world.publicAddressOf(theirs)) as string,
      });
    });

    test('say so in their status', async () => {
      expect((await stock(theirs).peers()).get(ours)).toMatchObject({
        Active: true,
        CurAddr: expect.stringContaining(`${network.world.publicAddressOf(ours)}:`) as string,
      });
      const { peers } = await network.status(ours);
      expect(peers.find(({ hostName }) => hostName === theirs)).toMatchObject({ path: 'direct' });
    });
  });

  // Each takes ten pings, ten seconds.
  describe.concurrent.each([
    ['left', 'hard'],
    ['harder', 'right'],
    ['harder', 'hard'],
  ] as const)('%s (stock) and %s, with no direct path between them', (theirs, ours) => {
    test('ping each other through the relay', async () => {
      const [pongs, ping] = await Promise.all([
        stock(theirs).ping(network.addressOf(ours)),
        network.cli.attempt(ours, ['ping', theirs, '--json']),
      ]);
      expect(new Set(pongs.map(({ via }) => via))).toEqual(new Set(['DERP(town)']));
      expect(ping.code, ping.stdout).toBe(1);
      expect(ping.stdout).toContain('"region":"town"');
    });
  });

  test.each([
    ['left', 'right', 'directly'],
    ['harder', 'open', 'directly'],
    ['harder', 'hard', 'relayed'],
  ] as const)('2 MB each way between %s (stock) and %s, %s', async (theirs, ours, way) => {
    const { world } = network;
    const keys = await Promise.all([keyOf(theirs), keyOf(ours)]);
    const before = await relayedBytes(world, 'hub', keys);
    // By name: the stock client resolves it.
    const outbound = await sendThroughSocks(world, theirs, `${ours}.warren.internal`, BYTES);
    const inbound = await send(world, ours, network.addressOf(theirs), BYTES);
    expect([outbound, inbound]).toMatchObject([
      { bytes: BYTES, intact: true },
      { bytes: BYTES, intact: true },
    ]);
    const relayed = (await relayedBytes(world, 'hub', keys)) - before;
    if (way === 'directly') expect(relayed).toBeLessThan(RELAYED_BYTES_AT_MOST);
    else expect(relayed).toBeGreaterThan(2 * BYTES);
  });

  test('answers the ping of the operating system', async () => {
    const address = network.addressOf('left');
    expect(await network.sh('right', `ping -c 3 -W 5 ${address}`)).toContain('3 received');
  });
});

interface NetcheckReport {
  readonly UDP: boolean;
  readonly GlobalV4: string;
  readonly RegionLatency: Readonly<Record<string, number>>;
}
