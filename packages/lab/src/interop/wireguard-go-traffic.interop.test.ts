/**
 * All of Warren's data planes against both kinds of wireguard-go, with offload (of 2026) and without (Debian's): who
 * speaks first, families outside, and MTUs change from tunnel to tunnel. Through each go random packets of a host
 * behind either end, compared byte for byte; datagrams of every size; and TCP.
 *
 * Random packets come of 24 seeds, six a tunnel, each both ways. The fast and the portable data plane meet all 24 with
 * each kind of wireguard-go at each MTU, over four tunnels; the plain one, which has four in all, over these.
 */
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import type { SizesReport } from '../traffic/udp-sizes.js';
import { goPeer, skipsGoPeers } from './go-peers.js';
import type { JudgeOptions, JudgeReport } from './packet-judge.js';
import { DEBIAN_WIREGUARD_GO } from './wireguard-go.js';
import { INNER, sh, startTunnel, type Tunnel } from './wireguard-go-tunnel.js';

const skips = await skipsGoPeers('wireguard');

type End = 'warren' | 'peer';

const MTUS = [1_280, 1_420, 8_920] as const;
const WAYS = [
  ['fast', /^system calls/],
  ['portable', /^portable: TUN joins/],
  ['plain', /^portable: TUN packet by packet/],
] as const;
const PEERS = ['of 2026', 'of Debian'] as const;
/** A tunnel's, of four times as many. */
const SEEDS = 6;
const SHARES = 4;
const LARGEST_DATAGRAM = 1_500;
const TRANSFER_BYTES = 4_000_000;
/** Between the ends of the veth pairs: jumbo frames, so that a tunnel's 8,920 fit. */
const WIRE_MTU = 9_000;
const [SIZES_PORT, TRANSFER_PORT] = [7_200, 7_100];

/**
 * Counters that traffic on the machines moves by itself: IPv6's neighbour discovery on the devices, and what the
 * wire joined or the kernel refused as bundle.
 */
const HARMLESS = new Set([
  'filter-out-multicast',
  'filter-out-link-local',
  'no-peer-for-destination',
]);

/** Every combination with an index, so that what is not paired takes turns. */
const cases = MTUS.flatMap(
  (mtuBytes, ofMtu) =>
    WAYS.flatMap(([way, description]) =>
      PEERS.flatMap((peer, ofPeer) =>
        ([4, 6] as const).flatMap((outside, ofFamily) =>
          (['warren', 'wireguard-go'] as const).map((first, ofFirst) => {
            const name = `${peer}, Warren ${way}, MTU ${mtuBytes}, IPv${outside} outside, ${first} first`;
            const share = (ofMtu + ofPeer + ofFamily + 2 * ofFirst) % SHARES;
            const firstSeed = 1 + SEEDS * share;
            return [name, { mtuBytes, way, description, peer, outside, first, firstSeed }] as const;
          }),
        ),
      ),
    ),
  // The plain one is the portable one with another device, whose packets know nothing of what is outside.
).filter(
  ([, { way, mtuBytes, outside }]) => way !== 'plain' || (mtuBytes === 1_420 && outside === 4),
);

async function widen({ world }: Tunnel): Promise<void> {
  // Pairs of veth alone: both ends of the machines' wires.
  const each = `for d in $(ip -o link show type veth | sed 's/^[0-9]*: //; s/[@:].*//')`;
  for (const place of ['warren', 'peer', 'inet-here']) {
    await sh(world, place, `${each}; do ip link set $d mtu ${WIRE_MTU}; done`);
  }
}

/**
 * wireguard-go with offload joins a flow's segments past others of it that can't be joined, and UDP datagrams whatever
 * their ids. A segment that it puts in front of one with PSH takes that flag from it.
 */
async function judge(
  { world }: Tunnel,
  { mtuBytes, firstSeed, peer }: (typeof cases)[number][1],
): Promise<JudgeReport> {
  const joinsFreely = peer === 'of 2026';
  const options: JudgeOptions = {
    ...{ left: 'warren', right: 'peer', mtuBytes, firstSeed, seeds: SEEDS, joinsFreely },
  };
  const argv = scriptArgv('interop/packet-judge', JSON.stringify(options));
  const { code, stdout, stderr } = await world.run('world', argv, { timeoutMs: 120_000 });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as JudgeReport;
}

const endpointOf = (end: End, family: 4 | 6, port: number): string =>
  family === 4 ? `${INNER[end][4]}:${port}` : `[${INNER[end][6]}]:${port}`;

async function serve({ world }: Tunnel, end: End, script: string, verb: string, where: string) {
  const child = world.exec(end, scriptArgv(script, verb, where), { stderr: 'ignore' });
  if (child.stdout !== null) await once(child.stdout, 'data');
}

async function ask<T>({ world }: Tunnel, end: End, script: string, ...args: string[]): Promise<T> {
  return JSON.parse(await sh(world, end, scriptArgv(script, ...args).join(' '))) as T;
}

describe.skipIf(skips)('wireguard-go', () => {
  test.for(cases)('%s', async ([, options]) => {
    const { mtuBytes, description, way, peer, outside, first } = options;
    const tunnel = await startTunnel(first, onTestFinished, {
      program: peer === 'of Debian' ? DEBIAN_WIREGUARD_GO : goPeer('wireguard'),
      ...{ mtuBytes, outside },
      env: way === 'fast' ? {} : { WARREN_DATA_PLANE: way },
    });
    expect(tunnel.events.find(({ type }) => type === 'started')?.description).toMatch(description);
    await widen(tunnel);
    const [caller, called] =
      first === 'warren' ? (['warren', 'peer'] as const) : (['peer', 'warren'] as const);
    for (const family of [4, 6] as const) {
      await sh(tunnel.world, caller, `ping -n -q -c 1 -w 10 -i 0.2 ${INNER[called][family]}`);
    }

    const { packets, ...judged } = await judge(tunnel, options);
    expect(judged).toEqual({ differing: [], counters: {} });
    expect(packets).toBeGreaterThan(SEEDS * 2 * 150);

    for (const family of [4, 6] as const) {
      const sizesAt = endpointOf(called, family, SIZES_PORT);
      await serve(tunnel, called, 'traffic/udp-sizes', 'answer', sizesAt);
      const sizes = await ask<SizesReport>(
        ...([tunnel, caller, 'traffic/udp-sizes', 'ask', sizesAt] as const),
        ...['0', String(LARGEST_DATAGRAM)],
      );
      expect(sizes).toEqual({ asked: LARGEST_DATAGRAM + 1, wrong: [], missing: [] });
      for (const [from, to] of [
        [caller, called],
        [called, caller],
      ] as const) {
        const at = endpointOf(to, family, TRANSFER_PORT);
        await serve(tunnel, to, 'traffic/transfer-agent', 'receive', at);
        const sent = await ask<{ intact: boolean }>(
          ...([tunnel, from, 'traffic/transfer-agent', 'send', at] as const),
          String(TRANSFER_BYTES),
        );
        expect(sent.intact).toBe(true);
      }
    }
    const counters = Object.keys(await tunnel.counters());
    expect(counters.filter((name) => !HARMLESS.has(name))).toEqual([]);
  });
});
