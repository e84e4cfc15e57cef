/**
 * Debian's wireguard-go as the other end of a Warren data plane: handshakes from both sides, data both
 * ways, a rekey after 120 s under 1,000 pings of which none may be lost, and roaming of its address.
 */
import { generateKeyPairSync } from 'node:crypto';
import { ip } from '@warren/sim/topology/literals';
import type { Topology } from '@warren/sim/topology/types';
import { describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';

const PEER_ADDRESS = ip('52.20.10.12');
/** Where the peer roams to. */
const SECOND_ADDRESS = ip('52.20.10.13');
const WARREN_ADDRESS = ip('52.20.10.11');
const PORT = 51_820;
/** A new port too: wireguard-go keeps a vanished source address until it binds anew. */
const SECOND_PORT = 51_821;
/** 1,000 pings at this interval last 135 s: longer than REKEY_AFTER_TIME. */
const PINGS = 1000;
const PING_INTERVAL_SECONDS = '0.135';

const topology: Topology = {
  name: 'two-public',
  regions: [{ name: 'here' }],
  links: [],
  hosts: [],
  networks: [],
  machines: [
    { name: 'warren', at: { kind: 'public', region: 'here', addresses: [WARREN_ADDRESS] } },
    {
      name: 'peer',
      at: { kind: 'public', region: 'here', addresses: [PEER_ADDRESS, SECOND_ADDRESS] },
    },
  ],
};

interface KeyPair {
  readonly privateHex: string;
  readonly privateBase64: string;
  readonly publicHex: string;
  readonly publicBase64: string;
}

function keyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const secret = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
  const open = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  return {
    privateHex: secret.toString('hex'),
    privateBase64: secret.toString('base64'),
    publicHex: open.toString('hex'),
    publicBase64: open.toString('base64'),
  };
}

interface Tunnel {
  readonly world: World;
  /** Lines that the plane reported so far. */
  readonly events: { readonly type: string; readonly path?: unknown }[];
  askCounters(): void;
}

async function sh(
  world: World,
  place: string,
  script: string,
  timeoutMs = 60_000,
): Promise<string> {
  const result = await world.run(place, ['sh', '-ec', script], { timeoutMs });
  expect(result.code, `${script}\n${result.stdout}\n${result.stderr}`).toBe(0);
  return result.stdout;
}

/** Both ends up; `first` says who knows the other's address and so who speaks first. */
async function startTunnel(
  first: 'warren' | 'wireguard-go',
  atEnd: (close: () => Promise<void>) => void,
): Promise<Tunnel> {
  const world = await startWorld(topology);
  atEnd(() => world.close());
  const [ours, theirs] = [keyPair(), keyPair()];
  world.exec('peer', ['sh', '-c', 'mkdir -p /run/wireguard; exec wireguard-go -f wg0'], {
    env: { WG_PROCESS_FOREGROUND: '1' },
    stdout: { file: '/run/wg.log' },
    stderr: { file: '/run/wg.log' },
  });
  const endpoint = first === 'wireguard-go' ? `Endpoint = ${WARREN_ADDRESS}:${PORT}` : '';
  const config = `[Interface]
PrivateKey = ${theirs.privateBase64}
ListenPort = ${PORT}
[Peer]
PublicKey = ${ours.publicBase64}
AllowedIPs = 100.64.0.1/32
${endpoint}
`;
  await sh(
    world,
    'peer',
    `for i in $(seq 100); do ip link show wg0 >/dev/null 2>&1 && break; sleep 0.05; done
     cat > /run/wg.conf <<'END'\n${config}\nEND
     wg setconf wg0 /run/wg.conf
     ip addr add 100.64.0.2/32 dev wg0; ip link set wg0 mtu 1280 up; ip route add 100.64.0.0/10 dev wg0`,
  );
  const tunnel = world.exec(
    'warren',
    scriptArgv(
      'interop/plain-tunnel',
      JSON.stringify({
        privateKey: ours.privateHex,
        peerKey: theirs.publicHex,
        address: '100.64.0.1/32',
        peerAddress: '100.64.0.2/32',
        port: PORT,
        ...(first === 'warren' ? { endpoint: `${PEER_ADDRESS}:${PORT}` } : {}),
      }),
    ),
    { stdin: 'pipe', stderr: { file: '/run/tunnel.log' } },
  );
  const events: Tunnel['events'] = [];
  let rest = '';
  tunnel.stdout?.on('data', (part: Buffer) => {
    const lines = (rest + part.toString()).split('\n');
    rest = lines.pop() ?? '';
    events.push(...lines.map((line) => JSON.parse(line) as { readonly type: string }));
  });
  await expect
    .poll(() => events.some((event) => event.type === 'ready'), { timeout: 10_000 })
    .toBe(true);
  return { world, events, askCounters: () => void tunnel.stdin?.write('\n') };
}

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
