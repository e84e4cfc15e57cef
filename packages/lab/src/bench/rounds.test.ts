import { expect, test } from 'vitest';
import type { World } from '../world/world.js';
import type { Contender } from './contenders.js';
import type { Figure } from './figures.js';
import { type Run, runRounds } from './rounds.js';
import type { Tunnel } from './tunnel.js';
import { TunnelPool } from './tunnel-pool.js';

/** A pool of tunnels without worlds, and what became of them. */
function poolOf(check: (contender: Contender) => void = () => undefined) {
  const log: string[] = [];
  const names = new Map<Tunnel, Contender>();
  const pool = new TunnelPool((contender) => {
    log.push(`start ${contender}`);
    const close = (): Promise<void> => {
      log.push(`close ${contender}`);
      return Promise.resolve();
    };
    const tunnel: Tunnel = {
      world: { close } as unknown as World,
      targets: {},
      processes: [],
      check: async () => Promise.resolve(contender).then(check),
    };
    names.set(tunnel, contender);
    return Promise.resolve(tunnel);
  });
  const nameOf = (tunnel: Tunnel): Contender => names.get(tunnel) ?? 'no-tunnel';
  return { pool, log, nameOf };
}

const base: Omit<Figure, 'measure'> = {
  ...{ key: 'tcpSingle', what: 'a stream', unit: 'Mbit/s', better: 'more', goal: 1.5, least: 1 },
  ...{ ours: 'warren', theirs: 'wireguard-go' },
};

async function rounds(
  figure: Figure,
  pool: TunnelPool,
  count: number,
): Promise<readonly (readonly [number, Contender, Run])[]> {
  const told: [number, Contender, Run][] = [];
  const onRun = (round: number, contender: Contender, run: Run): void => {
    told.push([round, contender, run]);
  };
  const done = await runRounds(figure, pool, { rounds: count, seconds: 1, onRun });
  expect(done.flatMap((round) => [...round])).toEqual(told.map(([, name, run]) => [name, run]));
  return told;
}

test('contenders take turns, and who begins changes; each is started once', async () => {
  const { pool, log } = poolOf();
  let value = 0;
  const figure: Figure = { ...base, beside: 'no-tunnel', measure: async () => ++value };
  const told = await rounds(figure, pool, 2);
  expect(told).toEqual([
    [1, 'warren', { value: 1 }],
    [1, 'wireguard-go', { value: 2 }],
    [1, 'no-tunnel', { value: 3 }],
    [2, 'wireguard-go', { value: 4 }],
    [2, 'no-tunnel', { value: 5 }],
    [2, 'warren', { value: 6 }],
  ]);
  await pool.keepOnly(['warren']);
  expect(log).toEqual([
    ...['start warren', 'start wireguard-go', 'start no-tunnel'],
    ...['close wireguard-go', 'close no-tunnel'],
  ]);
});

test('a run that fails is told with its reason, and its contender starts anew', async () => {
  const { pool, log, nameOf } = poolOf();
  let count = 0;
  const figure: Figure = {
    ...base,
    measure: async (tunnel) => {
      if (nameOf(tunnel) === 'warren' && ++count === 1) throw new Error('iperf3:\n  it hangs');
      return 5;
    },
  };
  const told = await rounds(figure, pool, 2);
  expect(told).toEqual([
    [1, 'warren', { failure: 'iperf3: it hangs' }],
    [1, 'wireguard-go', { value: 5 }],
    [2, 'wireguard-go', { value: 5 }],
    [2, 'warren', { value: 5 }],
  ]);
  const own = log.filter((line) => line.endsWith('warren'));
  expect(own).toEqual(['start warren', 'close warren', 'start warren']);
});

test('what took a detour, measured nothing or could not start is no value', async () => {
  const relayed = poolOf((contender) => {
    if (contender === 'warren') throw new Error('relayed');
  });
  const [detour] = await rounds({ ...base, measure: async () => 7 }, relayed.pool, 1);
  expect(detour).toEqual([1, 'warren', { failure: 'relayed' }]);
  const [nothing] = await rounds({ ...base, measure: async () => Number.NaN }, poolOf().pool, 1);
  expect(nothing).toEqual([1, 'warren', { failure: 'it measured NaN' }]);
  const absent = new TunnelPool(() => Promise.reject(new Error('wireguard is not built')));
  const told = await rounds({ ...base, measure: async () => 7 }, absent, 1);
  expect(told.map(([, , run]) => run)).toEqual([
    { failure: 'wireguard is not built' },
    { failure: 'wireguard is not built' },
  ]);
});

test('where memory counts, each round has contenders of its own', async () => {
  const { pool, log } = poolOf();
  await rounds({ ...base, isFresh: true, measure: async () => 1 }, pool, 2);
  expect(log.filter((line) => line.endsWith('warren'))).toEqual([
    ...['start warren', 'close warren', 'start warren', 'close warren'],
  ]);
});
