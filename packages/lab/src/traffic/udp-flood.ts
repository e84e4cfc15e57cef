/**
 * Datagrams at a steady rate to somebody who need not listen. Runs inside machines.
 *
 *     node udp-flood.js ADDRESS:PORT PER-SECOND BYTES SECONDS      prints {"sent": N}
 */
import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '@warren/core/base/assert';
import { endpointAddress, endpointPort, familyOf, parseEndpoint } from '@warren/core/ip/address';

/** A turn of the event loop on a busy computer; what is owed then leaves at once. */
const TICK_MS = 5;
/** A busy computer owes datagrams; more than this many turns of them it never makes up for. */
const TURNS_OWED_MAX = 10;

const [where, ...numbers] = process.argv.slice(2);
const target = parseEndpoint(where ?? '');
const [perSecond = 0, bytes = 0, seconds = 0] = numbers.map(Number);
assert(target !== undefined && perSecond > 0 && seconds > 0, 'a target and three numbers');
const [address, port] = [endpointAddress(target), endpointPort(target)];

const socket = createSocket(familyOf(address) === 4 ? 'udp4' : 'udp6');
const payload = Buffer.alloc(bytes, 0x5a);
const perTurn = (perSecond * TICK_MS) / 1_000;
const end = performance.now() + seconds * 1_000;
let sent = 0;
let owed = 0;
let before = performance.now();
while (performance.now() < end) {
  const now = performance.now();
  owed = Math.min(TURNS_OWED_MAX * perTurn, owed + ((now - before) * perSecond) / 1_000);
  before = now;
  for (; owed >= 1; owed--, sent++) socket.send(payload, port, address, () => undefined);
  await sleep(TICK_MS);
}
socket.close();
process.stdout.write(`${JSON.stringify({ sent })}\n`);
