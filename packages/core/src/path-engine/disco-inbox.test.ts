import { isFailure } from '@warren/core/base/failure';
import { mutations } from '@warren/core/base/mutations';
import { SeededRandom } from '@warren/core/base/seeded-random';
import { nobleCrypto } from '@warren/core/crypto/noble';
import { DiscoBox } from '@warren/core/disco/envelope';
import { encodeCallMeMaybe, encodePing, encodePong } from '@warren/core/disco/messages';
import type { Endpoint } from '@warren/core/ip/address';
import {
  type DiscoPrivateKey,
  generatePrivateKey,
  type NodeKey,
  publicKeyOf,
  zeroKey,
} from '@warren/core/keys/keys';
import { DiscoContacts } from '@warren/core/path-engine/disco-contacts';
import { type DiscoVia, openLetter } from '@warren/core/path-engine/disco-inbox';
import { describe, expect, test } from 'vitest';

const random = new SeededRandom(31);
const ownPrivateKey = generatePrivateKey('disco', random);
const ownKey = publicKeyOf(nobleCrypto, 'disco', ownPrivateKey);
const senderPrivateKey = generatePrivateKey('disco', random);
const senderKey = publicKeyOf(nobleCrypto, 'disco', senderPrivateKey);
const [alice, bob, carol] = ['aa', 'bb', 'cc'].map((byte) => byte.repeat(32)) as [
  NodeKey,
  NodeKey,
  NodeKey,
];
const FROM = '203.0.113.9:41641' as Endpoint;
const udp: DiscoVia = { kind: 'direct', socketId: 1, remote: FROM };
const overRelay = (source: NodeKey): DiscoVia => ({ kind: 'relay', regionId: 900, source });

/** Contacts in which `peers` have the sender's key. */
function contacts(...peers: NodeKey[]): DiscoContacts {
  const known = new DiscoContacts({ crypto: nobleCrypto, random, discoPrivateKey: ownPrivateKey });
  for (const peer of peers) known.add(senderKey, peer);
  return known;
}

function seal(inner: Uint8Array, privateKey: DiscoPrivateKey = senderPrivateKey): Uint8Array {
  const sealed = new DiscoBox({
    crypto: nobleCrypto,
    random,
    ownKey: publicKeyOf(nobleCrypto, 'disco', privateKey),
    ownPrivateKey: privateKey,
    peerKey: ownKey,
  }).seal(inner);
  if (isFailure(sealed)) throw new Error(sealed.reason);
  return sealed;
}

const id = (): Uint8Array => random.fill(new Uint8Array(12));
const reason = (letter: unknown): string => (isFailure(letter) ? letter.reason : 'accepted');

describe('whose ping it is', () => {
  const senders = (known: DiscoContacts, claimed: NodeKey, via: DiscoVia): unknown => {
    const letter = openLetter(known, seal(encodePing(id(), claimed)), via);
    return !isFailure(letter) && letter.type === 'ping' ? letter.peers : reason(letter);
  };

  test('the only node with the key, whatever it claims', () => {
    expect(senders(contacts(alice), alice, udp)).toEqual([alice]);
    expect(senders(contacts(alice), carol, udp)).toEqual([alice]);
  });

  test('of several with the key the one that it names', () => {
    expect(senders(contacts(alice, bob), bob, udp)).toEqual([bob]);
  });

  test('all with the key when it names none of them', () => {
    expect(senders(contacts(alice, bob), carol, udp)).toEqual([alice, bob]);
  });

  test('over a relay the source of the frame, if the map gives it this key', () => {
    expect(senders(contacts(alice, bob), alice, overRelay(bob))).toEqual([bob]);
    expect(senders(contacts(alice, bob), alice, overRelay(carol))).toBe(
      'disco-relay-source-mismatch',
    );
  });
});

describe('what is refused', () => {
  test('a sender that no peer has, before any cryptography', () => {
    const counting = { ...nobleCrypto, boxOpen: () => neverOpened() };
    const known = new DiscoContacts({ crypto: counting, random, discoPrivateKey: ownPrivateKey });
    known.add(senderKey, alice);
    const stranger = generatePrivateKey('disco', random);
    const letter = openLetter(known, seal(encodePing(id(), alice), stranger), udp);
    expect(reason(letter)).toBe('disco-unknown-sender');
  });

  test('a key that is taken away is unknown again', () => {
    const known = contacts(alice);
    const contact = known.find(senderKey);
    if (contact === undefined) throw new Error('the contact is missing');
    known.remove(contact, alice);
    expect(reason(openLetter(known, seal(encodePing(id(), alice)), udp))).toBe(
      'disco-unknown-sender',
    );
  });

  test('our own key and the zero key are no contacts', () => {
    const known = contacts();
    expect(known.add(ownKey, alice)).toBeUndefined();
    expect(known.add(zeroKey('disco'), alice)).toBeUndefined();
    expect(known.add(undefined, alice)).toBeUndefined();
  });

  test('a call by UDP', () => {
    const call = seal(encodeCallMeMaybe([FROM]));
    expect(reason(openLetter(contacts(alice), call, udp))).toBe('call-me-maybe-not-over-relay');
    expect(reason(openLetter(contacts(alice), call, overRelay(alice)))).toBe('accepted');
  });

  test('a ping seen before, from the same place or another', () => {
    const known = contacts(alice);
    const ping = seal(encodePing(id(), alice));
    const elsewhere: DiscoVia = { ...udp, remote: '203.0.113.66:1' as Endpoint };
    const reasons = [udp, udp, elsewhere, overRelay(alice)].map((via) =>
      reason(openLetter(known, ping, via)),
    );
    expect(reasons).toEqual(['accepted', 'ping-duplicate', 'ping-replayed', 'ping-replayed']);
  });

  test('every damaged envelope, with a reason and without a throw', () => {
    const known = contacts(alice);
    const pong = seal(encodePong(id(), FROM));
    for (const bytes of mutations(pong)) {
      expect(isFailure(openLetter(known, bytes, udp))).toBe(true);
    }
  });
});

function neverOpened(): never {
  throw new Error('an envelope was opened');
}
