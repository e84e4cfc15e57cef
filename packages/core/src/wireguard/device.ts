/**
 * A WireGuard interface without its sockets: our identity, the peers, and the receiver indices.
 *
 * Four ways in (initiation, response, cookie reply, transport), all total on hostile bytes. Nothing here
 * knows paths: the caller learns which peer a message came from, notes its path, and only then lets the
 * peer answer.
 *
 * However many peers there are, a packet costs a look into the index table or the prefix table, and a tick
 * only those peers whose turn it is (`schedule.ts`).
 *
 * Source: WireGuard whitepaper.
 */
import { equalBytes } from '../base/bytes.js';
import type { Counters } from '../base/counters.js';
import { type DecodeFailure, fail, isFailure } from '../base/failure.js';
import type { Instant, WallTime } from '../base/instant.js';
import { type NodeKey, type NodePrivateKey, publicKeyFromBytes } from '../keys/keys.js';
import type { Crypto, Random } from '../ports.js';
import type { CookieFailure } from './cookies.js';
import type { AcceptFailure, CompleteFailure } from './handshake.js';
import {
  type CookieDemand,
  type GateFailure,
  HandshakeGate,
  type HandshakeOrigin,
} from './handshake-gate.js';
import { type IndexEntry, IndexTable } from './index-table.js';
import type { PeerHost } from './initiator.js';
import {
  COOKIE_REPLY_AT,
  COOKIE_REPLY_BYTES,
  INITIATION_BYTES,
  RESPONSE_AT,
  RESPONSE_BYTES,
  readUint32,
} from './messages.js';
import { consumeInitiation, createIdentity, type Identity } from './noise.js';
import { Peer, type PeerContext } from './peer.js';
import { Schedule } from './schedule.js';
import { TimestampSource } from './tai64n.js';

/** Default of the tunnel's MTU: 1,280 fits every underlay that carries IPv6 at all, and is Tailscale's. */
export const DEFAULT_MTU_BYTES = 1280;

export interface DeviceOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  /** Read once per handshake that we begin. */
  readonly wallClock: () => WallTime;
  readonly counters: Counters;
  readonly mtuBytes?: number;
}

/** An accepted initiation: send `response` back to `peer`. */
export interface AcceptedInitiation<Host extends PeerHost> {
  readonly peer: Peer<Host>;
  readonly response: Uint8Array;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export class Device<Host extends PeerHost> {
  readonly #context: Mutable<PeerContext<Peer<Host>>>;
  readonly #peers = new Map<NodeKey, Peer<Host>>();
  readonly #gate: HandshakeGate;

  constructor(options: DeviceOptions) {
    this.#context = {
      crypto: options.crypto,
      random: options.random,
      indexes: new IndexTable(options.random),
      timestamps: new TimestampSource(options.wallClock),
      identity: undefined,
      counters: options.counters,
      schedule: new Schedule(),
      waitingTotal: { bytes: 0 },
      mtuBytes: options.mtuBytes ?? DEFAULT_MTU_BYTES,
    };
    this.#gate = new HandshakeGate(options.crypto, options.random);
  }

  get identity(): Identity | undefined {
    return this.#context.identity;
  }

  /** Indices in use: open handshakes and keypairs of all peers. */
  get indexCount(): number {
    return this.#context.indexes.size;
  }

