/**
 * Random IP traffic as hosts really send it, and as they seldom do, out of a seed: for devices and tunnels that must
 * give every packet as they took it. All of it is legal to forward.
 *
 *     runs of TCP segments and UDP datagrams of a few flows, mixed; TCP options; ECN and class of service
 *     between them: empty segments, SYN, FIN, RST; ICMP; fragments; IPv4 options, IPv6 extension headers;
 *     wrong checksums, which have to arrive as wrong as they were
 */
import { assert } from '@warren/core/base/assert';
import { concatBytes, encodeHex, viewOf } from '@warren/core/base/bytes';
import type { SeededRandom } from '@warren/core/base/seeded-random';
import { IPV4_AT, IPV6_AT, TCP, TCP_AT, TCP_HEADER_BYTES } from '@warren/core/offload/headers';
import {
  ACK,
  FIN,
  headerBytesOf,
  naiveSum,
  type PacketShape,
  PSH,
  packetOf,
  payloadOf,
  RST,
  SYN,
  segmentsOf,
} from '@warren/core/offload/testing/packets';

export interface TrafficPlan {
  readonly packets: number;
  readonly mtuBytes: number;
  /** Last bytes of the addresses, as `PacketShape` has them. */
  readonly source: number;
  readonly target: number;
}

type Flow = PacketShape & { version: 4 | 6; id: number; seq: number };

/** Enough for a few routers on the way. */
const HOPS_MIN = 8;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const [ICMP, UDP, ICMPV6] = [1, 17, 58];
const ECHO_REQUEST = { 4: 8, 6: 128 } as const;
const [HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION] = [0, 43, 44, 60];
const MORE_FRAGMENTS = 0x2000;
/** What the packet filter takes for a cut that hides ports is shorter. */
const FRAGMENT_BYTES_MIN = 64;

/** Packets in the order in which they go out. */
export function randomTraffic(random: SeededRandom, plan: TrafficPlan): Uint8Array[] {
  const flows = Array.from({ length: 1 + random.below(6) }, (_, i) => flowOf(random, plan, i));
  const packets: Uint8Array[] = [];
  while (packets.length < plan.packets / 2) {
    const flow = flows[random.below(flows.length)];
    assert(flow !== undefined, 'there are flows');
    const size = 1 + random.below(plan.mtuBytes - headerBytesOf(flow).all - 8);
    const bytes = 1 + random.below(Math.min(60_000, size * (1 + random.below(20))));
    const flags = random.below(2) === 0 ? ACK : ACK | PSH;
    const run = segmentsOf({ ...flow, flags, payload: payloadOf(bytes, random.uint32()) }, size);
    flow.seq = (flow.seq + bytes) >>> 0;
    flow.id = (flow.id + run.length) & 0xffff;
    run.splice(random.below(run.length + 1), 0, ...oddPackets(random, flow, plan.mtuBytes));
    // Sometimes between the packets of the run before.
    if (random.below(2) === 0) packets.push(...run);
    else packets.splice(packets.length - random.below(Math.min(packets.length, 8) + 1), 0, ...run);
  }
  return packets.slice(0, plan.packets);
}

/**
 * What arrived or went out, as text by flow, for comparing; `hops`: routers that it has still to pass. Unless it
 * `isExact` the ids of whole UDP datagrams over IPv4 say nothing, whether or not they may be fragmented, nor does PSH.
 */
export function textByFlow(
  packets: readonly Uint8Array[],
  hops: number,
  isExact = true,
): Map<string, string> {
  const flows = new Map<string, string>();
  for (const packet of packets) {
    const name = nameOfFlow(packet);
    flows.set(name, `${flows.get(name) ?? ''}${textOf(packet, hops, isExact)}\n`);
  }
  return flows;
}

function flowOf(random: SeededRandom, { source, target }: TrafficPlan, index: number): Flow {
  return {
    version: random.below(2) === 0 ? 4 : 6,
    protocol: random.below(3) === 0 ? 'udp' : 'tcp',
    ...{ source, target },
    sourcePort: 1000 + index,
    ttl: HOPS_MIN + random.below(200),
    fragment: random.below(3) === 0 ? 0 : 0x4000,
    tcpOptions: random.fill(new Uint8Array(4 * random.below(11))),
    seq: random.uint32(),
    tos: random.below(256),
    flowLabel: random.below(0x100000),
    id: random.below(0x10000),
  };
}

