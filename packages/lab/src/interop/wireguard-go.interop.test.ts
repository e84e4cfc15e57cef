/**
 * Debian's wireguard-go as the other end of a Warren data plane: handshakes from both sides, data both
 * ways, a rekey after 120 s under 1,000 pings of which none may be lost, and roaming of its address.
 */
import { describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import {
  PEER_ADDRESS,
  SECOND_ADDRESS,
  sh,
  startTunnel,
  type Tunnel,
} from './wireguard-go-tunnel.js';

/** A new port too: wireguard-go keeps a vanished source address until it binds anew. */
const SECOND_PORT = 51_821;
/** 1,000 pings at this interval last 135 s: longer than REKEY_AFTER_TIME. */
const PINGS = 1000;
const PING_INTERVAL_SECONDS = '0.135';

const count = (tunnel: Tunnel, type: string): number =>
  tunnel.events.filter((event) => event.type === type).length;

async function pingThroughRekey(tunnel: Tunnel, from: string, target: string): Promise<void> {
  const text = await sh(
    tunnel.world,
    from,
    `ping -n -q -c ${PINGS} -i ${PING_INTERVAL_SECONDS} -W 2 ${target} || true`,
    200_000,
  );
  expect(text).toContain(`${PINGS} packets transmitted, ${PINGS} received, 0% packet loss`);
  expect(
    count(tunnel, 'handshake-done'),
    'the first handshake and one after 120 s',
  ).toBeGreaterThanOrEqual(2);
}

async function transfer(tunnel: Tunnel, from: string, to: string, address: string): Promise<void> {
  const { world } = tunnel;
  const receiver = world.exec(to, scriptArgv('traffic/transfer-agent', 'receive', '0.0.0.0:7100'), {
    stdout: 'ignore',
    stderr: 'ignore',
  });
  const argv = scriptArgv('traffic/transfer-agent', 'send', `${address}:7100`, '2000000').join(' ');
  const sent = JSON.parse(await sh(world, from, argv)) as { readonly intact: boolean };
  expect(sent.intact).toBe(true);
  receiver.kill('SIGKILL');
}

describe.concurrent('wireguard-go', () => {
  test('Warren speaks first: data both ways, 1,000 pings through a rekey, none lost', async ({
    onTestFinished,
  }) => {
    const tunnel = await startTunnel('warren', onTestFinished);
    await pingThroughRekey(tunnel, 'warren', '100.64.0.2');
    await transfer(tunnel, 'warren', 'peer', '100.64.0.2');
    await transfer(tunnel, 'peer', 'warren', '100.64.0.1');
  });

  test('wireguard-go speaks first: 1,000 pings through a rekey, none lost', async ({
    onTestFinished,
  }) => {
    const tunnel = await startTunnel('wireguard-go', onTestFinished);
    await pingThroughRekey(tunnel, 'peer', '100.64.0.1');
  });

  test('its address roams and ours follows with its first packet', async ({ onTestFinished }) => {
    const tunnel = await startTunnel('warren', onTestFinished);
    const { world } = tunnel;
    await sh(world, 'warren', 'ping -n -q -c 5 -i 0.2 -W 2 100.64.0.2');
    expect(count(tunnel, 'roamed')).toBe(0);
    await sh(
      world,
      'peer',
      `ip route replace 169.254.1.1 dev eth0 scope link src ${SECOND_ADDRESS}
       ip route replace default via 169.254.1.1 dev eth0 src ${SECOND_ADDRESS}
       ip addr del ${PEER_ADDRESS}/32 dev eth0
       wg set wg0 listen-port ${SECOND_PORT}
       ping -n -q -c 5 -i 0.2 -W 2 100.64.0.1`,
    );
    expect(tunnel.events.filter((event) => event.type === 'roamed')).toMatchObject([
      { path: { remote: `${SECOND_ADDRESS}:${SECOND_PORT}` } },
    ]);
    await sh(world, 'warren', 'ping -n -q -c 20 -i 0.1 -W 2 100.64.0.2');
  });
});