  /** Sets our static key. A different one ends all sessions. */
  setIdentity(privateKey: NodePrivateKey, now: Instant): void {
    const identity = createIdentity(this.#context.crypto, privateKey);
    const before = this.#context.identity?.publicKey;
    this.#context.identity = identity;
    if (before !== undefined && equalBytes(before, identity.publicKey)) return;
    for (const peer of this.#peers.values()) peer.identityChanged(now);
  }

  get peerCount(): number {
    return this.#peers.size;
  }

  peer(key: NodeKey): Peer<Host> | undefined {
    return this.#peers.get(key);
  }

  peers(): Iterable<Peer<Host>> {
    return this.#peers.values();
  }

  /** Adds a peer that is not there yet. */
  addPeer(key: NodeKey, host: Host): Peer<Host> {
    const peer = new Peer(this.#context, key, host);
    this.#peers.set(key, peer);
    return peer;
  }

  /** Removes a peer with its keys and everything that waits for it. */
  removePeer(key: NodeKey): void {
    this.#peers.get(key)?.close();
    this.#peers.delete(key);
  }

  /** Handshakes come faster than we want to compute them: strangers must prove their address. */
  isUnderLoad(now: Instant): boolean {
    return this.#gate.isLoaded(now);
  }

  /**
   * Takes an initiation of INITIATION_BYTES at `memory[at]`. The sender, where a relay vouches for one, must
   * be the peer that the initiation names.
   */
  receiveInitiation(
    memory: Uint8Array,
    at: number,
    origin: HandshakeOrigin,
    now: Instant,
  ): AcceptedInitiation<Host> | CookieDemand | DecodeFailure<AcceptFailure | GateFailure> {
    const { crypto, identity } = this.#context;
    if (identity === undefined) return fail('initiation-no-identity');
    const sender = origin.kind === 'relay' ? origin.sender : undefined;
    if (sender !== undefined && !this.#peers.has(sender)) return fail('initiation-unknown-peer');
    const message = memory.subarray(at, at + INITIATION_BYTES);
    const refused = this.#gate.admitInitiation(identity, message, origin, now);
    if (refused !== undefined) return refused;
    let peer: Peer<Host> | undefined;
    const received = consumeInitiation(crypto, identity, message, (publicKey) => {
      peer = this.#peers.get(publicKeyFromBytes('node', publicKey));
      return peer?.statics();
    });
    if (isFailure(received)) return received;
    if (peer === undefined) return fail('initiation-unknown-peer');
    if (sender !== undefined && sender !== peer.key) return fail('initiation-sender-differs');
    const response = peer.acceptInitiation(received, now);
    return isFailure(response) ? response : { peer, response };
  }

  /**
   * Takes a response of RESPONSE_BYTES at `memory[at]` and answers whose it is. The caller then notes the
   * path and calls `peer.confirmSession`.
   */
  receiveResponse(
    memory: Uint8Array,
    at: number,
    origin: HandshakeOrigin,
    now: Instant,
  ): Peer<Host> | DecodeFailure<CompleteFailure | GateFailure> {
    const message = memory.subarray(at, at + RESPONSE_BYTES);
    const index = readUint32(message, RESPONSE_AT.receiver);
    const peer = this.#context.indexes.get(index)?.owner;
    if (peer === undefined) return fail('response-unexpected');
    if (origin.kind === 'relay' && origin.sender !== peer.key) {
      return fail('response-sender-differs');
    }
    return (
      this.#gate.admitResponse(origin, now) ?? peer.acceptResponse(index, message, now) ?? peer
    );
  }

  /**
   * Takes a cookie reply of COOKIE_REPLY_BYTES at `memory[at]`, from wherever: only the peer to whom our
   * message went, or who saw it on the way, can have sealed it.
   */
  receiveCookieReply(
    memory: Uint8Array,
    at: number,
    now: Instant,
  ): DecodeFailure<CookieFailure> | undefined {
    const reply = memory.subarray(at, at + COOKIE_REPLY_BYTES);
    const index = readUint32(reply, COOKIE_REPLY_AT.receiver);
    const peer = this.#context.indexes.get(index)?.owner;
    return peer === undefined ? fail('cookie-reply-unexpected') : peer.acceptCookie(reply, now);
  }

  /** Peer and keys of a transport message's receiver index. */
  findKeys(index: number): IndexEntry<Peer<Host>> | undefined {
    return this.#context.indexes.get(index);
  }

  /** When to call {@link handleTimeout}; may be early, never late. */
  nextTimeout(): Instant | undefined {
    return this.#context.schedule.at;
  }

  /** Fires all due timers of the peers whose turn has come; returns how many these were. */
  handleTimeout(now: Instant): number {
    const { schedule } = this.#context;
    let turns = 0;
    for (let turn = schedule.takeDue(now); turn !== undefined; turn = schedule.takeDue(now)) {
      turn.fire(now);
      turns++;
    }
    return turns;
  }
}
