/**
 * `npm run figures:direct -- [--samples N] [--json]`: how long a pair behind two easy NATs, 62 ms apart, takes from its
 * first packet until it talks directly. Before every sample the daemons are started anew and the routers forget
 * their flows, so that the pair has never talked. Ours and a stock pair take turns, in one world.
 *
 *     packets   through the tunnel, judged by their round trips: when the first was sent that went and came back
 *               directly, and when it was answered; also: did one take longer than by the relay
 *     pings     what `warren ping` and `tailscale ping` ask their daemons; stock clients look for a path three
 *               seconds after such a ping, and at once when there are packets
 *
 * Needs root and the real peers (scripts/build-go-peers.sh).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import type { StockClient } from '../interop/stock-client.js';
import { joinStock } from '../interop/stock-hub.js';
import { until } from '../mesh/places.js';
import { requireLab } from '../requirements.js';
import { directRttMs, fourHomes, relayRttMs } from './four-homes.js';
import { type PacketFigures, sendPackets } from './packets.js';
import { askStock, askWarren, sendStockPackets, untilDirect } from './ping-until-direct.js';
import { type Ratio, ratio, type Summary, summarize } from './statistics.js';

const SAMPLES_DEFAULT = 30;
/** Network checks end and word of the new keys spreads. */
const SETTLE_MS = 3000;
const wires = { directRttMs, relayRttMs };
const [oursA, oursB, stockA, stockB] = ['ours-a', 'ours-b', 'stock-a', 'stock-b'] as const;

interface Samples {
  readonly oursPackets: PacketFigures[];
  readonly stockPackets: PacketFigures[];
  readonly oursPingsMs: (number | null)[];
  readonly stockPingsMs: (number | null)[];
}

/** Milliseconds until direct; `neverDirect`: samples without. */
type Times = Summary & { readonly neverDirect: number };

/** What became of the packets of all samples. */
interface Carriage {
  readonly sent: number;
  readonly lost: number;
  readonly slowerThanRelay: number;
  readonly worstExcessMs: number;
}

interface Contender {
  /** Until a packet was sent whose answer came directly, and until that answer. */
  readonly fromPacket: Times;
  readonly byPackets: Times;
  readonly byPings: Times;
  readonly packets: Carriage;
}

interface Report {
  readonly samples: number;
  readonly directRttMs: number;
  readonly relayRttMs: number;
  readonly ours: Contender;
  readonly stock: Contender;
  /** Of ours to stock's. */
  readonly ratio: { readonly byPackets: Ratio; readonly byPings: Ratio };
  readonly each: Samples;
}

class Pairs {
  readonly #network: OneHubNetwork;
  readonly #stock: ReadonlyMap<string, StockClient>;

  constructor(network: OneHubNetwork, stock: ReadonlyMap<string, StockClient>) {
    this.#network = network;
    this.#stock = stock;
  }

  async sample(into: Samples): Promise<void> {
    const { world } = this.#network;
    const [ours, stock] = [this.#network.addressOf(oursB), this.#network.addressOf(stockB)];
    await this.#freshOurs();
    into.oursPackets.push(await sendPackets(world, oursA, ours, wires));
    await this.#freshStock();
    into.stockPackets.push(await sendStockPackets(world, stockA, stock, wires));
    await this.#freshOurs();
    into.oursPingsMs.push(await untilDirect(askWarren(world, oursA, ours)));
    await this.#freshStock();
    into.stockPingsMs.push(await untilDirect(askStock(world, stockA, stock)));
  }

  async #freshOurs(): Promise<void> {
    await Promise.all([oursA, oursB].map((machine) => this.#network.killDaemon(machine)));
    await this.#forgetFlows(oursA, oursB);
    await Promise.all([oursA, oursB].map((machine) => this.#network.startDaemon(machine)));
    for (const [machine, peer] of [
      [oursA, oursB],
      [oursB, oursA],
    ] as const) {
      await this.#network.statusUntil(machine, 'a peer that never talked', (status) => {
        const found = status.peers.find(({ hostName }) => hostName === peer);
        const knowsItself = status.self?.endpoints.some(({ type }) => type === 'stun') === true;
        return knowsItself && found?.online === true && found.relay !== null;
      });
    }
    await sleep(SETTLE_MS);
  }

  async #freshStock(): Promise<void> {
    const clients = [...this.#stock.values()];
    await Promise.all(clients.map((client) => client.killDaemon()));
    await this.#forgetFlows(stockA, stockB);
    await Promise.all(clients.map((client) => client.startDaemon()));
    for (const client of clients) {
      const peer = client.machine === stockA ? stockB : stockA;
      await until(this.#network.world, client.machine, 'a peer that never talked', async () => {
        const found = (await client.peers()).get(peer);
        const isReady = found?.Online === true && found.Relay !== '';
        if (!isReady) throw new Error(JSON.stringify(found));
      });
    }
    await sleep(SETTLE_MS);
  }

  async #forgetFlows(...machines: readonly string[]): Promise<void> {
    for (const machine of machines) {
      await this.#network.sh(`router-home-${machine}`, 'conntrack -F 2>/dev/null');
    }
  }
}

