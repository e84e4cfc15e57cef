/**
 * What worked through our NAT lately, so that the next attempts begin with it: told by the engine's memory of networks
 * at first, learnt by attempts, and told back whenever it changes.
 */
import type { Instant } from '../base/instant.js';
import { endpointPort } from '../ip/address.js';
import type { AttemptFailure } from './attempt-io.js';
import type { PortAttempt } from './port-attempt.js';
import { rangePortsMax } from './port-plan.js';
import type { PortRange } from './ports.js';

export interface HardNatLesson {
  /** What worked last; undefined: nothing has yet. */
  readonly method: 'predict' | 'birthday' | undefined;
  /** Hops that openers had when it worked; undefined: as many as other datagrams. */
  readonly ttl: number | undefined;
  /** All ports that our NAT was seen to give lie here; undefined: they are not confined. */
  readonly portRange: PortRange | undefined;
  /** Attempts that failed since one worked. */
  readonly failures: number;
  /** Of the latest attempt. */
  readonly lastAt: Instant;
}

export interface HardMemoryPort {
  /** Of the network that we are in. */
  readonly recall: () => HardNatLesson | undefined;
  readonly note: (lesson: HardNatLesson, now: Instant) => void;
}

/** More failures than this say no more; each would be written to disk. */
const failuresMax = 8;

export class HardMemory {
  readonly #port: HardMemoryPort;

  constructor(port: HardMemoryPort) {
    this.#port = port;
  }

  /**
   * Hops for openers, after so many attempts with the peer that opened in vain: every second has few, for few firewalls
   * ban and not every NAT is so near. Where few have worked, they come first.
   */
  openerTtl(openings: number, fewHops: number): number | undefined {
    const lesson = this.#port.recall();
    const fewFirst = lesson?.method === 'birthday' && lesson.ttl !== undefined;
    return (openings % 2 === 0) === fewFirst ? (lesson?.ttl ?? fewHops) : undefined;
  }

  /** The ends of the range that our NAT keeps to, as remembered. */
  get rangeEnds(): readonly number[] {
    const range = this.#port.recall()?.portRange;
    return range === undefined ? [] : [range.low, range.high];
  }

  /** Of an attempt that has ended; `failure` undefined: the peer was reached, by this method. */
  learn(
    method: HardNatLesson['method'],
    { openerTtl, ours }: Pick<PortAttempt, 'openerTtl' | 'ours'>,
    failure: AttemptFailure | undefined,
    now: Instant,
  ): void {
    // Where no pings were sent nothing is learnt.
    if (failure === 'not-reached') this.#failed(now);
    if (failure !== undefined || method === undefined) return;
    const isRange = ours?.kind === 'scatter' && ours.count < 2 * rangePortsMax;
    const low = ours === undefined ? 0 : endpointPort(ours.first);
    const portRange = isRange ? { low, high: low + ours.count - 1 } : undefined;
    this.#port.note({ method, ttl: openerTtl, portRange, failures: 0, lastAt: now }, now);
  }

  #failed(now: Instant): void {
    const lesson = this.#port.recall();
    const failures = (lesson?.failures ?? 0) + 1;
    if (failures > failuresMax) return;
    const { method, ttl, portRange } = lesson ?? {};
    this.#port.note({ method, ttl, portRange, failures, lastAt: now }, now);
  }
}
