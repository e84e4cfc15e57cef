/**
 * Sends datagrams with the daemon's own sockets, one after the other without a pause, each with its limit of
 * hops (`-`: the system's). Runs inside machines:
 *
 *     node hop-sender.js TARGET LOCAL-PORT LIMIT...
 *
 * Each says its place and its limit: `0/-`, `1/2`. Prints what was counted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Counters } from '@warren/core/base/counters';
import { endpointAddress, familyOf, parseEndpoint } from '@warren/core/ip/address';
import { DgramSockets } from '@warren/node/udp/dgram-sockets';

/** Until the kernel has what was sent. */
const SENT_MS = 200;

const [targetText = '', port, ...limits] = process.argv.slice(2);
const target = parseEndpoint(targetText);
if (target === undefined) throw new Error('usage: hop-sender TARGET LOCAL-PORT LIMIT...');

const counters = new Counters();
const fail = (reason: string): void => counters.add(reason);
const sockets = new DgramSockets({
  counters,
  onDatagram: () => undefined,
  onOpen: (socketId) => {
    for (const [place, limit] of limits.entries()) {
      const bytes = new TextEncoder().encode(`${place}/${limit}`);
      sockets.send(
        socketId,
        target,
        bytes,
        0,
        bytes.length,
        limit === '-' ? undefined : Number(limit),
      );
    }
  },
  onFailed: (_socketId, reason) => fail(reason),
  onSendFailed: (_socketId, _remote, reason) => fail(reason),
});
sockets.open(1, familyOf(endpointAddress(target)), Number(port));
await sleep(SENT_MS);
sockets.closeAll();
process.stdout.write(`${JSON.stringify(counters.snapshot())}\n`);
