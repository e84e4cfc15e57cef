/**
 * Cookies between Warren and Debian's wireguard-go while a stranger floods one of them with initiations:
 * who is flooded asks for cookies, and the other's handshakes come through all the same.
 */
import { describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import {
  PEER_ADDRESS,
  PORT,
  sh,
  startTunnel,
  type Tunnel,
  WARREN_ADDRESS,
} from './wireguard-go-tunnel.js';

/** Types of WireGuard messages, as the stranger counts what comes back. */
const COOKIE_REPLY = '3';

interface Flooded {
  readonly sent: number;
  readonly answers: Readonly<Record<string, number>>;
}

/** Starts a flood of so many seconds; the promise is its end. */
function flood(tunnel: Tunnel, target: string, key: string, perSecond: number, seconds: number) {
  const argv = scriptArgv(
    ...(['interop/initiation-flood', `${target}:${PORT}`, key] as const),
    String(perSecond),
    String(seconds),
  );
  const output = sh(tunnel.world, 'stranger', argv.join(' '), (seconds + 30) * 1_000);
  return output.then((text) => JSON.parse(text) as Flooded);
}

/** Pings until one is answered. */
async function firstAnswer({ world }: Tunnel, from: string, to: string): Promise<void> {
  const once = `ping -n -q -c 1 -W 1 ${to}`;
  await sh(world, from, `for i in $(seq 60); do ${once} && exit 0; done; exit 1`, 90_000);
}

describe('under a flood of initiations', () => {
  test.for([
    ['our handshake', 'warren', 'warren', '100.64.0.2'],
    ['our response to its own', 'wireguard-go', 'peer', '100.64.0.1'],
  ] as const)(
    'wireguard-go asks us for a cookie and then takes %s',
    async ([, first, from, to], { onTestFinished }) => {
      const tunnel = await startTunnel(first, onTestFinished);
      const flooded = flood(tunnel, PEER_ADDRESS, tunnel.peerKey, 30_000, 16);
      await sh(tunnel.world, 'stranger', 'sleep 2');
      await firstAnswer(tunnel, from, to);
      const counters = await tunnel.counters();
      const { answers } = await flooded;
      expect(answers[COOKIE_REPLY]).toBeGreaterThan(0);
      expect(counters['cookie-accepted']).toBeGreaterThanOrEqual(1);
    },
  );

  test('we ask wireguard-go for a cookie, take its handshake, and its traffic flows on', async ({
    onTestFinished,
  }) => {
    const tunnel = await startTunnel('wireguard-go', onTestFinished);
    const flooded = flood(tunnel, WARREN_ADDRESS, tunnel.warrenKey, 2_000, 16);
    await sh(tunnel.world, 'stranger', 'sleep 2');
    await firstAnswer(tunnel, 'peer', '100.64.0.1');
    const said = await sh(tunnel.world, 'peer', 'ping -n -q -c 50 -i 0.1 -W 2 100.64.0.1 || true');
    expect(said).toContain('50 packets transmitted, 50 received');
    const counters = await tunnel.counters();
    const { sent, answers } = await flooded;
    // It was under load all the while, so nobody had a handshake without a cookie.
    expect(answers[COOKIE_REPLY]).toBeGreaterThan(sent / 2);
    expect(counters['initiation-without-cookie']).toBeGreaterThan(0);
    expect(tunnel.events.some(({ type }) => type === 'handshake-done')).toBe(true);
  });
});
