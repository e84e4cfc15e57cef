/**
 * Where disco messages come in and go out: opened and handed to the machine they are for, sealed and put on
 * their carrier. Pings are answered here, by whom and to where they came.
 */
import type { Counters } from '../base/counters.js';
import { DecodeFailure } from '../base/failure.js';
import type { Instant } from '../base/instant.js';
import {
  encodeCallMeMaybe,
  encodePing,
  encodePong,
  relayPongSource,
  TRANSACTION_ID_BYTES,
} from '../disco/messages.js';
import type { AddressProof, PortPlan } from '../disco/ping-extension.js';
import type { DirectPath, Path } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { guessesPerCall } from '../paths/call-guesses.js';
import type { PeerPathInput } from '../paths/peer-path-io.js';
import type { Random } from '../ports.js';
import type { DiscoContacts } from './disco-contacts.js';
import { type DiscoLetter, type DiscoVia, openLetter } from './disco-inbox.js';
import type { EngineOutputs } from './outputs.js';
import type { OwnNetwork } from './own-network.js';
import type { Peer, Peers } from './peers.js';
import type { RelayLinks } from './relay-links.js';
import { StrangerPings } from './stranger-pings.js';

export interface DiscoDeskOptions {
  readonly ownKey: NodeKey;
  readonly contacts: DiscoContacts;
  readonly counters: Counters;
  readonly outputs: EngineOutputs;
  readonly network: OwnNetwork;
  readonly links: RelayLinks;
  readonly peers: () => Peers;
  readonly random: Random;
  /** A peer told over a relay where its next mappings will be, or showed that its address is its own, or both. */
  readonly onPlan: (
    key: NodeKey,
    plan: PortPlan | undefined,
    proof: AddressProof | undefined,
    now: Instant,
  ) => void;
  readonly drive: (peer: Peer, input: PeerPathInput, now: Instant) => void;
}

export class DiscoDesk {
  readonly #options: DiscoDeskOptions;
  readonly #strangers: StrangerPings;
  /** Peers to call once our endpoints are fresh. */
  readonly #waiting = new Set<Peer>();

  constructor(options: DiscoDeskOptions) {
    this.#options = options;
    this.#strangers = new StrangerPings(options.counters);
  }

  /** An envelope came in. */
  receive(bytes: Uint8Array, via: DiscoVia, receivedAt: Instant, now: Instant): void {
    const { contacts, counters, network } = this.#options;
    const letter = openLetter(contacts, bytes, via);
    if (letter instanceof DecodeFailure) {
      counters.add(letter.reason);
      return;
    }
    switch (letter.type) {
      case 'ping':
        this.#answer(letter, via, now);
        break;
      case 'pong':
        this.#pong(letter, via, receivedAt, now);
        break;
      case 'call-me-maybe': {
        const { endpoints, dropped } = letter.call;
        if (dropped > 0) counters.add('call-me-maybe-over-limit', dropped);
        const paths = network.pathsTo(endpoints);
        this.#tell(letter.peer, { type: 'call-me-maybe', paths }, now);
        break;
      }
    }
  }

