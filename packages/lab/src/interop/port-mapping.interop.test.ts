/**
 * The lab's port mapping servers are real: Debian's own clients make mappings on them, and those let
 * strangers in. Needs Debian's packages miniupnpc and natpmpc.
 */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { fourMachines } from '../topology/four-machines.js';
import { startWorld } from '../world/start-world.js';
import type { RunResult, World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';

const behind = 'easynat-east';
const gateway = '192.168.11.1';
const stranger = 'nonat-east';

let world: World;
let server: WorldProcess;

beforeAll(async () => {
  world = await startWorld(fourMachines);
  const argv = scriptArgv('interop/stun-host', 'serve', world.addressOf(behind), '41641');
  server = world.exec(behind, argv, { stdin: 'pipe', stderr: { file: '/run/stun.log' } });
  await once(server.stdout as NodeJS.EventEmitter, 'data');
});

afterAll(async () => {
  await world.close();
});

/** What the stranger hears when it asks the machine at a port of its router, without having been asked. */
async function asked(outsidePort: number, from: number): Promise<string | undefined> {
  const target = `${world.publicAddressOf(behind)}:${outsidePort}`;
  const argv = scriptArgv('interop/stun-host', 'ask', String(from), target);
  const { stdout } = await world.run(stranger, argv);
  return (JSON.parse(stdout) as string[])[0];
}

function said({ stdout, stderr }: RunResult): string {
  return stdout + stderr;
}

describe('a router that maps ports', () => {
  test('lets nobody in before it is asked', async () => {
    expect(await asked(41_641, 9000)).toBe('silence');
  });

  test('maps over NAT-PMP and takes the mapping back', async () => {
    const natpmpc = (lifetime: string) =>
      world.run(behind, ['natpmpc', '-g', gateway, '-a', '41640', '41641', 'udp', lifetime]);
    const made = said(await natpmpc('3600'));
    expect(made).toContain(`Public IP address : ${world.publicAddressOf(behind)}`);
    expect(made).toMatch(/Mapped public port 41640 protocol UDP to local port 41641/);
    expect(await asked(41_640, 9001)).toBe(`${world.addressOf(stranger)}:9001`);
    await natpmpc('0');
    expect(await asked(41_640, 9002)).toBe('silence');
  });

  test('maps over UPnP and takes the mapping back', async () => {
    const upnpc = (...args: string[]) => world.run(behind, ['upnpc', '-m', 'eth0', ...args]);
    const made = said(await upnpc('-a', world.addressOf(behind), '41641', '41643', 'udp', '3600'));
    expect(made).toContain(`external ${world.publicAddressOf(behind)}:41643 UDP is redirected`);
    expect(await asked(41_643, 9003)).toBe(`${world.addressOf(stranger)}:9003`);
    await upnpc('-d', '41643', 'udp');
    expect(await asked(41_643, 9004)).toBe('silence');
  });

  test('exists only where the topology says so', async () => {
    const result = await world.run('hardnat-west', ['natpmpc', '-g', '10.0.2.1']);
    expect(said(result)).not.toContain('Public IP address');
  });
});
