/**
 * Takes clients' wishes for a datagram to themselves, which tells them whether strangers reach their UDP port.
 *
 *     DialBack (token, port) --within limits--> output `dial-back` --shell sent it--> DialBackAnswer(sent)
 *                            --else----------------------------------------------> DialBackAnswer(refused)
 *
 * No tool for floods: the target is always the address that the connection itself comes from (TCP has proved
 * that it answers there), the datagram is shorter than the frame that asks for it, and both a connection and
 * an address get few. Warren's own extension of DERP; official clients never ask.
 */

import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import { TokenBuckets } from '../base/token-buckets.js';
import type { DialBackOutcome } from '../engines/dial-back.js';
import { type Endpoint, endpoint, type IpAddress, parseAddress } from '../ip/address.js';
import type { Connection } from './connection.js';
import { encodeDialBackAnswer } from './encode-frames.js';
import type { RelayServerOutput } from './io.js';

/** Nodes of one carrier NAT share an address; a few hundred may start within minutes. */
const SOURCE_LIMIT = { burst: 40, perSecond: 2 };
/** Addresses remembered; the one that asked longest ago is forgotten first, with a full bucket again. */
const SOURCES_MAX = 16_384;

export class DialBackDesk {
  readonly #counters: Counters;
  readonly #isAble: boolean;
  readonly #sources = new TokenBuckets<IpAddress>(SOURCE_LIMIT, SOURCES_MAX);

  constructor(counters: Counters, isAble: boolean) {
    this.#counters = counters;
    this.#isAble = isAble;
  }

  /** The datagram to send; undefined when the client has its refusal instead. */
  ask(
    connection: Connection,
    wish: { readonly token: Uint8Array; readonly port: number; readonly fromAlternate: boolean },
    now: Instant,
  ): RelayServerOutput | undefined {
    const { token, port, fromAlternate } = wish;
    const source = parseAddress(connection.source);
    if (!this.#isAble || source === undefined) {
      this.#refuse(connection, token, 'unavailable');
      return undefined;
    }
    if (!connection.dialBacks.take(now) || !this.#sources.take(source, now)) {
      this.#refuse(connection, token, 'rate-limited');
      return undefined;
    }
    const target = endpoint(source, port);
    return { type: 'dial-back', connection: connection.id, token, target, fromAlternate };
  }

  /** The shell has done it. */
  done(connection: Connection, token: Uint8Array, target: Endpoint, sent: boolean): void {
    if (!sent) {
      this.#refuse(connection, token, 'unavailable');
      return;
    }
    this.#counters.add('dial-back-sent');
    connection.queue.addControl(encodeDialBackAnswer({ token, outcome: 'sent', target }));
  }

  #refuse(connection: Connection, token: Uint8Array, outcome: DialBackOutcome): void {
    this.#counters.add(`dial-back-${outcome}`);
    connection.queue.addControl(encodeDialBackAnswer({ token, outcome, target: undefined }));
  }
}
