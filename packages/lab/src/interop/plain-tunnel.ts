/**
 * A Warren data plane (worker, TUN, UDP, WireGuard) with one plain WireGuard peer and no control: the other
 * end of a wireguard-go in the interop tests. Prints what the plane reports as a line of JSON each.
 *
 *     node plain-tunnel.js '{"privateKey":"<hex>","peerKey":"<hex>","address":"100.64.0.1/32",
 *                            "peerAddress":"100.64.0.2/32","endpoint":"52.20.10.12:51820","port":51820}'
 */
import { assert } from '@warren/core/base/assert';
import { decodeHex } from '@warren/core/base/bytes';
import { ALL_PORTS, DEFAULT_PROTOCOLS } from '@warren/core/engines/filter-rule';
import { parseEndpoint } from '@warren/core/ip/address';
import { parsePrefix } from '@warren/core/ip/prefix';
import { privateKeyFromBytes, publicKeyFromBytes } from '@warren/core/keys/keys';
import { DEFAULT_MTU_BYTES } from '@warren/node/config/mtu';
import { Plane } from '@warren/node/plane/plane';
import { configureTun } from '@warren/node/tun/configure-linux';

interface TunnelArguments {
  readonly privateKey: string;
  readonly peerKey: string;
  readonly address: string;
  readonly peerAddress: string;
  /** Absent: the peer speaks first. */
  readonly endpoint?: string;
  readonly port: number;
}

const TUN_NAME = 'warren0';
const SOCKET_ID = 1;

const options = JSON.parse(process.argv[2] ?? '{}') as TunnelArguments;
const privateKey = privateKeyFromBytes('node', decodeHex(options.privateKey) ?? new Uint8Array());
const peer = publicKeyFromBytes('node', decodeHex(options.peerKey) ?? new Uint8Array());
const address = parsePrefix(options.address);
const peerAddress = parsePrefix(options.peerAddress);
assert(address !== undefined && peerAddress !== undefined, 'addresses are prefixes');

const print = (line: unknown): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
const plane = await Plane.start(
  { tunName: TUN_NAME, mtuBytes: DEFAULT_MTU_BYTES },
  {
    onUp: (messages) => messages.forEach(print),
    onFailed: (error) => print({ type: 'failed', message: error.message }),
  },
);
await configureTun(TUN_NAME, [address], DEFAULT_MTU_BYTES);
plane.send({ type: 'set-identity', privateKey });
plane.send({
  type: 'set-filter',
  rules: [
    {
      protocols: DEFAULT_PROTOCOLS,
      sources: [peerAddress],
      targets: [{ prefix: address, ports: ALL_PORTS }],
    },
  ],
  localAddresses: [address],
});
plane.send({ type: 'open-socket', socketId: SOCKET_ID, family: 4, port: options.port });
plane.send({
  type: 'set-peer',
  peer,
  allowedIps: [peerAddress],
  keepaliveMs: 0,
  followsSource: true,
});
const remote = parseEndpoint(options.endpoint ?? '');
if (remote !== undefined) {
  plane.send({
    type: 'set-paths',
    peer,
    paths: [{ kind: 'direct', socketId: SOCKET_ID, remote }],
  });
}
print({ type: 'ready' });
process.stdin.on('data', () => plane.send({ type: 'report-counters' }));
