/**
 * How long a Noise connection may live before it has shown what it is good for:
 *
 *     101 --a valid record within 10 s--> guest --a node of its own within 60 s--> member
 *       guest --waits for a person--> (no limit but the login's own) --no more--> guest, for another 60 s
 */
import { isFailure } from '@warren/core/base/failure';
import type { RecordStream } from '@warren/core/ts2021/io';

/** Message 2 reaches the client in one round trip and its HTTP/2 preface is back in another. */
const PROVE_MS = 10_000;
/** Registration takes one round trip; a client whose auth key was refused comes back when it has another. */
const GUEST_MS = 60_000;

export interface DeadlineTimes {
  readonly proveMs: number;
  readonly guestMs: number;
}

/** The two times by which a connection has to show what it is good for. */
export class ConnectionDeadlines {
  readonly #end: (reason: string) => void;
  readonly #guestMs: number;
  #prove: NodeJS.Timeout | undefined;
  #guest: NodeJS.Timeout | undefined;
  /** Requests that wait for a person. */
  #waits = 0;
  #isOver = false;

  /** `end` is called, with a counter's name, when a time has passed in vain. */
  constructor(end: (reason: string) => void, times: Partial<DeadlineTimes> = {}) {
    this.#end = end;
    this.#guestMs = times.guestMs ?? GUEST_MS;
    this.#prove = setTimeout(() => end('ts2021-unproven'), times.proveMs ?? PROVE_MS);
    this.#armGuest();
  }

  /** A request waits for a person from now on; the function that it answers ends that, called once. */
  wait(): () => void {
    this.#waits++;
    clearTimeout(this.#guest);
    return () => {
      this.#waits--;
      if (this.#waits === 0 && !this.#isOver) this.#armGuest();
    };
  }

  /** A valid record came. */
  proven(): void {
    clearTimeout(this.#prove);
    this.#prove = undefined;
  }

  clear(): void {
    this.#isOver = true;
    this.proven();
    clearTimeout(this.#guest);
  }

  #armGuest(): void {
    clearTimeout(this.#guest);
    this.#guest = setTimeout(() => this.#end('ts2021-guest-too-long'), this.#guestMs);
  }
}

/** `stream`, which tells of its first valid record. */
export function provingStream(stream: RecordStream, deadlines: ConnectionDeadlines): RecordStream {
  let isProven = false;
  return {
    seal: (plaintext) => stream.seal(plaintext),
    open: (bytes) => {
      const plaintext = stream.open(bytes);
      if (!isProven && !isFailure(plaintext) && plaintext.length > 0) {
        isProven = true;
        deadlines.proven();
      }
      return plaintext;
    },
  };
}
