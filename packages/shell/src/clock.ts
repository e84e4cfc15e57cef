/** The machine's clocks, as core names them. */
import { type Instant, instant, type WallTime, wallTime } from '@warren/core/base/instant';

/** Two clocks: one for differences, one for calendars. */
export interface Clock {
  /** Monotonic milliseconds (fractions allowed), the same in every thread of the machine. */
  now(): Instant;
  /** Milliseconds since the Unix epoch; may jump. */
  wall(): WallTime;
}

/**
 * The real clocks. hrtime rather than performance.now, whose origin is the start of the calling thread:
 * the two engines live in two threads and send each other instants. It stops while the machine sleeps,
 * where the operating system's monotonic clock does.
 */
export const systemClock: Clock = {
  now() {
    const [seconds, nanoseconds] = process.hrtime();
    return instant(seconds * 1000 + nanoseconds / 1e6);
  },
  wall: () => wallTime(Date.now()),
};
