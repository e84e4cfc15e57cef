/**
 * The others behind a NAT: opens new outward UDP flows at a steady rate. Runs in routers:
 *
 *     node cross-traffic.js PER-SECOND       until it is killed or its world ends
 *
 * Each flow is one datagram from a port of its own to an address that the internet has no way to: hubs drop
 * it without a word, and only the router remembers it.
 */
import { createSocket } from 'node:dgram';

/** In a prefix that every hub drops and no network of a topology may use (RFC 6598, its last addresses). */
const NOWHERE = '100.127.255.254';
const PORT = 9;

/** Bursts are shorter than any distance of the lab. */
const TICK_MS = 5;

/** A busy computer owes flows; more than this it never makes up for, or it would be busy for good. */
const MOST_AT_ONCE = 50;

const perSecond = Number(process.argv[2]);
if (!(perSecond > 0)) throw new Error('usage: cross-traffic PER-SECOND');

function openFlow(): void {
  const socket = createSocket('udp4');
  socket.on('error', () => socket.close());
  socket.send('x', PORT, NOWHERE, () => socket.close());
}

let owed = 0;
let before = performance.now();
setInterval(() => {
  const now = performance.now();
  owed = Math.min(MOST_AT_ONCE, owed + ((now - before) * perSecond) / 1000);
  before = now;
  for (; owed >= 1; owed--) openFlow();
}, TICK_MS);
