/**
 * What the pings say about one candidate: smoothed round trip and loss.
 *
 * Counting starts with the first pong. Before it, lost pings only mean that a firewall wasn't open yet.
 */

/** Weight of a new sample: a step in the round trip is followed within a few heartbeats. */
const smoothing = 1 / 4;
/** Outcomes remembered: at one heartbeat in 3 s the loss of the last 48 s. */
const windowPings = 16;
/** Loss judged as slowness: 10 % lost counts like a doubled round trip. */
const lossWeight = 10;

export class PathQuality {
  #smoothedMs: number | undefined;
  /** The latest outcomes, newest last; true: answered. */
  readonly #outcomes: boolean[] = [];

  /** A ping was answered after `latencyMs`. */
  answered(latencyMs: number): void {
    const before = this.#smoothedMs;
    this.#smoothedMs = before === undefined ? latencyMs : before + smoothing * (latencyMs - before);
    this.#note(true);
  }

  /** A ping was never answered. */
  lost(): void {
    if (this.#smoothedMs !== undefined) this.#note(false);
  }

  /** Smoothed round trip; undefined before the first pong. */
  get latencyMs(): number | undefined {
    return this.#smoothedMs;
  }

  /** Share of the remembered pings that were lost, 0 to 1. */
  get loss(): number {
    if (this.#outcomes.length === 0) return 0;
    return this.#outcomes.filter((answered) => !answered).length / this.#outcomes.length;
  }

  /** The round trip to compare paths by; undefined before the first pong. */
  get judgedMs(): number | undefined {
    if (this.#smoothedMs === undefined) return undefined;
    return this.#smoothedMs * (1 + lossWeight * this.loss);
  }

  #note(answered: boolean): void {
    this.#outcomes.push(answered);
    if (this.#outcomes.length > windowPings) this.#outcomes.shift();
  }
}
