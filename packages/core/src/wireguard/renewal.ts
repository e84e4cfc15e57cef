/**
 * When keys are renewed because of their age or use: the initiator's business, but for keys that are used up.
 *
 * Source: WireGuard whitepaper, section 6.2.
 */
import type { Instant } from '../base/instant.js';
import type { Keypair } from './keypair.js';
import { REKEY_AFTER_MESSAGES, REKEY_AFTER_MS, REKEY_ON_RECEIVE_MS } from './timers.js';

export class Renewal {
  #askedOnReceive = false;

  /** A message was sealed with `keypair`: is it time for new keys? */
  isDueOnSend(keypair: Keypair, now: Instant): boolean {
    const isOld = keypair.isInitiator && keypair.ageMs(now) >= REKEY_AFTER_MS;
    return isOld || keypair.sendCounter >= REKEY_AFTER_MESSAGES;
  }

  /** Something came in while we seal with `current`: true once, when it is time for new keys. */
  takeDueOnReceive(current: Keypair | undefined, now: Instant): boolean {
    if (this.#askedOnReceive || current?.isInitiator !== true) return false;
    this.#askedOnReceive = current.ageMs(now) >= REKEY_ON_RECEIVE_MS;
    return this.#askedOnReceive;
  }

  /** There are new keys. */
  done(): void {
    this.#askedOnReceive = false;
  }
}
