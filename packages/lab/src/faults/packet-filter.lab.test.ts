/**
 * The hub's policy on real kernels: an operator's file, two daemons, and what gets through between them when it
 * changes.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tailOfLog, until } from '../mesh/places.js';
import { skipsLab } from '../testing/lab-ring.js';
import {
  ANSWER_SECONDS,
  answerQuestions,
  isAnswered,
  type QuestionKind,
} from '../traffic/questions.js';
import { type HubNumbers, OneHubNetwork } from './one-hub-network.js';

const skips = await skipsLab();

const FILE = '/run/policy.hujson';
const EVERYBODY = [{ action: 'accept', src: ['*'], dst: ['*:*'] }];
const [OPEN_PORT, SHUT_PORT] = [7000, 7001];

describe.skipIf(skips)('a policy', () => {
  let network: OneHubNetwork;
  /** Addresses of both families. */
  const addresses: Record<string, readonly string[]> = {};

  async function write(content: string): Promise<void> {
    const replace = ['sh', '-c', `cat > ${FILE}.new && mv ${FILE}.new ${FILE}`];
    await network.world.run('hub', replace, { input: content });
  }

  /** Gives the hub other rules and waits until both machines go by them. */
  async function setRules(rules: readonly object[]): Promise<void> {
    const machines = ['left', 'right'];
    const timesSet = async (machine: string): Promise<number> =>
      (await network.status(machine)).counters['packet-rules-set'] ?? 0;
    const before = await Promise.all(machines.map(timesSet));
    await write(`{ // by the test\n "acls": ${JSON.stringify(rules)}, }`);
    // Not the hub's deltas: those of endpoints and of networks' descriptions come at any time, also just now.
    await until(network.world, 'left', 'other rules on both machines', async () => {
      const after = await Promise.all(machines.map(timesSet));
      if (after.some((times, index) => times <= (before[index] ?? 0))) throw new Error('not yet');
    });
  }

  /** One port from left to right: nothing but answers comes in on the left. */
  function oneWay(): readonly object[] {
    const dst = addressesOf('right').map(
      (address) => `${address.includes(':') ? `[${address}]` : address}:${OPEN_PORT}`,
    );
    return [{ action: 'accept', src: addressesOf('left'), dst, proto: 'tcp' }];
  }

  const control = async (): Promise<HubNumbers['control']> => (await network.hubNumbers()).control;

  const addressesOf = (machine: string): readonly string[] => addresses[machine] ?? [];

  async function pings(from: string, to: string): Promise<readonly boolean[]> {
    const results = addressesOf(to).map((address) =>
      network.world.run(from, ['ping', '-n', '-c', '1', '-W', String(ANSWER_SECONDS), address]),
    );
    return (await Promise.all(results)).map(({ code }) => code === 0);
  }

  /** Whether `to` answers on a port, by address family. */
  function answers(
    kind: QuestionKind,
    from: string,
    to: string,
    port: number,
  ): Promise<readonly boolean[]> {
    return Promise.all(
      addressesOf(to).map((address) => isAnswered(network.world, kind, from, address, port)),
    );
  }

  /** What a machine dropped, by reason, since `before`. */
  async function drops(
    machine: string,
    before: Readonly<Record<string, number>> = {},
  ): Promise<Readonly<Record<string, number>>> {
    const { counters } = await network.status(machine);
    const grown = Object.entries(counters).flatMap(([name, count]): [string, number][] => {
      const more = count - (before[name] ?? 0);
      return name.startsWith('filter-') && more > 0 ? [[name, more]] : [];
    });
    return Object.fromEntries(grown);
  }

  beforeAll(async () => {
    network = await OneHubNetwork.start(['left', 'right'], {
      hubFlags: ['--policy-file', FILE],
      beforeServers: async (world) => {
        const rules = JSON.stringify({ acls: EVERYBODY });
        await world.run('hub', ['sh', '-c', `cat > ${FILE}`], { input: rules });
      },
    });
    for (const machine of ['left', 'right']) {
      addresses[machine] = (await network.status(machine)).self?.addresses ?? [];
      await answerQuestions(network.world, machine, [OPEN_PORT, SHUT_PORT]);
    }
  });

  afterAll(async () => {
    await network.close();
  });

  test('that lets everybody in lets everybody in', async () => {
    expect(addressesOf('right')).toHaveLength(2);
    const [there, back] = await Promise.all([pings('left', 'right'), pings('right', 'left')]);
    expect([there, back]).toEqual([
      [true, true],
      [true, true],
    ]);
    expect(await answers('tcp', 'left', 'right', SHUT_PORT)).toEqual([true, true]);
    expect(await answers('udp', 'right', 'left', SHUT_PORT)).toEqual([true, true]);
  });

  test('of one direction and one port lets that through with its answers, drops and counts the rest', async () => {
    const before = await control();
    const dropped = { left: await drops('left'), right: await drops('right') };
    await setRules(oneWay());

    expect(await answers('tcp', 'left', 'right', OPEN_PORT)).toEqual([true, true]);
    expect(await pings('left', 'right')).toEqual([true, true]);
    expect(await answers('tcp', 'left', 'right', SHUT_PORT)).toEqual([false, false]);
    expect(await answers('udp', 'left', 'right', OPEN_PORT)).toEqual([false, false]);
    const right = await drops('right', dropped.right);

    expect(await pings('right', 'left')).toEqual([false, false]);
    expect(await answers('tcp', 'right', 'left', OPEN_PORT)).toEqual([false, false]);
    const left = await drops('left', dropped.left);
    process.stdout.write(`  dropped: ${JSON.stringify({ left, right })}\n`);
    expect(right).toHaveProperty('filter-in-denied-tcp');
    expect(right).toHaveProperty('filter-in-denied-udp');
    expect(right).not.toHaveProperty('filter-in-denied-icmp');
    expect(left).toHaveProperty('filter-in-denied-tcp');
    expect(left).toHaveProperty('filter-in-denied-icmp');

    // It came as a delta to the sessions that were there.
    const after = await control();
    expect(after.counters['map-full']).toBe(before.counters['map-full']);
    expect([before.mapStreams, after.mapStreams]).toEqual([2, 2]);
  });

  test('that makes no sense changes nothing, and the log says where', async () => {
    await write('{ "acls": [ { "action": "accept", "src": ["nobody"], "dst": ["*:*"] } ] }');
    await until(network.world, 'hub', 'a word in the log', () => {
      if (!tailOfLog(network.world, 'hub').includes('CONFIG_INVALID')) throw new Error('not yet');
    });
    expect(tailOfLog(network.world, 'hub')).toContain(`${FILE}:1:`);
    expect(await answers('tcp', 'left', 'right', OPEN_PORT)).toEqual([true, true]);
    expect(await pings('right', 'left')).toEqual([false, false]);
  });

  test('that is opened again lets in at once what it shut out', async () => {
    await setRules(EVERYBODY);
    expect(await pings('right', 'left')).toEqual([true, true]);
    expect(await answers('udp', 'left', 'right', OPEN_PORT)).toEqual([true, true]);
  });

  test('that is there when a daemon starts holds from its first packet', async () => {
    await setRules(oneWay());
    await network.killDaemon('left');
    await network.startDaemon('left');
    await network.statusUntil('left', 'up', ({ state }) => state === 'Running');
    // Until the first of them gets as far as the filter: a session begins with a handshake.
    await until(network.world, 'left', 'a ping at the filter', async () => {
      expect(await pings('right', 'left')).toEqual([false, false]);
      expect(await drops('left')).toHaveProperty('filter-in-denied-icmp');
    });
    expect(await drops('left')).not.toHaveProperty('filter-in-not-set');
  });
});
