/**
 * Puts random traffic through a tunnel between two machines of a world, both ways, and holds what comes out against
 * what went in, byte for byte. Runs in the world itself: its devices are made here and then moved into the machines.
 *
 *     node packet-judge.js {@link JudgeOptions as JSON}       prints a {@link JudgeReport}
 *
 *     left:  packets --> [from-left] -- kernel forwards --> tunnel ==> tunnel -- kernel forwards --> [to-right]  :right
 *
 * Packets come from hosts behind both machines, so the kernels on the way only forward them. They are written with
 * offload: what comes to the tunnel is in part super-packets.
 */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '@warren/core/base/assert';
import { Counters } from '@warren/core/base/counters';
import { SeededRandom } from '@warren/core/base/seeded-random';
import type { PacketBatch } from '@warren/core/packet-engine/packet-ports';
import { createChecksum } from '@warren/node/checksum/wasm-checksum';
import { loadLibc } from '@warren/node/libc/libc';
import { Arena } from '@warren/node/plane/arena';
import { OffloadTun } from '@warren/node/tun/offload-tun';
import { PlainTun } from '@warren/node/tun/plain-tun';
import { openTunDevice } from '@warren/node/tun/tun-device';
import { randomTraffic, textByFlow } from '../traffic/random-packets.js';
import { HOSTS, hostPrefixes, type Side } from './packet-hosts.js';

export interface JudgeOptions {
  readonly left: string;
  readonly right: string;
  readonly mtuBytes: number;
  readonly firstSeed: number;
  readonly seeds: number;
  /** Towards the right the order within a flow may change, ids of UDP over IPv4, and PSH be lost; nothing else. */
  readonly joinsFreely: boolean;
}

export interface JudgeReport {
  /** Both ways together. */
  readonly packets: number;
  /** Seed, where it came from, and the flow of what differed. */
  readonly differing: readonly string[];
  readonly counters: Readonly<Record<string, number>>;
}

/** Longer than a tunnel needs for the packets of a seed on a busy computer. */
const PATIENCE_MS = 10_000;
const POLL_MS = 2;
const PACKETS = 300;
/**
 * Written at once, then waited for: what the kernel charges a socket for them stays below its usual buffer (212,992
 * bytes), which Debian's wireguard-go does not enlarge.
 */
const BURST_BYTES = 150_000;
/** A packet of so many bytes is charged about this. */
const chargeOf = ({ length }: Uint8Array): number => 2 * length + 1_024;
/** Of a packet in the report: all headers. */
const LINE_CHARACTERS = 200;
/** The kernel's two. */
const HOPS = 2;
const ENABLED = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding'] as const;

const options = JSON.parse(process.argv[2] ?? '{}') as JudgeOptions;
const { mtuBytes } = options;
const libc = await loadLibc();
const counters = new Counters();
const slotBytes = Math.ceil((mtuBytes + 64) / 64) * 64;
const stagingBytes = PACKETS * slotBytes;
const arena = new Arena(2 * OffloadTun.arenaBytes(mtuBytes) + stagingBytes, libc.addressOf);
const staging = arena.reserve(stagingBytes);
const checksum = createChecksum(arena);

interface OpenSide {
  readonly from: OffloadTun;
  readonly arrived: Uint8Array[];
}

/** Neighbour discovery of the kernel is none of ours. */
function isOfHosts(packet: Uint8Array): boolean {
  return (packet[0] ?? 0) >> 4 === 4 || packet[8] === 0xfd;
}