/** Mostly none. */
function oddPackets(random: SeededRandom, flow: Flow, mtuBytes: number): Uint8Array[] {
  const some: PacketShape = { ...flow, payload: payloadOf(8 * (1 + random.below(100))) };
  switch (random.below(16)) {
    case 0:
      return [packetOf({ ...flow, payload: new Uint8Array(0) })];
    case 1:
      return [packetOf({ ...some, flags: [SYN, RST, ACK | FIN][random.below(3)] ?? SYN })];
    case 2:
      return [packetOf({ ...some, ipOptions: Uint8Array.of(1, 1, 1, 1), hasExtension: true })];
    case 3:
      return fragmentsOf(random, flow, mtuBytes);
    case 4:
      return [damaged(packetOf(some))];
    case 5:
      return [echoOf(flow, payloadOf(random.below(mtuBytes - IPV6_BYTES - 8)))];
    case 6:
      return [damaged(echoOf(flow, payloadOf(1 + random.below(500))))];
    case 7:
      return [flow.version === 6 ? withExtensions(random, packetOf(some)) : withoutChecksum(some)];
    default:
      return [];
  }
}

/** The last byte is another one, so the transport's checksum is wrong. */
function damaged(packet: Uint8Array): Uint8Array {
  packet[packet.length - 1] = (packet[packet.length - 1] ?? 0) ^ 0x55;
  return packet;
}

/** UDP over IPv4 may go without. */
function withoutChecksum(shape: PacketShape): Uint8Array {
  const packet = packetOf({ ...shape, protocol: 'udp' });
  packet.fill(0, IPV4_BYTES + 6, IPV4_BYTES + 8);
  return packet;
}

/** An echo request, its checksum right. */
function echoOf(flow: Flow, data: Uint8Array): Uint8Array {
  const packet = packetOf({ ...flow, protocol: 'udp', payload: data });
  const at = flow.version === 4 ? IPV4_BYTES : IPV6_BYTES;
  const view = viewOf(packet);
  packet[flow.version === 4 ? 9 : 6] = flow.version === 4 ? ICMP : ICMPV6;
  packet.set([ECHO_REQUEST[flow.version], 0, 0, 0], at);
  view.setUint16(at + 4, flow.sourcePort ?? 0);
  view.setUint16(at + 6, flow.id);
  const length = packet.length - at;
  const pseudo = flow.version === 4 ? 0 : naiveSum(packet.slice(8, at), length + ICMPV6);
  view.setUint16(at + 2, ~naiveSum(packet.slice(at), pseudo));
  if (flow.version === 4) sumV4(packet);
  return packet;
}

function sumV4(packet: Uint8Array): void {
  const view = viewOf(packet);
  view.setUint16(10, 0);
  view.setUint16(10, ~naiveSum(packet.slice(0, 4 * ((packet[0] ?? 0) & 15))));
}

/** Inserted behind the IPv6 header: some of hop-by-hop options, a route that is done, and destination options. */
function withExtensions(random: SeededRandom, packet: Uint8Array): Uint8Array {
  const chain: number[] = [HOP_BY_HOP, ROUTING, DESTINATION].filter(() => random.below(2) === 0);
  const last = packet[6] ?? 0;
  const parts = chain.map((type, i) => {
    const next = chain[i + 1] ?? last;
    // Padding, of which Linux takes up to 7 bytes; of a route: type 2, no stops left, one address.
    if (type !== ROUTING) return Uint8Array.of(next, 0, 1, 4, 0, 0, 0, 0);
    return Uint8Array.of(next, 2, 2, 0, 0, 0, 0, 0, ...packet.slice(24, 40));
  });
  const all = concatBytes(packet.slice(0, IPV6_BYTES), ...parts, packet.slice(IPV6_BYTES));
  all[6] = chain[0] ?? last;
  viewOf(all).setUint16(4, all.length - IPV6_BYTES);
  return all;
}

/** A datagram of up to four times the MTU, in fragments as a host would cut it. */
function fragmentsOf(random: SeededRandom, flow: Flow, mtuBytes: number): Uint8Array[] {
  const room = mtuBytes - IPV6_BYTES - 8;
  const most = Math.floor(room / 8) * 8;
  const cut = FRAGMENT_BYTES_MIN + 8 * random.below((most - FRAGMENT_BYTES_MIN) / 8);
  const bytes = Math.min(60_000, cut + 1 + random.below(3 * cut));
  const id = random.below(0x10000);
  const shape: PacketShape = { ...flow, protocol: 'udp', fragment: 0, id };
  const whole = packetOf({ ...shape, payload: payloadOf(bytes, random.uint32()) });
  const headerBytes = flow.version === 4 ? IPV4_BYTES : IPV6_BYTES;
  const header = whole.slice(0, headerBytes);
  const data = whole.slice(headerBytes);
  const fragments: Uint8Array[] = [];
  for (let offset = 0; offset < data.length; offset += cut) {
    const part = data.slice(offset, offset + cut);
    const more = offset + cut < data.length;
    fragments.push(
      flow.version === 4
        ? cutV4(header, part, offset, more)
        : cutV6(header, part, offset, more, id),
    );
  }
  return fragments;
}

