/**
 * A Warren data plane (worker, TUN, UDP, WireGuard) with one plain WireGuard peer and no control: the other
 * end of a wireguard-go in the interop tests. Prints what the plane reports as a line of JSON each.
 *
 *     node plain-tunnel.js '{"privateKey":"<hex>","peerKey":"<hex>","addresses":["100.64.0.1/32"],
 *                            "peerPrefixes":["100.64.0.2/32"],"endpoint":"52.20.10.12:51820","port":51820}'
 */
import { assert } from '@warren/core/base/assert';
import { decodeHex } from '@warren/core/base/bytes';
import { ALL_PORTS, DEFAULT_PROTOCOLS } from '@warren/core/engines/filter-rule';
import { type IpFamily, parseEndpoint } from '@warren/core/ip/address';
import { type Prefix, parsePrefix } from '@warren/core/ip/prefix';
import { privateKeyFromBytes, publicKeyFromBytes } from '@warren/core/keys/keys';
import { DEFAULT_MTU_BYTES } from '@warren/node/config/mtu';
import { Plane } from '@warren/node/plane/plane';
import { configureTun } from '@warren/node/tun/configure-linux';

interface TunnelArguments {
  readonly privateKey: string;
  readonly peerKey: string;
  /** The device's. */
  readonly addresses: readonly string[];
  /** What lies behind this end beside its addresses; absent: nothing. */
  readonly behind?: readonly string[];
  /** What lies behind the peer, its addresses too. */
  readonly peerPrefixes: readonly string[];
  /** Absent: the peer speaks first. */
  readonly endpoint?: string;
  readonly port: number;
  /** Of the socket; absent: 4. */
  readonly family?: IpFamily;
  /** Absent: the usual. */
  readonly mtuBytes?: number;
}

const TUN_NAME = 'warren0';
const SOCKET_ID = 1;

const options = JSON.parse(process.argv[2] ?? '{}') as TunnelArguments;
const privateKey = privateKeyFromBytes('node', decodeHex(options.privateKey) ?? new Uint8Array());
const peer = publicKeyFromBytes('node', decodeHex(options.peerKey) ?? new Uint8Array());
const { mtuBytes = DEFAULT_MTU_BYTES } = options;
const addresses = options.addresses.map(prefixOf);
const own = [...addresses, ...(options.behind ?? []).map(prefixOf)];
const peerPrefixes = options.peerPrefixes.map(prefixOf);

function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  assert(prefix !== undefined, 'addresses are prefixes');
  return prefix;
}

const print = (line: unknown): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
const plane = await Plane.start(
  { tunName: TUN_NAME, mtuBytes },
  {
    onUp: (messages) => messages.forEach(print),
    onStarted: (description) => print({ type: 'started', description }),
    onFailed: (error) => print({ type: 'failed', message: error.message }),
  },
);
await configureTun(TUN_NAME, addresses, mtuBytes);
plane.send({ type: 'set-identity', privateKey });
plane.send({
  type: 'set-filter',
  rules: [
    {
      protocols: DEFAULT_PROTOCOLS,
      sources: peerPrefixes,
      targets: own.map((prefix) => ({ prefix, ports: ALL_PORTS })),
    },
  ],
  localAddresses: own,
});
const { family = 4, port } = options;
plane.send({ type: 'open-socket', socketId: SOCKET_ID, family, port });
plane.send({
  type: 'set-peer',
  peer,
  allowedIps: peerPrefixes,
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
