/** Delays as machines see them. The limits leave room for a busy computer; the median does not move. */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import { fourMachines } from '../topology/four-machines.js';
import type { TransferResult } from '../traffic/transfer-agent.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';

const skips = await skipsLab();

describe.skipIf(skips)('delayed wires', () => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld(fourMachines);
  });

  afterAll(async () => {
    await world.close();
  });

  /** Round trips in ms, sorted. */
  async function pings(from: string, to: string, count: number): Promise<number[]> {
    const target = world.publicAddressOf(to);
    const argv = ['ping', '-n', '-i', '0.02', '-c', String(count), target];
    const { stdout } = await world.run(from, argv);
    const times = [...stdout.matchAll(/time=([\d.]+)/g)].map((match) => Number(match[1]));
    expect(times.length).toBe(count);
    return times.sort((a, b) => a - b);
  }

  async function receivedPackets(machine: string): Promise<number> {
    const { stdout } = await world.run(machine, ['ip', '-s', '-j', 'link', 'show', 'eth0']);
    const [link] = JSON.parse(stdout) as { stats64: { rx: { packets: number } } }[];
    return link?.stats64.rx.packets ?? 0;
  }

  test('add up to the distance between places', async () => {
    const expected = [
      ['hardnat-west', 'nonat-east', 62],
      ['easynat-east', 'easynat-west', 62],
      ['nonat-east', 'hub', 30],
      ['easynat-west', 'relay-west', 30],
      ['hub', 'relay-west', 122],
    ] as const;
    for (const [from, to, ms] of expected) {
      const times = await pings(from, to, 40);
      const median = times[20] ?? 0;
      expect(median).toBeGreaterThanOrEqual(ms - 0.4);
      expect(median).toBeLessThanOrEqual(ms + 2);
    }
    const near = await pings('easynat-east', 'nonat-east', 40);
    expect(near[20]).toBeLessThan(2);
  });

  test('hold every packet back for the delay: none arrives early, few late', async () => {
    const times = await pings('hardnat-west', 'nonat-east', 200);
    expect(times[0]).toBeGreaterThanOrEqual(61.6);
    expect(times[180]).toBeLessThanOrEqual(66);
  });

  test('lose nothing of a burst of 2 MB at 200 Mbit/s', async () => {
    const datagrams = 1500;
    const sink = world.exec('nonat-east', [
      'node',
      '-e',
      `require('dgram').createSocket('udp4').bind(9000, () => console.log('up'))`,
    ]);
    await once(sink.stdout as NodeJS.EventEmitter, 'data');
    const script = `
      const socket = require('dgram').createSocket('udp4');
      const bytes = Buffer.alloc(1400);
      const intervalMs = 1400 * 8 / 200e3;
      const startedAt = performance.now();
      let sent = 0;
      let done = 0;
      const count = () => ++done === ${datagrams} && socket.close();
      socket.connect(9000, '52.20.10.11', () => (function more() {
        const due = Math.min(${datagrams}, 1 + Math.floor((performance.now() - startedAt) / intervalMs));
        for (; sent < due; sent++) socket.send(bytes, count);
        if (sent < ${datagrams}) setImmediate(more);
      })());`;
    for (let round = 0; round < 3; round++) {
      const before = await receivedPackets('nonat-east');
      const sender = await world.run('easynat-west', ['node', '-e', script]);
      expect(sender.code).toBe(0);
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect((await receivedPackets('nonat-east')) - before).toBeGreaterThanOrEqual(datagrams);
    }
    for (const { aToB, bToA } of (await world.delayReport()) ?? []) {
      for (const direction of [aToB, bToA]) {
        expect(direction).toMatchObject({ droppedLate: 0, droppedFull: 0, droppedRefused: 0 });
      }
    }
  });

  test('carry TCP with offloaded segments intact', async () => {
    world.exec('nonat-east', scriptArgv('traffic/transfer-agent', 'receive', '0.0.0.0:7000'));
    const argv = scriptArgv('traffic/transfer-agent', 'send', '52.20.10.11:7000', '20000000');
    const { stdout, stderr } = await world.run('hardnat-west', argv);
    expect(stderr).toBe('');
    const result = JSON.parse(stdout) as TransferResult;
    expect(result.intact).toBe(true);
    // The median is the application's, on a computer with other things to do; the best is the network's.
    const best = Math.min(...result.rttsMs);
    expect(best).toBeGreaterThanOrEqual(61.6);
    expect(best).toBeLessThanOrEqual(66);
  });

  test('cost nothing while nothing is under way', async () => {
    if (world.delayer !== 'copier') return;
    const ticks = async (): Promise<number> => {
      const script = 'cut -d" " -f14,15 /proc/$(pgrep -f delay/delayer.js)/stat';
      const { stdout } = await world.run('world', ['sh', '-c', script]);
      return stdout
        .trim()
        .split(' ')
        .reduce((sum, text) => sum + Number(text), 0);
    };
    const before = await ticks();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect((await ticks()) - before).toBeLessThanOrEqual(3);
  });
});