function openSide(side: Side): OpenSide {
  const place = options[side];
  const arrived: Uint8Array[] = [];
  const common = { mtuBytes, counters, onGone: () => counters.add('gone') };
  const [fromName, toName] = [`from-${side}`, `to-${side}`];
  const { fd, offload } = openTunDevice(libc, fromName, true);
  assert(offload !== undefined, 'this kernel knows virtio headers');
  const ignore = (): void => undefined;
  const from = new OffloadTun({
    ...{ ...common, name: fromName, libc, arena, checksum, fd, offload },
    onPackets: ignore,
  });
  const collect = ({ memory, offsets, lengths, count }: PacketBatch): void => {
    for (let i = 0; i < count; i++) {
      const at = offsets[i] ?? 0;
      const packet = memory.slice(at, at + (lengths[i] ?? 0));
      if (isOfHosts(packet)) arrived.push(packet);
    }
  };
  new PlainTun(libc, openTunDevice(libc, toName, false).fd, {
    ...{ ...common, name: toName, onPackets: collect },
  });
  const lines = [
    ...[fromName, toName].map((name) => `link set ${name} mtu ${mtuBytes} up`),
    ...hostPrefixes(side).map((prefix) => `route add ${prefix} dev ${toName}`),
  ];
  for (const name of [fromName, toName]) execFileSync('ip', ['link', 'set', name, 'netns', place]);
  const sysctls = ENABLED.map((name) => `echo 1 > /proc/sys/${name}`).join('; ');
  execFileSync('nsenter', [`--net=/run/netns/${place}`, 'sh', '-ec', sysctls]);
  execFileSync('ip', ['-n', place, '-batch', '-'], { input: lines.join('\n') });
  return { from, arrived };
}

function write(from: OffloadTun, packets: readonly Uint8Array[]): void {
  packets.forEach((packet, i) => {
    // Room for the virtio header, at a multiple of 16.
    const at = staging + slotBytes * i + 16;
    arena.bytes.set(packet, at);
    from.write(arena.bytes, at, packet.length);
  });
  from.flush();
}

/** The first packet of a flow that came otherwise, in words. */
function firstDifference(sent: string, came: string, inOrder: boolean): string | undefined {
  if (sent === came) return undefined;
  const [wanted, got] = [sent.split('\n'), came.split('\n')];
  if (!inOrder) for (const lines of [wanted, got]) lines.sort();
  const at = wanted.findIndex((line, i) => line !== got[i]);
  if (at < 0 && wanted.length === got.length) return undefined;
  const cut = (line = ''): string => `${line.slice(0, LINE_CHARACTERS)} (${line.length})`;
  return `${got.length} of ${wanted.length}, at ${at} sent ${cut(wanted[at])}, came ${cut(got[at])}`;
}

const sides = { left: openSide('left'), right: openSide('right') };
const directions = [
  ['left', 'right'],
  ['right', 'left'],
] as const;
let total = 0;
const differing: string[] = [];
for (let seed = options.firstSeed; seed < options.firstSeed + options.seeds; seed++) {
  for (const [source, target] of directions) {
    const packets = randomTraffic(new SeededRandom(seed), {
      ...{ packets: PACKETS, mtuBytes, source: HOSTS[source], target: HOSTS[target] },
    });
    const { arrived } = sides[target];
    arrived.length = 0;
    for (let next = 0; next < packets.length; ) {
      const first = next;
      for (let charge = 0; charge < BURST_BYTES && next < packets.length; next++) {
        charge += chargeOf(packets[next] ?? new Uint8Array());
      }
      write(sides[source].from, packets.slice(first, next));
      for (let ms = 0; ms < PATIENCE_MS && arrived.length < next; ms += POLL_MS) {
        await sleep(POLL_MS);
      }
      if (arrived.length < next) break;
    }
    total += packets.length;
    const isExact = !(options.joinsFreely && target === 'right');
    const got = textByFlow(arrived, 0, isExact);
    for (const [flow, text] of textByFlow(packets, HOPS, isExact)) {
      const difference = firstDifference(text, got.get(flow) ?? '', isExact);
      if (difference !== undefined) {
        differing.push(`seed ${seed}, from ${source}, flow ${flow}: ${difference}`);
      }
    }
  }
}
const report: JudgeReport = { packets: total, differing, counters: counters.snapshot() };
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit();
