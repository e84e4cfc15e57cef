/** wireguard-go on a machine of a world: Debian's, or the one that scripts/build-go-peers.sh builds. */
import { generateKeyPairSync } from 'node:crypto';
import { runOrThrow } from '../world/run-or-throw.js';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';

export const DEBIAN_WIREGUARD_GO = '/usr/bin/wireguard-go';
export const WIREGUARD_GO_DEVICE = 'wg0';
const LOG_FILE = '/run/wg.log';
const CONFIG_FILE = '/run/wg.conf';
const READY_SECONDS = 5;

export interface WireguardKeys {
  readonly privateHex: string;
  readonly privateBase64: string;
  readonly publicHex: string;
  readonly publicBase64: string;
}

export function wireguardKeys(): WireguardKeys {
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

export interface WireguardGoOptions {
  /** Absolute path of the program. */
  readonly program: string;
  readonly keys: WireguardKeys;
  readonly port: number;
  readonly mtuBytes: number;
  /** Prefixes of its device. */
  readonly addresses: readonly string[];
  readonly peer: {
    readonly publicBase64: string;
    readonly allowedIps: readonly string[];
    /** `address:port`; absent: the peer speaks first. */
    readonly endpoint?: string;
  };
  /** What leads into the device beside its addresses' own networks. */
  readonly routes?: readonly string[];
}

/** Starts it in the foreground and gives it its one peer; resolves when the device is up. */
export async function startWireguardGo(
  world: World,
  machine: string,
  options: WireguardGoOptions,
): Promise<WorldProcess> {
  const { program, keys, port, mtuBytes, addresses, peer, routes = [] } = options;
  const device = WIREGUARD_GO_DEVICE;
  const script = `mkdir -p /run/wireguard; exec ${program} -f ${device}`;
  const started = world.exec(machine, ['sh', '-c', script], {
    env: { WG_PROCESS_FOREGROUND: '1' },
    stdout: { file: LOG_FILE },
    stderr: { file: LOG_FILE },
  });
  const config = [
    ...['[Interface]', `PrivateKey = ${keys.privateBase64}`, `ListenPort = ${port}`],
    ...['[Peer]', `PublicKey = ${peer.publicBase64}`],
    `AllowedIPs = ${peer.allowedIps.join(', ')}`,
    ...(peer.endpoint === undefined ? [] : [`Endpoint = ${peer.endpoint}`]),
  ];
  const tries = READY_SECONDS * 20;
  const socket = `/run/wireguard/${device}.sock`;
  const setUp = [
    `for i in $(seq ${tries}); do [ -S ${socket} ] && break; sleep 0.05; done`,
    `cat > ${CONFIG_FILE}; wg setconf ${device} ${CONFIG_FILE}`,
    ...addresses.map((address) => `ip addr add ${address} dev ${device}`),
    `ip link set ${device} mtu ${mtuBytes} up`,
    ...routes.map((route) => `ip route add ${route} dev ${device}`),
  ].join('\n');
  await runOrThrow(world, machine, ['sh', '-ec', setUp], { input: `${config.join('\n')}\n` });
  return started;
}
