/**
 * `npm run figures:netcheck [ROUNDS]`: how long a network check takes when every relay is 62 ms away, ours beside that
 * of a stock Tailscale client. Both ask the same hub and relay, each behind an easy NAT of its own, turn by turn.
 *
 *     ours, alone        warren netcheck --standalone   the first report of a process, NAT described
 *     ours, by daemon    warren netcheck                on the daemon's sockets, whose NAT is described already
 *     stock              tailscale netcheck             on sockets of its own, with the daemon's relay map
 *
 * Whole commands are timed, from start to exit, node's or Go's start included.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { townOf } from '@warren/sim/topology/town';
import { quantile } from '../figures/statistics.js';
import { StockClient } from '../interop/stock-client.js';
import { CommandLine } from '../mesh/command-line.js';
import { joinMachine, startDaemon } from '../mesh/machines.js';
import { HUB_STATE } from '../mesh/places.js';
import { createKey, hubUrl, startHub, startRelay } from '../mesh/servers.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';

const ACCESS_ONE_WAY_MS = 31;
const ROUNDS_DEFAULT = 15;
const MAIN_SCRIPT = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));

const far = townOf({
  name: 'far-relays',
  servers: ['hub', 'relay'],
  serverAccessMs: ACCESS_ONE_WAY_MS,
  homeAccessMs: 0,
  homes: ['ours', 'stock'].map((name) => ({ name, nat: 'easy' })),
});

const certificateOf = (world: World): string => {
  const text = readFileSync(world.path('hub', `${HUB_STATE}/tls.pem`), 'utf8');
  const found = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/.exec(text);
  if (found === null) throw new Error("the hub's tls.pem has no certificate");
  return found[0];
};

interface Contender {
  readonly name: string;
  readonly run: () => Promise<unknown>;
  readonly tookMs: number[];
}

async function prepare(world: World): Promise<readonly Contender[]> {
  const cli = new CommandLine(world, [process.execPath, MAIN_SCRIPT]);
  const region = await startRelay(world, cli, 'relay', { id: 902, code: 'other', name: 'Other' });
  const file = world.path('hub', '/run/other.json');
  writeFileSync(file, region);
  const names = { id: 901, code: 'home', name: 'Home' };
  await startHub(world, cli, 'hub', names, ['--derp-region-file', '/run/other.json']);
  const { key } = await createKey(world, cli, 'hub', ['--reusable']);
  const url = hubUrl(world, 'hub');
  await startDaemon(world, cli, 'ours');
  const login = ['--login-server', url, '--auth-key', key];
  await joinMachine(world, cli, 'ours', login);
  const stock = await StockClient.start(world, 'stock', certificateOf(world));
  await stock.up(url, key);
  const accept = { accept: [1] };
  return [
    {
      name: 'ours, alone',
      run: () => cli.run('ours', ['netcheck', '--standalone', ...login], accept),
      tookMs: [],
    },
    { name: 'ours, by daemon', run: () => cli.run('ours', ['netcheck'], accept), tookMs: [] },
    { name: 'stock', run: () => stock.run('netcheck'), tookMs: [] },
  ];
}

async function main(): Promise<void> {
  const rounds = Number(process.argv[2] ?? ROUNDS_DEFAULT);
  const world = await startWorld(far);
  try {
    const contenders = await prepare(world);
    for (let round = 0; round < rounds; round++) {
      for (const { run, tookMs } of contenders) {
        const startedAt = performance.now();
        await run();
        tookMs.push(performance.now() - startedAt);
      }
    }
    const stock = contenders.at(-1)?.tookMs ?? [];
    const print = (line: string): boolean => process.stdout.write(`${line}\n`);
    print(`${rounds} rounds, ${2 * ACCESS_ONE_WAY_MS} ms to each of two relays; ms`);
    for (const { name, tookMs } of contenders) {
      const ratios = tookMs.map((ms, index) => ms / (stock[index] ?? Number.NaN));
      const of = (values: readonly number[], digits: number): string =>
        [0.5, 0.1, 0.9].map((share) => quantile(values, share).toFixed(digits)).join('  ');
      print(`${name.padEnd(16)} p50 p10 p90  ${of(tookMs, 0)}   of stock's  ${of(ratios, 2)}`);
    }
  } finally {
    await world.close();
  }
}

await main();
