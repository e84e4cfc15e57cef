/** A datagram's own limit of hops, on the way through real routers: it holds for that datagram alone. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import { throughNat64 } from '../topology/nat64.js';
import { routerZoo } from '../topology/router-zoo.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';

const skips = await skipsLab();

const PORT = 7100;
const SETTLE_MS = 500;

describe.skipIf(skips)('hops', () => {
  let world: World;
  const [first] = routerZoo.hosts[0]?.addresses ?? [];

  beforeAll(async () => {
    world = await startWorld(routerZoo);
  });

  afterAll(async () => {
    await world.close();
  });

  /** What the server gets of datagrams with these limits. */
  async function arrivals(machine: string, target: string, limits: string[]): Promise<string[]> {
    const receiver = world.exec(
      'server',
      scriptArgv('probe/hop-receiver', String(first), String(PORT)),
    );
    const heard: string[] = [];
    const lines = createInterface({ input: receiver.stdout as NodeJS.ReadableStream });
    const [ready] = (await once(lines, 'line')) as [string];
    expect(ready).toBe('ready');
    lines.on('line', (line) => heard.push(line));
    const sent = await world.run(
      machine,
      scriptArgv('probe/hop-sender', `${target}:${PORT}`, String(PORT), ...limits),
    );
    expect([sent.stderr, sent.stdout]).toEqual(['', '{}\n']);
    await sleep(SETTLE_MS);
    receiver.kill('SIGKILL');
    await receiver.exited;
    return heard;
  }

  test('through a router and the hub', async () => {
    const limits = ['-', '1', '-', '2', '3', '1', '-', '2', '255'];
    const heard = await arrivals('behind-quiet', String(first), limits);
    expect(heard).toEqual(['0/-', '2/-', '4/3', '6/-', '8/255']);
  });

  test('through a carrier, one router more', async () => {
    const heard = await arrivals('behind-carrier-easy', String(first), ['3', '-', '4', '2', '-']);
    expect(heard).toEqual(['1/-', '2/4', '4/-']);
  });

  test('over IPv6, where it is the hop limit', async () => {
    const target = `[${throughNat64(first ?? ('' as never))}]`;
    // The translator is a router too.
    const heard = await arrivals('behind-nat64', target, ['1', '-', '3', '9', '-']);
    expect(heard).toEqual(['1/-', '3/9', '4/-']);
  });
});
