/**
 * Sends datagrams from one of the daemon's Linux sockets to another on loopback, as fast as the kernel takes them.
 * Runs inside a network namespace of its own:
 *
 *     node udp-burst.js COUNT
 *
 * Prints a {@link BurstReport} as JSON.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Counters } from '@warren/core/base/counters';
import type { Endpoint } from '@warren/core/ip/address';
import { loadLibc } from '@warren/node/libc/libc';
import { Arena } from '@warren/node/plane/arena';
import { LINUX_SOCKETS_ARENA_BYTES, LinuxSockets } from '@warren/node/udp/linux-sockets';

export interface BurstReport {
  readonly sent: number;
  readonly received: number;
  /** Datagrams that came before one that was sent earlier, or after a gap. */
  readonly outOfOrder: number;
  /** How often the kernel had no room, and then had. */
  readonly waits: number;
  readonly counters: Readonly<Record<string, number>>;
}

const DATAGRAM_BYTES = 1400;
const AT_ONCE = 64;
/** Longer than any burst that a test asks for takes. */
const PATIENCE_MS = 20_000;
const POLL_MS = 20;

const count = Number(process.argv[2]);
const libc = await loadLibc();
const dataBytes = AT_ONCE * DATAGRAM_BYTES;
const arena = new Arena(LINUX_SOCKETS_ARENA_BYTES + 2 * dataBytes, libc.addressOf);
const data = arena.reserve(dataBytes);
const counters = new Counters();
const ports = new Map<number, number>();
let [sent, received, outOfOrder, waits] = [0, 0, 0, 0];

const sockets = new LinuxSockets({
  libc,
  arena,
  counters,
  onOpen: (socketId, port) => {
    ports.set(socketId, port);
    if (ports.size === 2) pump();
  },
  onFailed: (_socketId, reason) => counters.add(reason),
  onSendFailed: (_socketId, _remote, reason) => counters.add(reason),
  onWritable: () => {
    waits++;
    pump();
  },
  onBatch: (_socketId, batch) => {
    for (let i = 0; i < batch.count; i++) {
      if (arena.view.getUint32(batch.offsets[i] ?? 0) !== received) outOfOrder++;
      received++;
    }
  },
});

function pump(): void {
  const target = `127.0.0.1:${ports.get(2)}` as Endpoint;
  while (sent < count && !sockets.isBlocked) {
    for (let i = 0; i < AT_ONCE && sent < count; i++) {
      const at = data + i * DATAGRAM_BYTES;
      arena.view.setUint32(at, sent++);
      sockets.send(1, target, arena.bytes, at, DATAGRAM_BYTES);
    }
    sockets.flush();
  }
}

sockets.open(1, 4, 0);
sockets.open(2, 4, 0);
for (const end = performance.now() + PATIENCE_MS; performance.now() < end; ) {
  if (received >= count) break;
  await sleep(POLL_MS);
}
const report: BurstReport = { sent, received, outOfOrder, waits, counters: counters.snapshot() };
process.stdout.write(`${JSON.stringify(report)}\n`);
sockets.closeAll();
