/**
 * Packets of an application from the first one on, every 20 ms through the tunnel: when they became direct, and
 * whether one took longer than the relay would have.
 *
 *     [1790000000.123456] 64 bytes from 100.64.0.2: icmp_seq=7 ttl=64 time=1.23 ms
 */
import type { World } from '../world/world.js';

export const PACKET_INTERVAL_MS = 20;
/** Seven seconds: a search that failed at first is repeated after five, by stock clients too. */
export const PACKET_COUNT = 350;
const RUN_MS = 30_000;
/** What daemons and the computer may add to the wires. */
const MARGIN_MS = 40;
const REPLY = /^\[(\d+\.\d+)\] .*icmp_seq=(\d+) .*time=([\d.]+) ms/gm;

/** An answered packet, in milliseconds. */
export interface Packet {
  /** From the sending of the first one. */
  readonly sentMs: number;
  readonly rttMs: number;
}

export interface PacketFigures {
  /**
   * From the first packet's sending to that of the first whose answer came as fast as the direct way, and to that
   * answer; null: none did.
   */
  readonly directFromMs: number | null;
  readonly directMs: number | null;
  readonly sent: number;
  readonly answered: number;
  /** Packets that took longer than by the relay, and the worst excess. */
  readonly slower: number;
  readonly worstExcessMs: number;
}

export interface Wires {
  readonly directRttMs: number;
  readonly relayRttMs: number;
}

/** The longest round trip of a packet that went and came back directly. */
export function directLimitMs({ directRttMs, relayRttMs }: Wires): number {
  // One direction by the relay and the other direct lies halfway; half of that is nearer to direct.
  return directRttMs + (relayRttMs - directRttMs) / 4;
}

export interface Patience {
  readonly limitMs: number;
  /** Asked of each packet as it comes back. */
  readonly isEnough: (packet: Packet) => boolean;
}

/** Sends packets until somebody has seen enough; answers those that came back, in the order of sending. */
export async function readPackets(
  world: World,
  from: string,
  address: string,
  { limitMs, isEnough }: Patience,
): Promise<readonly Packet[]> {
  const argv = ['ping', '-D', '-n', '-i', String(PACKET_INTERVAL_MS / 1000), '-W', '2', address];
  const ping = world.exec(from, argv, { stderr: 'ignore', timeoutMs: limitMs });
  let text = '';
  for await (const chunk of ping.stdout ?? []) {
    const before = text.length;
    text += String(chunk);
    const news = parsePackets(text.slice(text.lastIndexOf('\n', before - 1) + 1));
    if (news.some(isEnough)) break;
  }
  ping.kill('SIGKILL');
  await ping.exited;
  return parsePackets(text);
}

export async function sendPackets(
  world: World,
  from: string,
  address: string,
  wires: Wires,
): Promise<PacketFigures> {
  const pace = ['-i', String(PACKET_INTERVAL_MS / 1000), '-c', String(PACKET_COUNT), '-W', '2'];
  const { stdout } = await world.run(from, ['ping', '-D', '-n', ...pace, address], {
    timeoutMs: RUN_MS,
  });
  return judgePackets(parsePackets(stdout), PACKET_COUNT, wires);
}

/** What `ping -D` printed, in the order of sending. */
export function parsePackets(text: string): Packet[] {
  const replies = [...text.matchAll(REPLY)].map(([, at = '', sequence = '', rtt = '']) => ({
    sequence: Number(sequence),
    rttMs: Number(rtt),
    sentAtMs: Number(at) * 1000 - Number(rtt),
  }));
  replies.sort((a, b) => a.sequence - b.sequence);
  const [first] = replies;
  if (first === undefined) return [];
  // The first packet itself may be among the lost.
  const beganAtMs = first.sentAtMs - (first.sequence - 1) * PACKET_INTERVAL_MS;
  return replies.map(({ sentAtMs, rttMs }) => ({ sentMs: sentAtMs - beganAtMs, rttMs }));
}

export function judgePackets(
  packets: readonly Packet[],
  sent: number,
  wires: Wires,
): PacketFigures {
  const { relayRttMs } = wires;
  const limitMs = directLimitMs(wires);
  const direct = packets.filter(({ rttMs }) => rttMs <= limitMs);
  const first = (times: readonly number[]): number | null =>
    times.length === 0 ? null : Math.round(Math.min(...times));
  // What is sent before the handshake is over waits for it: a round trip of the relay from the start.
  const excess = packets.map(
    ({ sentMs, rttMs }) => rttMs - Math.max(0, relayRttMs - sentMs) - relayRttMs - MARGIN_MS,
  );
  const over = excess.filter((ms) => ms > 0);
  return {
    directFromMs: first(direct.map(({ sentMs }) => sentMs)),
    directMs: first(direct.map(({ sentMs, rttMs }) => sentMs + rttMs)),
    sent,
    answered: packets.length,
    slower: over.length,
    worstExcessMs: Math.round(Math.max(0, ...over)),
  };
}
