/**
 * Who sent this, and may they say it? Every check on a disco message before a machine sees it.
 *
 * In order, the cheap ones first: a known sender key (before any cryptography, the main guard against
 * floods), over relays the key that the map gives to the frame's source, then the envelope, the message,
 * the carrier that the message may travel on, and for pings that they are new.
 */
import { DecodeFailure, fail } from '../base/failure.js';
import { peekSender } from '../disco/envelope.js';
import { type CallMeMaybe, decodeDiscoMessage, type Ping, type Pong } from '../disco/messages.js';
import type { DirectPath, RelayPath } from '../engines/paths.js';
import type { NodeKey } from '../keys/keys.js';
import type { DiscoContact, DiscoContacts } from './disco-contacts.js';

/** How a message came; over relays the frame names its sender. */
export type DiscoVia = DirectPath | (RelayPath & { readonly source: NodeKey });

/** A message that passed all checks. */
export type DiscoLetter =
  | {
      readonly type: 'ping';
      readonly contact: DiscoContact;
      readonly ping: Ping;
      /** Who it may be from: one peer, or all that share the key when nothing tells. */
      readonly peers: readonly NodeKey[];
    }
  | { readonly type: 'pong'; readonly contact: DiscoContact; readonly pong: Pong }
  | { readonly type: 'call-me-maybe'; readonly peer: NodeKey; readonly call: CallMeMaybe };

/** Opens an envelope; the reason, to be counted, when it is to be ignored. */
export function openLetter(
  contacts: DiscoContacts,
  bytes: Uint8Array,
  via: DiscoVia,
): DiscoLetter | DecodeFailure {
  const sender = peekSender(bytes);
  if (sender === undefined) return fail('disco-malformed');
  const contact = contacts.find(sender);
  if (contact === undefined) return fail('disco-unknown-sender');
  if (via.kind === 'relay' && !contact.peers.has(via.source)) {
    return fail('disco-relay-source-mismatch');
  }
  const inner = contact.box.open(bytes);
  if (inner instanceof DecodeFailure) return fail(`disco-${inner.reason}`);
  const message = decodeDiscoMessage(inner);
  if (message instanceof DecodeFailure) return fail(`disco-${message.reason}`);
  switch (message.type) {
    case 'ping': {
      const novelty = contact.seen.note(message.transactionId, sourceName(via));
      if (novelty !== 'new') return fail(`ping-${novelty}`);
      return { type: 'ping', contact, ping: message, peers: sendersOf(contact, message, via) };
    }
    case 'pong':
      return { type: 'pong', contact, pong: message };
    case 'call-me-maybe':
      if (via.kind !== 'relay') return fail('call-me-maybe-not-over-relay');
      return { type: 'call-me-maybe', peer: via.source, call: message };
  }
}

function sourceName(via: DiscoVia): string {
  return via.kind === 'relay' ? `relay ${via.regionId}` : `${via.socketId} ${via.remote}`;
}

/** Which of the peers with the key sent a ping. */
function sendersOf(contact: DiscoContact, ping: Ping, via: DiscoVia): readonly NodeKey[] {
  if (via.kind === 'relay') return [via.source];
  // The ping's claim counts only because the map gives this node exactly this disco key.
  if (ping.nodeKey !== undefined && contact.peers.has(ping.nodeKey)) return [ping.nodeKey];
  return [...contact.peers];
}
