/**
 * Two devices joined by a wire in memory, under a clock of their own. For tests only.
 *
 * The wire has no delay: `settle` carries messages until both sides are silent. `drop` decides what is lost.
 */
import { assert } from '../../base/assert.js';
import { Counters } from '../../base/counters.js';
import { isFailure } from '../../base/failure.js';
import { after, type Instant, instant, wallTime } from '../../base/instant.js';
import { SeededRandom } from '../../base/seeded-random.js';
import { nobleCrypto } from '../../crypto/noble.js';
import type { Endpoint } from '../../ip/address.js';
import { generatePrivateKey, type NodeKey, publicKeyOf } from '../../keys/keys.js';
import { Device } from '../device.js';
import type { HandshakeOrigin } from '../handshake-gate.js';
import type { PeerHost } from '../initiator.js';
import {
  MESSAGE,
  messageTypeOf,
  readUint32,
  TRANSPORT_AT,
  TRANSPORT_HEADER_BYTES,
} from '../messages.js';
import type { Peer } from '../peer.js';

/** 2026-01-01, when the pair's clock starts. */
const WALL_START_MS = 1_767_225_600_000;

const HEADROOM_BYTES = 16;
const TAILROOM_BYTES = 32;

/** Where the ends see each other. */
const OTHER_END: HandshakeOrigin = { kind: 'direct', remote: '192.0.2.7:41641' as Endpoint };

/** One end of the pair. */
export class End implements PeerHost {
  readonly name: string;
  readonly counters = new Counters();
  device: Device<End>;
  readonly key: NodeKey;
  /** Messages on their way to the other end. */
  readonly outbox: Uint8Array[] = [];
  /** Every message that was ever sent, by type. */
  readonly sent = new Map<number, number>();
  /** Payloads that came in, keepalives left out. */
  readonly received: Uint8Array[] = [];
  keepalivesReceived = 0;
  handshakes = 0;
  wanted = 0;
  canSend = true;
  readonly #newDevice: () => Device<End>;
  #peer: Peer<End> | undefined;

  constructor(name: string, random: SeededRandom, pair: { readonly now: Instant }) {
    this.name = name;
    const wallClock = () => wallTime(WALL_START_MS + pair.now);
    const privateKey = generatePrivateKey('node', random);
    this.key = publicKeyOf(nobleCrypto, 'node', privateKey);
    this.#newDevice = () => {
      const { counters } = this;
      const device = new Device<End>({ crypto: nobleCrypto, random, wallClock, counters });
      device.setIdentity(privateKey, pair.now);
      return device;
    };
    this.device = this.#newDevice();
  }

  /** As after a crash of the process: the same identity, and nothing else. */
  restart(): void {
    const { key } = this.peer;
    this.device = this.#newDevice();
    this.join({ key });
  }

  get peer(): Peer<End> {
    assert(this.#peer !== undefined, 'the ends are joined');
    return this.#peer;
  }

  /** Makes whoever has this key the peer. */
  join(other: { readonly key: NodeKey }): void {
    this.#peer = this.device.addPeer(other.key, this);
  }

  send(memory: Uint8Array, at: number, length: number): void {
    const type = messageTypeOf(memory, at, length);
    assert(!isFailure(type), 'we send only what we would read');
    this.sent.set(type, (this.sent.get(type) ?? 0) + 1);
    this.outbox.push(memory.slice(at, at + length));
  }

  wantsToSend(): void {
    this.wanted++;
  }

  /** Sends `payload` through the tunnel. */
  say(payload: Uint8Array, now: Instant): void {
    const memory = new Uint8Array(HEADROOM_BYTES + payload.length + TAILROOM_BYTES);
    memory.set(payload, HEADROOM_BYTES);
    this.peer.send(memory, HEADROOM_BYTES, payload.length, now);
  }

  /** Takes one message off the wire. */
  take(message: Uint8Array, now: Instant, from: HandshakeOrigin = OTHER_END): void {
    const type = messageTypeOf(message, 0, message.length);
    if (isFailure(type)) this.counters.add(type.reason);
    else if (type === MESSAGE.initiation) this.#takeInitiation(message, now, from);
    else if (type === MESSAGE.response) this.#takeResponse(message, now, from);
    else if (type === MESSAGE.transport) this.#takeTransport(message, now);
    else this.#takeCookieReply(message, now);
  }

  #takeCookieReply(message: Uint8Array, now: Instant): void {
    const refused = this.device.receiveCookieReply(message, 0, now);
    this.counters.add(refused?.reason ?? 'cookie-accepted');
  }

  #takeInitiation(message: Uint8Array, now: Instant, from: HandshakeOrigin): void {
    const accepted = this.device.receiveInitiation(message, 0, from, now);
    if (isFailure(accepted)) this.counters.add(accepted.reason);
    else if ('cookieReply' in accepted)
      this.send(accepted.cookieReply, 0, accepted.cookieReply.length);
    else this.send(accepted.response, 0, accepted.response.length);
  }

  #takeResponse(message: Uint8Array, now: Instant, from: HandshakeOrigin): void {
    const peer = this.device.receiveResponse(message, 0, from, now);
    if (isFailure(peer)) {
      this.counters.add(peer.reason);
    } else {
      this.handshakes++;
      peer.confirmSession(now);
    }
  }

  #takeTransport(message: Uint8Array, now: Instant): void {
    const entry = this.device.findKeys(readUint32(message, TRANSPORT_AT.receiver));
    if (entry?.keypair === undefined) {
      this.counters.add('transport-unknown-index');
      return;
    }
    const length = entry.keypair.openInto(message, 0, message.length, now);
    if (isFailure(length)) {
      this.counters.add(length.reason);
      return;
    }
    if (entry.owner.received(entry.keypair, length, now)) this.handshakes++;
    if (length === 0) this.keepalivesReceived++;
    else this.received.push(message.slice(TRANSPORT_HEADER_BYTES, TRANSPORT_HEADER_BYTES + length));
  }
}

export class DevicePair {
  now: Instant = instant(1_000_000);
  readonly left: End;
  readonly right: End;
  /** True: the message is lost. */
  drop: (message: Uint8Array, from: End) => boolean = () => false;

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    this.left = new End('left', random.fork(), this);
    this.right = new End('right', random.fork(), this);
    this.left.join(this.right);
    this.right.join(this.left);
  }

  /** Carries messages until both sides are silent. */
  settle(): void {
    while (this.#carry(this.left, this.right) || this.#carry(this.right, this.left)) {
      // until silent
    }
  }

  /** Lets `ms` pass: every timer fires on time and its messages are carried. */
  pass(ms: number): void {
    const end = after(this.now, ms);
    for (;;) {
      const next = Math.min(
        this.left.device.nextTimeout() ?? Number.POSITIVE_INFINITY,
        this.right.device.nextTimeout() ?? Number.POSITIVE_INFINITY,
      );
      if (next > end) break;
      this.now = instant(Math.max(this.now, next));
      this.left.device.handleTimeout(this.now);
      this.right.device.handleTimeout(this.now);
      this.settle();
    }
    this.now = end;
  }

  #carry(from: End, to: End): boolean {
    const messages = from.outbox.splice(0);
    for (const message of messages) if (!this.drop(message, from)) to.take(message, this.now);
    return messages.length > 0;
  }
}
