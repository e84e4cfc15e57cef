/**
 * A ping through the tunnel that runs all the while: which of its packets were answered, and when. The
 * yardstick of every recovery: what an application feels, not what a daemon says.
 *
 *     ping -D -n -i 0.1 100.64.0.2
 *     [1790000000.123456] 64 bytes from 100.64.0.2: icmp_seq=7 ttl=64 time=1.23 ms
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';

/** Ten a second: fine enough for figures in tenths, 100 bytes each way. */
export const PING_INTERVAL_MS = 100;
const POLL_MS = 20;

const REPLY = /^\[(\d+\.\d+)\] .*icmp_seq=(\d+) .*time=/;

interface Reply {
  readonly sequence: number;
  /** When it came, by the computer's clock in milliseconds. */
  readonly atMs: number;
}

export class TunnelPing {
  readonly #child: WorldProcess;
  readonly #replies: Reply[] = [];
  #held = '';

  constructor(world: World, machine: string, address: string) {
    const seconds = String(PING_INTERVAL_MS / 1000);
    this.#child = world.exec(machine, ['ping', '-D', '-n', '-i', seconds, address], {
      stderr: 'ignore',
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take(text));
  }

  /** Resolves at the first reply that comes from now on; rejects after `timeoutMs`. Gives the time it took. */
  async answered(timeoutMs: number, sinceMs = Date.now()): Promise<number> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const reply = this.#replies.find(({ atMs }) => atMs >= sinceMs);
      if (reply !== undefined) return Math.round(reply.atMs - sinceMs);
      if (Date.now() > deadline) {
        throw new Error(`no ping came through within ${Math.round(Date.now() - sinceMs)} ms`);
      }
      await sleep(POLL_MS);
    }
  }

  /**
   * As {@link answered}, but for traffic that is back for good: the first reply from which on ten in a row
   * were answered.
   */
  async steady(timeoutMs: number, sinceMs = Date.now()): Promise<number> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const later = this.#replies.filter(({ atMs }) => atMs >= sinceMs);
      for (const [index, first] of later.entries()) {
        const tenth = later[index + 9];
        if (tenth?.sequence === first.sequence + 9) return Math.round(first.atMs - sinceMs);
      }
      if (Date.now() > deadline) {
        throw new Error(`no steady pings within ${Math.round(Date.now() - sinceMs)} ms`);
      }
      await sleep(POLL_MS);
    }
  }

  /** Of the pings sent up to now (but the last second's), how many were never answered since `sinceMs`. */
  lostSince(sinceMs: number): number {
    const before = this.#replies.findLast(({ atMs }) => atMs < sinceMs)?.sequence ?? 0;
    const later = this.#replies.filter(({ sequence }) => sequence > before);
    const last = later.at(-1);
    return last === undefined ? Number.POSITIVE_INFINITY : last.sequence - before - later.length;
  }

  /** The longest time without any reply since `sinceMs`. */
  longestGapMs(sinceMs: number): number {
    const times = [sinceMs, ...this.#replies.map(({ atMs }) => atMs), Date.now()].filter(
      (atMs) => atMs >= sinceMs,
    );
    let longestMs = 0;
    for (const [index, atMs] of times.entries()) {
      longestMs = Math.max(longestMs, atMs - (times[index - 1] ?? atMs));
    }
    return Math.round(longestMs);
  }

  /** When the last reply came, counted from `sinceMs`; 0 when none did. */
  lastReplyMs(sinceMs: number): number {
    return Math.max(0, Math.round((this.#replies.at(-1)?.atMs ?? 0) - sinceMs));
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  #take(text: string): void {
    const lines = (this.#held + text).split('\n');
    this.#held = lines.pop() ?? '';
    for (const line of lines) {
      const match = REPLY.exec(line);
      if (match === null) continue;
      this.#replies.push({ sequence: Number(match[2]), atMs: Number(match[1]) * 1000 });
    }
  }
}
