/**
 * Writes random traffic into a TUN device with offload, lets the kernel route it to a second one, and holds what
 * comes out against what went in. Runs inside a network namespace of its own:
 *
 *     node kernel-offload.js FIRST_SEED SEEDS
 *
 *      packets --coalesced--> [from] -- kernel forwards --+-> [plain]  the kernel cuts super-packets
 *                                                         +-> [joined] super-packets stay whole; we cut them
 *
 * Prints an {@link OffloadReport} as JSON.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '@warren/core/base/assert';
import { Counters } from '@warren/core/base/counters';
import { SeededRandom } from '@warren/core/base/seeded-random';
import type { PacketBatch } from '@warren/core/packet-engine/packet-ports';
import { createChecksum } from '@warren/node/checksum/wasm-checksum';
import { type Libc, loadLibc } from '@warren/node/libc/libc';
import { Arena } from '@warren/node/plane/arena';
import { OffloadTun } from '@warren/node/tun/offload-tun';
import { PlainTun } from '@warren/node/tun/plain-tun';
import { openTunDevice } from '@warren/node/tun/tun-device';
import { randomTraffic, textByFlow } from '../traffic/random-packets.js';

export interface OffloadReport {
  readonly packets: number;
  /** To `from`, which joins: far fewer than packets. */
  readonly writes: number;
  /** From `joined`, where super-packets stay whole, for its half of the packets. */
  readonly reads: number;
  /** Seed, device and the flow of what differed. */
  readonly differing: readonly string[];
  readonly counters: Readonly<Record<string, number>>;
}

const MTU_BYTES = 1500;
/** Longer than the kernel needs for the packets of a seed on a busy computer. */
const PATIENCE_MS = 5000;
const POLL_MS = 2;
/** Below the 500 packets that wait in a device at most. */
const PACKETS_MAX = 400;
/** Last byte of the address that leads to each device. */
const DEVICES = { plain: 2, joined: 3 } as const;

const SETUP = `
link set lo up
link set from mtu ${MTU_BYTES} up
link set plain mtu ${MTU_BYTES} up
link set joined mtu ${MTU_BYTES} up
route add 100.64.0.1/32 dev from
route add 100.64.0.2/32 dev plain
route add 100.64.0.3/32 dev joined
route add fd7a:115c:a1e0::1/128 dev from
route add fd7a:115c:a1e0::2/128 dev plain
route add fd7a:115c:a1e0::3/128 dev joined
`;
const FORWARDING = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding'];

const firstSeed = Number(process.argv[2]);
const seeds = Number(process.argv[3]);
const libc = await loadLibc();
const counters = new Counters();
const arrived: Uint8Array[] = [];
let [reads, writes] = [0, 0];

function collect({ memory, offsets, lengths, count }: PacketBatch): void {
  for (let i = 0; i < count; i++) {
    const at = offsets[i] ?? 0;
    const packet = memory.slice(at, at + (lengths[i] ?? 0));
    // The kernel's own router solicitations are none of ours.
    if (packet[0] !== 0x60 || packet[8] === 0xfd) arrived.push(packet);
  }
}

function optionsOf(name: string, onPackets: (batch: PacketBatch) => void) {
  return {
    name,
    mtuBytes: MTU_BYTES,
    counters,
    onPackets,
    onGone: () => counters.add('gone'),
  };
}

const stagingBytes = PACKETS_MAX * 2048;
const arena = new Arena(2 * OffloadTun.arenaBytes(MTU_BYTES) + stagingBytes, libc.addressOf);
const staging = arena.reserve(stagingBytes);
const checksum = createChecksum(arena);

/** Devices with offload call this one. */
const counting: Libc = {
  ...libc,
  read(fd, address, length) {
    const bytes = libc.read(fd, address, length);
    if (bytes > 0) reads++;
    return bytes;
  },
  writev(fd, vectors, count) {
    writes++;
    return libc.writev(fd, vectors, count);
  },
};

function openOffload(name: string, onPackets: (batch: PacketBatch) => void): OffloadTun {
  const { fd, offload } = openTunDevice(libc, name, true);
  assert(offload !== undefined, 'this kernel knows virtio headers');
  const options = { ...optionsOf(name, onPackets), libc: counting, arena, checksum, fd, offload };
  return new OffloadTun(options);
}

// The kernel's own solicitations come here too; nobody waits for them.
const from = openOffload('from', () => undefined);
const joined = openOffload('joined', collect);
const plain = new PlainTun(
  libc,
  openTunDevice(libc, 'plain', false).fd,
  optionsOf('plain', collect),
);
execFileSync('ip', ['-batch', '-'], { input: SETUP });
for (const name of FORWARDING) writeFileSync(`/proc/sys/${name}`, '1');

let total = 0;
const differing: string[] = [];
for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
  for (const [device, target] of Object.entries(DEVICES)) {
    const packets = randomTraffic(new SeededRandom(seed), {
      ...{ packets: PACKETS_MAX, mtuBytes: MTU_BYTES, source: 1, target },
    });
    arrived.length = 0;
    packets.forEach((packet, i) => {
      const at = staging + 2048 * i + 64;
      arena.bytes.set(packet, at);
      from.write(arena.bytes, at, packet.length);
    });
    from.flush();
    for (let ms = 0; ms < PATIENCE_MS && arrived.length < packets.length; ms += POLL_MS) {
      await sleep(POLL_MS);
    }
    total += packets.length;
    const got = textByFlow(arrived, 0);
    for (const [flow, text] of textByFlow(packets, 1)) {
      if (got.get(flow) !== text) differing.push(`seed ${seed}, ${device}, flow ${flow}`);
    }
  }
}
for (const device of [from, joined, plain]) device.close();
const report: OffloadReport = {
  packets: total,
  writes,
  reads,
  differing,
  counters: counters.snapshot(),
};
process.stdout.write(`${JSON.stringify(report)}\n`);