function cutV4(header: Uint8Array, part: Uint8Array, offset: number, more: boolean): Uint8Array {
  const packet = concatBytes(header, part);
  const view = viewOf(packet);
  view.setUint16(2, packet.length);
  view.setUint16(6, offset / 8 + (more ? MORE_FRAGMENTS : 0));
  sumV4(packet);
  return packet;
}

function cutV6(
  header: Uint8Array,
  part: Uint8Array,
  offset: number,
  more: boolean,
  id: number,
): Uint8Array {
  const fragment = new Uint8Array(8);
  const view = viewOf(fragment);
  view.setUint8(0, header[6] ?? 0);
  view.setUint16(2, offset + (more ? 1 : 0));
  view.setUint32(4, id);
  const packet = concatBytes(header, fragment, part);
  packet[6] = FRAGMENT;
  viewOf(packet).setUint16(4, packet.length - IPV6_BYTES);
  return packet;
}

/** Without what routing changes, and without the id of what must not be fragmented, which says nothing. */
function textOf(packet: Uint8Array, hops: number, isExact: boolean): string {
  const copy = packet.slice();
  if (!isExact) clearPush(copy);
  if ((copy[0] ?? 0) >> 4 === 6) {
    copy[7] = (copy[7] ?? 0) - hops;
    return encodeHex(copy);
  }
  const isSound = naiveSum(copy.slice(0, 4 * ((copy[0] ?? 0) & 15))) === 0xffff;
  copy[8] = (copy[8] ?? 0) - hops;
  copy.set([0, 0], 10);
  const isWholeUdp = copy[9] === UDP && copy[6] === 0 && copy[7] === 0;
  if (copy[6] === 0x40 || (isWholeUdp && !isExact)) copy.set([0, 0], 4);
  return `${isSound} ${encodeHex(copy)}`;
}

/** Clears PSH of TCP behind a plain header; the checksum follows. */
function clearPush(packet: Uint8Array): void {
  const view = viewOf(packet);
  const isFour = view.getUint8(0) >> 4 === 4;
  if (view.getUint8(isFour ? IPV4_AT.protocol : IPV6_AT.next) !== TCP) return;
  const at = isFour ? 4 * (view.getUint8(0) & 15) : IPV6_BYTES;
  if (packet.length < at + TCP_HEADER_BYTES) return;
  const flags = view.getUint8(at + TCP_AT.flags);
  if ((flags & PSH) === 0) return;
  view.setUint8(at + TCP_AT.flags, flags & ~PSH);
  const sum = view.getUint16(at + TCP_AT.checksum) + PSH;
  view.setUint16(at + TCP_AT.checksum, sum > 0xffff ? sum - 0xffff : sum);
}

/** Version, protocol and source port, of ICMP its identifier; of later fragments their datagram's. */
function nameOfFlow(packet: Uint8Array): string {
  const view = viewOf(packet);
  if (view.getUint8(0) >> 4 === 4) {
    if ((view.getUint16(6) & 0x1fff) !== 0) return `4 fragment ${view.getUint16(4)}`;
    const at = 4 * (view.getUint8(0) & 15);
    const protocol = view.getUint8(9);
    return `4 ${protocol} ${view.getUint16(at + (protocol === ICMP ? 4 : 0))}`;
  }
  let next = view.getUint8(6);
  let at = IPV6_BYTES;
  while (next === HOP_BY_HOP || next === ROUTING || next === FRAGMENT || next === DESTINATION) {
    const isFragment = next === FRAGMENT;
    if (isFragment && view.getUint16(at + 2) >= 8) return `6 fragment ${view.getUint32(at + 4)}`;
    next = view.getUint8(at);
    at += isFragment ? 8 : (view.getUint8(at + 1) + 1) * 8;
  }
  return `6 ${next} ${view.getUint16(at + (next === ICMPV6 ? 4 : 0))}`;
}