function timesOf(values: readonly (number | null)[]): Times {
  const known = values.filter((value) => value !== null);
  return { ...summarize(known), neverDirect: values.length - known.length };
}

function contender(
  packets: readonly PacketFigures[],
  pingsMs: readonly (number | null)[],
): Contender {
  const sum = (of: (one: PacketFigures) => number): number =>
    packets.reduce((total, one) => total + of(one), 0);
  return {
    fromPacket: timesOf(packets.map(({ directFromMs }) => directFromMs)),
    byPackets: timesOf(packets.map(({ directMs }) => directMs)),
    byPings: timesOf(pingsMs),
    packets: {
      sent: sum(({ sent }) => sent),
      lost: sum(({ sent, answered }) => sent - answered),
      slowerThanRelay: sum(({ slower }) => slower),
      worstExcessMs: Math.max(0, ...packets.map(({ worstExcessMs }) => worstExcessMs)),
    },
  };
}

function describe(each: Samples): Report {
  const { oursPackets, stockPackets, oursPingsMs, stockPingsMs } = each;
  const directOf = (packets: readonly PacketFigures[]) => packets.map(({ directMs }) => directMs);
  return {
    samples: oursPackets.length,
    ...wires,
    ours: contender(oursPackets, oursPingsMs),
    stock: contender(stockPackets, stockPingsMs),
    ratio: {
      byPackets: ratio(directOf(oursPackets), directOf(stockPackets)),
      byPings: ratio(oursPingsMs, stockPingsMs),
    },
    each,
  };
}

function table({ samples, ours, stock, ratio: to }: Report): string {
  const row = (name: string, { p50, p95, max, neverDirect }: Times): string =>
    name.padEnd(16) +
    [p50, p95, max, neverDirect].map((n) => String(n ?? '-').padStart(8)).join('');
  const compared = (by: string, { ofMedians, p10, p90 }: Ratio): string =>
    `ours to stock's by ${by}: ${ofMedians ?? '-'} of medians; of rounds p10 ${p10 ?? '-'}, p90 ${p90 ?? '-'}`;
  const carried = (name: string, packets: Carriage): string =>
    `packets of ${name}: ${packets.sent} sent, ${packets.lost} lost, ${packets.slowerThanRelay} slower than by the relay, by ${packets.worstExcessMs} ms at most`;
  return [
    `${samples} samples; direct ${directRttMs} ms, by relay ${relayRttMs} ms; until direct, in ms`,
    `${''.padEnd(16)}     p50     p95     max   never`,
    row('ours, sent', ours.fromPacket),
    row('stock, sent', stock.fromPacket),
    row('ours, answered', ours.byPackets),
    row('stock, answered', stock.byPackets),
    row('ours, pings', ours.byPings),
    row('stock, pings', stock.byPings),
    compared('packets', to.byPackets),
    compared('pings', to.byPings),
    carried('ours', ours.packets),
    carried('stock', stock.packets),
  ].join('\n');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      samples: { type: 'string', default: String(SAMPLES_DEFAULT) },
      json: { type: 'boolean', default: false },
    },
  });
  const samples = Number(values.samples);
  if (!Number.isInteger(samples) || samples < 1) throw new Error('--samples takes a number');
  const progress = (text: string): boolean => process.stderr.write(`${text}\n`);
  await requireLab({ install: false, onProgress: progress });
  const network = await OneHubNetwork.start([oursA, oursB], {
    topology: fourHomes,
    relays: { relay: { id: 902, code: 'other', name: 'Other' } },
  });
  try {
    const pairs = new Pairs(network, await joinStock(network, [stockA, stockB]));
    const each: Samples = { oursPackets: [], stockPackets: [], oursPingsMs: [], stockPingsMs: [] };
    const told = (ms: number | null | undefined): string => String(ms ?? 'never');
    for (let round = 1; round <= samples; round++) {
      await pairs.sample(each);
      const byPackets = [each.oursPackets, each.stockPackets].map((of) =>
        told(of.at(-1)?.directMs),
      );
      const byPings = [each.oursPingsMs, each.stockPingsMs].map((of) => told(of.at(-1)));
      progress(
        `${round}/${samples}, ours and stock: packets ${byPackets.join(' ')}, pings ${byPings.join(' ')}`,
      );
    }
    const report = describe(each);
    const text = values.json ? JSON.stringify(report, undefined, 2) : table(report);
    process.stdout.write(`${text}\n`);
  } finally {
    await network.close();
  }
}

await main();
