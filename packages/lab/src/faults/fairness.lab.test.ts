/**
 * One peer is sent far more than its way carries: what that does to the traffic with another one. Direct and over a
 * relay whose uplink is slow, on both data planes. The portable one has no shares by peer at the socket (docs/adr/0009).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import { OneHubNetwork, withoutPortSearches } from './one-hub-network.js';
import { report } from './report.js';

const skips = await skipsLab();

/** Sends to both others: over the relay when behind a hard NAT, directly when not. */
const SENDERS = { relayed: 'hard', direct: 'open' } as const;
const FLOODED = 'left';
const OTHER = 'right';
const FLOOD_SECONDS = 12;
/** While the flood is on; begins a second after it. */
const PINGS = 100;
const DATAGRAM_BYTES = 1_200;
/** 115 Mbit/s. */
const FLOOD_PER_SECOND = 12_000;
const SLOW_MBIT = 20;
const SLOW_DEVICE_MBIT = 50;
/** Ten seconds: as a device without queue management may have, for super-packets. */
const DEEP_BYTES = 64_000_000;

/** Round trips of a series of pings, in ms, and how many were lost. */
interface Pinged {
  readonly lost: number;
  readonly p50: number;
  readonly p90: number;
  readonly max: number;
}

function read(text: string): Pinged {
  const times = [...text.matchAll(/time=([\d.]+)/g)].map((match) => Number(match[1]));
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? Infinity;
  return { lost: PINGS - times.length, p50: at(0.5), p90: at(0.9), max: at(1) };
}

const WAYS = { fast: {}, portable: { WARREN_DATA_PLANE: 'portable' } } as const;

describe.skipIf(skips).for(Object.entries(WAYS))('the %s plane', ([way, env]) => {
  let network: OneHubNetwork;

  beforeAll(async () => {
    const machines = [...Object.values(SENDERS), FLOODED, OTHER];
    const alone = withoutPortSearches(machines);
    network = await OneHubNetwork.start(machines, {
      env: Object.fromEntries(machines.map((name) => [name, { ...alone[name], ...env }])),
    });
  });
  afterAll(async () => {
    await network.close();
  });

  async function pings(from: string): Promise<Pinged> {
    const target = network.addressOf(OTHER);
    const argv = ['ping', '-n', '-c', String(PINGS), '-i', '0.1', '-W', '2', target];
    return read((await network.world.run(from, argv)).stdout);
  }

  async function duringFlood(from: string): Promise<Pinged> {
    await network.sh(from, `ping -n -c 1 -w 10 -i 0.2 ${network.addressOf(OTHER)}`);
    const flood = scriptArgv(
      ...(['traffic/udp-flood', `${network.addressOf(FLOODED)}:9`] as const),
      ...[FLOOD_PER_SECOND, DATAGRAM_BYTES, FLOOD_SECONDS].map(String),
    );
    const flooded = network.world.run(from, flood);
    await network.sh(from, 'sleep 1');
    const pinged = await pings(from);
    const { stdout } = await flooded;
    const { counters } = await network.status(from);
    report(`${way}, flood ${stdout.trim()}`, { ...pinged, counters: JSON.stringify(counters) });
    return pinged;
  }

  test('a flood to one peer over a slow relay leaves another its share of the relay', async () => {
    const from = SENDERS.relayed;
    const device = `$(ip -o route get 8.8.8.8 | sed 's/.* dev //; s/ .*//')`;
    await network.sh(
      from,
      `tc qdisc replace dev ${device} root tbf rate ${SLOW_MBIT}mbit burst 32k latency 50ms`,
    );
    const { lost, p50 } = await duringFlood(from);
    expect(lost).toBeLessThan(PINGS / 4);
    expect(p50).toBeLessThan(500);
    await network.sh(from, `tc qdisc del dev ${device} root`);
  });

  const slowDevice = {
    fast: 'leaves another its share',
    portable: 'costs another as much as itself, and waits within bounds',
  }[way];
  test(`a flood to one peer through a slow device with a deep queue ${slowDevice}`, async () => {
    const from = SENDERS.direct;
    await network.sh(
      from,
      `tc qdisc replace dev eth0 root tbf rate ${SLOW_DEVICE_MBIT}mbit burst 128k limit ${DEEP_BYTES}`,
    );
    const { lost, p50, max } = await duringFlood(from);
    await network.sh(from, 'tc qdisc del dev eth0 root');
    if (way === 'portable') {
      // A socket of Node has one queue for all: of the flood three in five are dropped, and so of the pings.
      expect(lost).toBeLessThan(PINGS * 0.85);
      expect(max).toBeLessThan(3_000);
      return;
    }
    expect(lost).toBeLessThan(PINGS / 2);
    expect(p50).toBeLessThan(800);
  });

  test('a flood to one peer on its direct path leaves another its own', async () => {
    const { lost, p50 } = await duringFlood(SENDERS.direct);
    expect(lost).toBeLessThan(PINGS / 4);
    expect(p50).toBeLessThan(100);
  });
});
