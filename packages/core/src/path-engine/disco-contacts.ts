/**
 * The disco keys that the network map knows, each with what opens its envelopes and the peers that have it.
 *
 * Usually that is one peer. Several nodes share a disco key when one process runs several identities, so
 * everything that depends on "who" asks for more than the key.
 */
import { DiscoBox } from '../disco/envelope.js';
import {
  type DiscoKey,
  type DiscoPrivateKey,
  isZeroKey,
  type NodeKey,
  publicKeyOf,
} from '../keys/keys.js';
import { SeenPings } from '../paths/seen-pings.js';
import type { Crypto, Random } from '../ports.js';

/** One disco key. */
export interface DiscoContact {
  readonly box: DiscoBox;
  readonly seen: SeenPings;
  readonly peers: Set<NodeKey>;
}

export interface DiscoContactsOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly discoPrivateKey: DiscoPrivateKey;
}

export class DiscoContacts {
  readonly #options: DiscoContactsOptions;
  readonly #ownKey: DiscoKey;
  readonly #contacts = new Map<DiscoKey, DiscoContact>();

  constructor(options: DiscoContactsOptions) {
    this.#options = options;
    this.#ownKey = publicKeyOf(options.crypto, 'disco', options.discoPrivateKey);
  }

  /** The contact with this key, if any peer has it. */
  find(key: DiscoKey): DiscoContact | undefined {
    return this.#contacts.get(key);
  }

  /** `peer` has this key now. Undefined when nobody can talk to such a key. */
  add(key: DiscoKey | undefined, peer: NodeKey): DiscoContact | undefined {
    if (key === undefined || isZeroKey(key) || key === this.#ownKey) return undefined;
    let contact = this.#contacts.get(key);
    if (contact === undefined) {
      const { crypto, random, discoPrivateKey } = this.#options;
      const box = new DiscoBox({
        crypto,
        random,
        ownKey: this.#ownKey,
        ownPrivateKey: discoPrivateKey,
        peerKey: key,
      });
      contact = { box, seen: new SeenPings(), peers: new Set() };
      this.#contacts.set(key, contact);
    }
    contact.peers.add(peer);
    return contact;
  }

  /** `peer` has this key no more. */
  remove(contact: DiscoContact, peer: NodeKey): void {
    contact.peers.delete(peer);
    if (contact.peers.size === 0) this.#contacts.delete(contact.box.peerKey);
  }
}