  /** Not sent when too much went to addresses like this one already: then it counts as lost. */
  sendPing(peer: Peer, path: Path, transactionId: Uint8Array, now: Instant): void {
    if (path.kind === 'direct' && !this.#strangers.take(path.remote, now)) return;
    this.#ping(peer, path, transactionId, now);
  }

  #ping(peer: Peer, path: Path, transactionId: Uint8Array, now: Instant, ttl?: number): void {
    // Who gets it learns under which of its endpoints it was reached.
    const extension = path.kind === 'direct' ? { target: path.remote } : {};
    const ping = encodePing(transactionId, this.#options.ownKey, extension);
    this.#send(peer, path, ping, now, ttl);
  }

  /**
   * A ping that nobody waits for: if it gets through, the peer pings back and so proves the path. With a `ttl` it is
   * to open our NAT alone.
   */
  probe(peer: Peer, path: DirectPath, ttl: number | undefined, now: Instant): void {
    // The search for ports has limits of its own.
    this.#ping(peer, path, this.#newTransactionId(), now, ttl);
  }

  /** Has a stock client guess: it pings all endpoints of a call. */
  sendGuesses(peer: Peer, endpoints: readonly Endpoint[], now: Instant): void {
    const regionId = peer.machine?.relay;
    if (regionId === undefined) return;
    const call = encodeCallMeMaybe(endpoints, guessesPerCall);
    this.#send(peer, { kind: 'relay', regionId }, call, now);
  }

  /** Tells the peer where our next mappings will be, and shows that our address is ours, behind a ping over its relay. */
  sendPlan(
    peer: Peer,
    portPlan: PortPlan | undefined,
    addressProof: AddressProof | undefined,
    now: Instant,
  ): void {
    const regionId = peer.machine?.relay;
    if (regionId === undefined) return;
    const extension = {
      ...(portPlan === undefined ? {} : { portPlan }),
      ...(addressProof === undefined ? {} : { addressProof }),
    };
    const ping = encodePing(this.#newTransactionId(), this.#options.ownKey, extension);
    this.#send(peer, { kind: 'relay', regionId }, ping, now);
  }

  /** Tells the peer our endpoints, after a check if the last one is old. */
  call(peer: Peer, now: Instant): void {
    if (this.#options.network.ensureFresh(now)) this.#sendCall(peer, now);
    else this.#waiting.add(peer);
  }

  /** Our endpoints are fresh now. */
  sendWaitingCalls(now: Instant): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const peer of waiting) this.#sendCall(peer, now);
  }

  forget(peer: Peer): void {
    this.#waiting.delete(peer);
  }

  #answer(letter: Extract<DiscoLetter, { type: 'ping' }>, via: DiscoVia, now: Instant): void {
    const { contact, ping } = letter;
    const refusal =
      via.kind === 'direct' ? this.#options.network.gate.refusal(via.remote) : undefined;
    if (refusal !== undefined) {
      this.#options.counters.add(refusal);
      return;
    }
    const { target } = ping.extension;
    // Before the pong, after which its source is one that we have sent to.
    if (via.kind === 'direct' && target !== undefined) {
      this.#options.network.proving.reached(target, via.remote, now);
    }
    const seenFrom = via.kind === 'direct' ? via.remote : relayPongSource(via.regionId);
    const [first] = letter.peers;
    const answered = first === undefined ? undefined : this.#options.peers().get(first);
    if (answered?.contact === contact) {
      this.#send(answered, via, encodePong(ping.transactionId, seenFrom), now);
    }
    if (via.kind !== 'direct') {
      const { portPlan, addressProof } = ping.extension;
      if ((portPlan ?? addressProof) !== undefined && first !== undefined) {
        this.#options.onPlan(first, portPlan, addressProof, now);
      }
      return;
    }
    for (const key of letter.peers) this.#tell(key, { type: 'ping-received', path: via }, now);
  }

  #pong(
    letter: Extract<DiscoLetter, { type: 'pong' }>,
    via: DiscoVia,
    receivedAt: Instant,
    now: Instant,
  ): void {
    const { transactionId, source: observed } = letter.pong;
    for (const key of letter.contact.peers) {
      if (this.#options.peers().get(key)?.machine?.awaits(transactionId) !== true) continue;
      if (via.kind === 'direct') this.#strangers.answered(via.remote);
      this.#tell(key, { type: 'pong-received', transactionId, via, observed, receivedAt }, now);
      return;
    }
    this.#options.counters.add('pong-unknown');
  }

  #sendCall(peer: Peer, now: Instant): void {
    const { counters, network } = this.#options;
    const endpoints = network.endpoints(now).map((own) => own.endpoint);
    const regionId = peer.machine?.relay;
    if (regionId === undefined || endpoints.length === 0) {
      counters.add('call-me-maybe-impossible');
      return;
    }
    this.#send(peer, { kind: 'relay', regionId }, encodeCallMeMaybe(endpoints), now);
  }

  #newTransactionId(): Uint8Array {
    return this.#options.random.fill(new Uint8Array(TRANSACTION_ID_BYTES));
  }

  /** Seals an inner message and puts it on `path`. */
  #send(peer: Peer, path: Path, inner: Uint8Array, now: Instant, ttl?: number): void {
    const { counters, links, outputs } = this.#options;
    const sealed = peer.contact?.box.seal(inner);
    if (sealed === undefined || sealed instanceof DecodeFailure) {
      counters.add('disco-peer-without-key');
    } else if (path.kind === 'relay') {
      links.transmit(path.regionId, peer.key, sealed, now);
    } else {
      const { socketId, remote } = path;
      const hops = ttl === undefined ? {} : { ttl };
      outputs.down({ type: 'send', socketId, remote, bytes: sealed, ...hops });
    }
  }

  #tell(key: NodeKey, input: PeerPathInput, now: Instant): void {
    const peer = this.#options.peers().get(key);
    if (peer !== undefined) this.#options.drive(peer, input, now);
  }
}
