/**
 * From the first ping of a person to the first pong that came directly, asked of the daemons by the requests that
 * `warren ping` and `tailscale ping` make, but every 50 ms in place of every second: what both measure alike.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LOCAL_API_HOST, type PingLine, type PingRequest } from '@warren/node/local-api/protocol';
import { daemonSocketOf } from '../mesh/places.js';
import { postForLines } from '../mesh/socket-json.js';
import type { World } from '../world/world.js';
import {
  judgePackets,
  PACKET_COUNT,
  PACKET_INTERVAL_MS,
  type Packet,
  type PacketFigures,
  type Wires,
} from './packets.js';

const INTERVAL_MS = 50;
const GIVEN_UP_MS = 5000;
/** A lost ping of either daemon is told within 5 s. */
const SILENCE_MS = 8000;
const STOCK_SOCKET = '/run/tailscaled.sock';
const STOCK_API_HOST = 'local-tailscaled.sock';

/** One ping: whether its pong came directly. */
export type AskDirect = () => Promise<boolean>;

/** Milliseconds; null: no pong was direct within five seconds. */
export async function untilDirect(ask: AskDirect): Promise<number | null> {
  const beganAt = performance.now();
  const found: { directMs: number | null } = { directMs: null };
  const asked: Promise<void>[] = [];
  while (found.directMs === null && performance.now() - beganAt < GIVEN_UP_MS) {
    const pong = ask().then((isDirect) => {
      if (isDirect) found.directMs ??= Math.round(performance.now() - beganAt);
    });
    asked.push(pong.catch(() => undefined));
    await sleep(INTERVAL_MS);
  }
  await Promise.all(asked);
  return found.directMs;
}

export function askWarren(world: World, from: string, address: string): AskDirect {
  const request: PingRequest = { peer: address, count: 1 };
  const socket = daemonSocketOf(world, from);
  return async () => {
    const path = '/v0/ping';
    const lines = await postForLines<PingLine>(socket, LOCAL_API_HOST, path, request, SILENCE_MS);
    return lines.some((line) => line.path === 'direct');
  };
}

/** What a stock daemon answers to a ping, as far as it is read. */
interface StockPingResult {
  /** ip:port of a direct pong, else empty. */
  readonly Endpoint?: string;
  readonly LatencySeconds?: number;
  readonly Err?: string;
}

type StockPingType = 'disco' | 'ICMP';

function askStockDaemon(
  world: World,
  from: string,
  address: string,
  type: StockPingType,
): Promise<StockPingResult[]> {
  const socket = world.path(from, STOCK_SOCKET);
  const path = `/localapi/v0/ping?ip=${address}&type=${type}`;
  return postForLines<StockPingResult>(socket, STOCK_API_HOST, path, {}, SILENCE_MS);
}

export function askStock(world: World, from: string, address: string): AskDirect {
  return async () => {
    const results = await askStockDaemon(world, from, address, 'disco');
    return results.some(({ Endpoint }) => (Endpoint ?? '') !== '');
  };
}

/** As `sendPackets`: ICMP through the stock pair's tunnel, which its daemon makes, having no TUN. */
export async function sendStockPackets(
  world: World,
  from: string,
  address: string,
  wires: Wires,
): Promise<PacketFigures> {
  const beganAt = performance.now();
  const packets: Packet[] = [];
  const asked: Promise<void>[] = [];
  for (let count = 0; count < PACKET_COUNT; count++) {
    await sleep(Math.max(0, beganAt + count * PACKET_INTERVAL_MS - performance.now()));
    const sentMs = performance.now() - beganAt;
    const answer = askStockDaemon(world, from, address, 'ICMP').then((results) => {
      for (const { LatencySeconds = 0, Err = '' } of results) {
        if (Err === '') packets.push({ sentMs, rttMs: 1000 * LatencySeconds });
      }
    });
    asked.push(answer.catch(() => undefined));
  }
  await Promise.all(asked);
  return judgePackets(packets, PACKET_COUNT, wires);
}
