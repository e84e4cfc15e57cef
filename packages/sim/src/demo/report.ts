/**
 * What the demo answers (`warren demo --json`): machines, every pair with what was expected and what was
 * seen, and whether they agree.
 */
import type { DirectMethod } from '@warren/core/why/verdict';
import type { Topology } from '../topology/types.js';

/** How a pair talks. `none`: not at all. */
export type ActualPath = 'direct' | 'relay' | 'peer-relay' | 'none';

/** `either`: nothing is expected but that they talk. */
export type ExpectedPath = 'direct' | 'relay' | 'either';

/** How two machines of a world are expected to talk. */
export type Expect = (topology: Topology, from: string, to: string) => ExpectedPath;

/** What made a direct path possible. */
export type PathMethod = DirectMethod | 'relay';

export interface DemoMachine {
  readonly name: string;
  readonly region: string;
  /** The NAT in front of it: `none`, `easy` or `hard`. */
  readonly nat: string;
  readonly address: string;
}

export interface DemoPair {
  readonly from: string;
  readonly to: string;
  readonly expected: ExpectedPath;
  readonly actual: ActualPath;
  /** null when nothing got through. */
  readonly method: PathMethod | null;
  /** From the first ping to the first pong of any path. */
  readonly firstReplyMs: number | null;
  /** From the first ping to the first direct pong. */
  readonly directMs: number | null;
  /** Application round trip through the tunnel, median. */
  readonly latencyMs: number | null;
  /** What the lab's wires alone take for the direct way, both directions. */
  readonly wireRttMs: number;
  /** Data frames (not disco) that the relays carried between the two during the transfer. */
  readonly relayDataFramesDuringTransfer: number | null;
  readonly transferredBytes: number;
  /** The receiver's hash equals the sender's. */
  readonly intact: boolean;
  readonly megabitsPerSecond: number | null;
  /** Sentences about what is not as expected. */
  readonly problems: readonly string[];
  /** What was not as expected at a first try; all else is of the second. */
  readonly firstTry?: readonly string[];
}

export interface DemoReport {
  readonly world: 'lab' | 'sim';
  readonly machines: readonly DemoMachine[];
  readonly pairs: readonly DemoPair[];
  /** From the first line of the demo to its last. */
  readonly durationMs: number;
  readonly ok: boolean;
}

/** What the demo is doing, for people who wait. */
export type DemoEvent =
  | { readonly type: 'stage'; readonly message: string }
  | {
      readonly type: 'pinged';
      readonly from: string;
      readonly to: string;
      readonly directMs: number | null;
      readonly done: number;
      readonly of: number;
    }
  | { readonly type: 'pair'; readonly pair: DemoPair; readonly done: number; readonly of: number }
  /** The machines, then hub and relay. */
  | { readonly type: 'kept'; readonly machines: readonly string[] };
