/**
 * How a fresh socket of ours is mapped: a few STUN servers on different addresses are asked at once, in one order, and
 * again where no answer came.
 */
import { equalBytes } from '../base/bytes.js';
import { DecodeFailure } from '../base/failure.js';
import { after, type Instant } from '../base/instant.js';
import { type Endpoint, endpointAddress } from '../ip/address.js';
import type { Random } from '../ports.js';
import { decodeBindingResponse, encodeBindingRequest } from '../stun/binding.js';
import { TRANSACTION_ID_BYTES } from '../stun/message.js';

/** Servers asked: three mappings show a step and whether it is steady. */
export const serversAsked = 3;
/** An unanswered server is asked again after this, twice. */
const askAgainMs = 200;
const asksPerServer = 3;

interface Asked {
  readonly server: Endpoint;
  readonly transactionId: Uint8Array;
  mapped: Endpoint | undefined;
}

/** A STUN request to send from the socket. */
export interface MeasurementRequest {
  readonly remote: Endpoint;
  readonly bytes: Uint8Array;
}

export class Measurement {
  readonly #asked: readonly Asked[];
  readonly #requests: MeasurementRequest[] = [];
  #asks = 0;
  #deadline: Instant | undefined;

  constructor(servers: readonly Endpoint[], random: Random) {
    this.#asked = servers.slice(0, serversAsked).map((server) => {
      const transactionId = random.fill(new Uint8Array(TRANSACTION_ID_BYTES));
      return { server, transactionId, mapped: undefined };
    });
  }

  /** How servers saw the socket, the first asked first. */
  get mapped(): readonly Endpoint[] {
    return this.#asked.map((one) => one.mapped).filter((one) => one !== undefined);
  }

  poll(): MeasurementRequest | undefined {
    return this.#requests.shift();
  }

  nextTimeout(): Instant | undefined {
    return this.#deadline;
  }

  start(now: Instant): void {
    this.#ask(now);
  }

  /** False: not an answer that we wait for. */
  answered(source: Endpoint, bytes: Uint8Array): boolean {
    const response = decodeBindingResponse(bytes);
    if (response instanceof DecodeFailure) return false;
    const asked = this.#asked.find((one) => equalBytes(one.transactionId, response.transactionId));
    if (asked === undefined || endpointAddress(asked.server) !== endpointAddress(source)) {
      return false;
    }
    asked.mapped ??= response.mapped;
    return true;
  }

  /** Asks again when it is time; true: all that can be known is. */
  isOver(now: Instant): boolean {
    if (this.#asked.every(({ mapped }) => mapped !== undefined)) return true;
    if (this.#deadline === undefined || now < this.#deadline) return false;
    if (this.#asks >= asksPerServer) return true;
    this.#ask(now);
    return false;
  }

  #ask(now: Instant): void {
    this.#asks++;
    this.#deadline = after(now, askAgainMs);
    for (const { server, transactionId, mapped } of this.#asked) {
      if (mapped !== undefined) continue;
      this.#requests.push({ remote: server, bytes: encodeBindingRequest(transactionId) });
    }
  }
}
