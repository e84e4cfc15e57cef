/**
 * A stranger that knows a WireGuard interface's public key and sends it initiations, as fast as told. Runs
 * inside machines; ends by itself.
 *
 *     node initiation-flood.js ADDRESS:PORT PUBLIC-KEY-HEX PER-SECOND SECONDS
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '@warren/core/base/assert';
import { decodeHex } from '@warren/core/base/bytes';
import { wallTime } from '@warren/core/base/instant';
import { endpointAddress, endpointPort, parseEndpoint } from '@warren/core/ip/address';
import { generatePrivateKey } from '@warren/core/keys/keys';
import { createIdentity, createInitiation, createPeerStatics } from '@warren/core/wireguard/noise';
import { TimestampSource } from '@warren/core/wireguard/tai64n';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { createNodeRandom } from '@warren/shell/random/node-random';

/** Bursts: a queue that empties between two packets never fills. */
const BURSTS_PER_SECOND = 50;

const [target, key, perSecond, seconds] = process.argv.slice(2);
const remote = parseEndpoint(target ?? '');
const publicKey = decodeHex(key ?? '');
assert(remote !== undefined && publicKey !== undefined, 'target and key are given');

const crypto = createNodeCrypto();
const random = createNodeRandom();
const identity = createIdentity(crypto, generatePrivateKey('node', random));
const statics = createPeerStatics(crypto, identity, publicKey);
assert(statics !== undefined, 'the key is a good one');
const timestamp = new TimestampSource(() => wallTime(Date.now())).next();
const made = createInitiation(crypto, random, identity, statics, 0x5eed, timestamp);
assert(made !== undefined, 'the key is a good one');

const socket = createSocket('udp4');
socket.bind(0);
await once(socket, 'listening');
const answers = new Map<number, number>();
socket.on('message', (bytes) => {
  const type = bytes[0] ?? 0;
  answers.set(type, (answers.get(type) ?? 0) + 1);
});
const [address, port] = [endpointAddress(remote), endpointPort(remote)];
const perBurst = Math.ceil(Number(perSecond) / BURSTS_PER_SECOND);
const startedAt = performance.now();
let sent = 0;
for (let burst = 0; burst < Number(seconds) * BURSTS_PER_SECOND; burst++) {
  for (let i = 0; i < perBurst; i++, sent++)
    socket.send(made.message, port, address, () => undefined);
  const nextAt = startedAt + ((burst + 1) * 1_000) / BURSTS_PER_SECOND;
  await sleep(Math.max(1, nextAt - performance.now()));
}
socket.close();
process.stdout.write(`${JSON.stringify({ sent, answers: Object.fromEntries(answers) })}\n`);
