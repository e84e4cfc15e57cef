/** A relay's word on whether it gave a token for an address (frames 0x59 and 0x5a), as all who ask understand it. */

/** Its own token for this address and still valid; not so; or too many asked, or the relay gives none. */
export type AddressCheckOutcome = 'yes' | 'no' | 'refused';

export interface AddressCheckAnswer {
  /** 8 bytes, as in the question. */
  readonly id: Uint8Array;
  readonly outcome: AddressCheckOutcome;
}
