/** The daemon as its systemd unit runs it: with the unit's capabilities only, until SIGTERM. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { TunnelPing } from '../faults/tunnel-ping.js';
import { joinMachine, statusOf } from '../mesh/machines.js';
import { LOG_FILE, until } from '../mesh/places.js';
import { skipsLab } from '../testing/lab-ring.js';

const skips = await skipsLab();

const PATH_MS = 20_000;

/** `CAP_NET_ADMIN CAP_NET_RAW` of a unit, as setpriv wants it. */
function capabilitiesOf(unit: string): string {
  const file = new URL(`../../../../deploy/systemd/${unit}.service`, import.meta.url);
  const line = /^CapabilityBoundingSet=(.+)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
  return line
    .split(' ')
    .map((name) => `+${name.replace(/^CAP_/, '').toLowerCase()}`)
    .join(',');
}

describe.skipIf(skips)('a daemon with its unit’s rights', () => {
  let network: OneHubNetwork;

  beforeAll(async () => {
    network = await OneHubNetwork.start(['left']);
  });

  afterAll(async () => {
    await network.close();
  });

  test('joins, talks, and leaves nothing behind at SIGTERM', async () => {
    const { world, cli } = network;
    const rights = ['setpriv', '--no-new-privs', `--bounding-set=-all,${capabilitiesOf('warren')}`];
    const output = { file: LOG_FILE };
    const daemon = world.exec('right', [...rights, ...cli.argv(['daemon'])], {
      stdout: output,
      stderr: output,
    });
    await until(world, 'right', 'the daemon of right', () => statusOf(world, 'right'));
    const { key } = await network.createKey();
    const join = ['--login-server', network.url, '--auth-key', key];
    const address = await joinMachine(world, cli, 'right', join);
    const ping = new TunnelPing(world, 'left', address);
    await ping.steady(PATH_MS);
    ping.stop();
    expect(await network.sh('right', 'ip -o link show warren0')).toContain('warren0');
    await network.sh('world', `kill -TERM ${daemon.pid ?? 'nothing'}`);
    expect(await daemon.exited).toMatchObject({ code: 0 });
    expect(await network.sh('right', 'ip -o link show | grep -c warren0 || true')).toBe('0');
    expect(await network.sh('right', 'ip route show | grep -c warren0 || true')).toBe('0');
    expect(await network.sh('right', 'ls /run/warren')).toBe('');
  });
});
