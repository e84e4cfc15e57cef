/**
 * What Warren's clients ask of a relay beyond DERP: dial-backs (dial-back-desk.ts) and address checks. Official
 * clients ask for neither.
 *
 *     AddressCheck (id, address, token) --within limits--> AddressCheckAnswer(yes or no)
 *                                       --else-----------> AddressCheckAnswer(refused)
 *
 * A check tells whether the STUN server of this relay gave the token for the address: a node that a peer asks to
 * send hundreds of probes there learns so that the peer receives there. It tells nothing else.
 */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import type { AddressCheckOutcome } from '../engines/address-check.js';
import type { AddressTokens } from '../stun/address-tokens.js';
import type { Connection } from './connection.js';
import { DialBackDesk } from './dial-back-desk.js';
import { encodeAddressCheckAnswer } from './encode-frames.js';
import type { ClientFrame } from './frames.js';
import type { RelayServerInput, RelayServerOutput } from './io.js';

export type OwnFrame = Extract<ClientFrame, { type: 'dial-back' | 'address-check' }>;

export interface OwnFramesOptions {
  readonly dialsBack?: boolean | undefined;
  readonly addressTokens?: AddressTokens | undefined;
}

export class OwnFrames {
  readonly #counters: Counters;
  readonly #tokens: AddressTokens | undefined;
  readonly #dialBacks: DialBackDesk;

  constructor(counters: Counters, options: OwnFramesOptions) {
    this.#counters = counters;
    this.#tokens = options.addressTokens;
    this.#dialBacks = new DialBackDesk(counters, options.dialsBack === true);
  }

  /** What the shell has to do; undefined: the answer is in the connection's queue. */
  take(connection: Connection, frame: OwnFrame, now: Instant): RelayServerOutput | undefined {
    if (frame.type === 'dial-back') return this.#dialBacks.ask(connection, frame, now);
    const outcome = this.#check(connection, frame, now);
    this.#counters.add(`address-check-${outcome}`);
    connection.queue.addControl(encodeAddressCheckAnswer({ id: frame.id, outcome }));
    return undefined;
  }

  /** The shell has sent a dial-back, or could not. */
  dialledBack(
    connection: Connection,
    { token, target, sent }: RelayServerInput & { readonly type: 'dialled-back' },
  ): void {
    this.#dialBacks.done(connection, token, target, sent);
  }

  #check(
    connection: Connection,
    { address, token }: OwnFrame & { readonly type: 'address-check' },
    now: Instant,
  ): AddressCheckOutcome {
    if (this.#tokens === undefined || !connection.addressChecks.take(now)) return 'refused';
    return this.#tokens.confirms(address, token, now) ? 'yes' : 'no';
  }
}
