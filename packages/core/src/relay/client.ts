/**
 * The client of one relay connection, after the HTTP upgrade.
 *
 *     greeting --ServerKey--> introduced --ServerInfo--> ready
 *         |                       |                        |
 *         +-----------------------+------------------------+--> closed (one `close` output, then deaf)
 *
 * Deadlines: 10 s for the handshake, 120 s of silence, 3 s for the answer to a probe. The shell reconnects with a
 * new machine; back-off belongs to who decides on the dial.
 *
 * Source: the client's side of DERP, protocol version 2.
 */

import { equalBytes } from '../base/bytes.js';
import { Counters } from '../base/counters.js';
import { isFailure } from '../base/failure.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { type NodeKey, type NodePrivateKey, publicKeyOf, type RelayKey } from '../keys/keys.js';
import type { Crypto, Machine, Random } from '../ports.js';
import { decodeServerFrame } from './decode-frames.js';
import { looksLikeDisco } from './disco-packet.js';
import {
  encodeAddressCheck,
  encodeDialBack,
  encodeNotePreferred,
  encodePing,
  encodePong,
  encodeSendPacket,
} from './encode-frames.js';
import { type FrameLimits, FrameReader } from './frame-reader.js';
import {
  CLIENT_FRAME_MAX_BYTES,
  FrameType,
  PACKET_MAX_BYTES,
  PING_BYTES,
  type RawFrame,
  SERVER_KEY_MAX_BYTES,
  type ServerFrame,
} from './frames.js';
import { openServerInfo, plainClientInfo, sealClientInfo, shareKey } from './hello.js';
import type { RelayClientInput, RelayClientOutput } from './io.js';
import { NodeKeyMemo } from './node-key-memo.js';
import { PacedSender } from './paced-sender.js';

export interface RelayClientOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly privateKey: NodePrivateKey;
  /** Pin: any other server key ends the connection. Undefined: TLS alone vouches for the server. */
  readonly serverKey?: RelayKey | undefined;
  /** Statistics label that the server may show; empty: none. */
  readonly appName?: string;
}

/** The official client gives dial, TLS, upgrade and introduction 10 s together; we give them to our part. */
const HANDSHAKE_MS = 10_000;
/** Two keep-alive periods of 60 s. */
const SILENCE_MS = 120_000;
/** A person or a changed link asks whether the connection still lives; 3 s is what the official client waits. */
const PROBE_MS = 3_000;

/** A server sends these; the first is only allowed as the greeting and shorter than the rest. */
const LIMITS: FrameLimits = new Map<number, number>([
  [FrameType.serverKey, SERVER_KEY_MAX_BYTES],
  [FrameType.serverInfo, CLIENT_FRAME_MAX_BYTES],
  [FrameType.recvPacket, CLIENT_FRAME_MAX_BYTES],
  [FrameType.keepAlive, CLIENT_FRAME_MAX_BYTES],
  [FrameType.peerGone, CLIENT_FRAME_MAX_BYTES],
  [FrameType.ping, CLIENT_FRAME_MAX_BYTES],
  [FrameType.pong, CLIENT_FRAME_MAX_BYTES],
  [FrameType.health, CLIENT_FRAME_MAX_BYTES],
  [FrameType.restarting, CLIENT_FRAME_MAX_BYTES],
  [FrameType.dialBackAnswer, CLIENT_FRAME_MAX_BYTES],
  [FrameType.addressCheckAnswer, CLIENT_FRAME_MAX_BYTES],
]);

type State = 'greeting' | 'introduced' | 'ready' | 'closed';

export class RelayClient implements Machine<RelayClientInput, RelayClientOutput> {
  readonly counters: Counters = new Counters();
  readonly #options: RelayClientOptions;
  readonly #publicKey: NodeKey;
  readonly #reader = new FrameReader(LIMITS);
  readonly #keys = new NodeKeyMemo();
  readonly #sender = new PacedSender(this.counters);
  readonly #outputs: RelayClientOutput[] = [];
  readonly #handshakeUntil: Instant;
  #state: State = 'greeting';
  #serverKey: RelayKey | undefined;
  #shared: Uint8Array | undefined;
  #heardAt: Instant;
  #home: boolean | undefined;
  #probe: { readonly data: Uint8Array; readonly until: Instant } | undefined;
  /** The last time we were told; pacing needs it between inputs. */
  #now: Instant;

  /** `now` starts the handshake deadline: make the machine when the upgrade is done. */
  constructor(options: RelayClientOptions, now: Instant) {
    this.#options = options;
    this.#publicKey = publicKeyOf(options.crypto, 'node', options.privateKey);
    this.#handshakeUntil = after(now, HANDSHAKE_MS);
    this.#heardAt = now;
    this.#now = now;
  }

  handle(input: RelayClientInput, now: Instant): void {
    if (this.#state === 'closed') return;
    this.#now = now;
    switch (input.type) {
      case 'bytes':
        this.#heardAt = now;
        this.#reader.push(input.bytes);
        this.#readFrames(now);
        break;
      case 'send':
        this.#send(input.peer, input.packet, now);
        break;
      case 'room':
        this.#sender.setRoom(input.bytes);
        break;
      case 'prefer':
        this.#prefer(input.home);
        break;
      case 'probe':
        this.#startProbe(now);
        break;
      case 'dial-back':
        if (this.#state === 'ready') {
          this.#write(encodeDialBack(input.token, input.port, input.fromAlternate));
        }
        break;
      case 'check-address':
        if (this.#state === 'ready') {
          this.#write(encodeAddressCheck(input.id, input.address, input.token));
        }
        break;
      case 'timeout':
        this.#checkDeadlines(now);
        break;
    }
    this.#flush(now);
  }

  poll(): RelayClientOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    if (this.#state === 'closed') return undefined;
    if (this.#state !== 'ready') return this.#handshakeUntil;
    return earliest(
      after(this.#heardAt, SILENCE_MS),
      this.#probe?.until,
      this.#sender.readyAt(this.#now),
    );
  }

  #readFrames(now: Instant): void {
    while (this.#state !== 'closed') {
      const frame = this.#reader.next();
      if (frame === undefined) return;
      if (isFailure(frame)) {
        this.#close(frame.reason);
        return;
      }
      this.#takeFrame(frame, now);
    }
  }

  #takeFrame(raw: RawFrame, now: Instant): void {
    const frame = decodeServerFrame(raw, (bytes, at) => this.#keys.read(bytes, at));
    if (frame === undefined) return;
    if (isFailure(frame)) {
      this.counters.add(frame.reason);
      // The introduction is needed whole; everything later is skipped.
      if (this.#state !== 'ready')
        this.#close(this.#state === 'greeting' ? 'bad-greeting' : 'bad-server-info');
      return;
    }
    switch (this.#state) {
      case 'greeting':
        this.#takeGreeting(frame);
        break;
      case 'introduced':
        this.#takeServerInfo(frame, now);
        break;
      case 'ready':
        this.#takeReady(frame);
        break;
      case 'closed':
        break;
    }
  }

  #takeGreeting(frame: ServerFrame): void {
    if (frame.type !== 'server-key') {
      this.#close('bad-greeting');
      return;
    }
    const { crypto, random, privateKey, serverKey, appName } = this.#options;
    if (serverKey !== undefined && frame.key !== serverKey) {
      this.#close('server-key-mismatch');
      return;
    }
    const shared = shareKey(crypto, privateKey, frame.key);
    if (isFailure(shared)) {
      this.#close('server-key-unusable');
      return;
    }
    this.#serverKey = frame.key;
    this.#shared = shared;
    const info = plainClientInfo(appName ?? '');
    this.#write(sealClientInfo(crypto, random, shared, this.#publicKey, info));
    this.#state = 'introduced';
  }

  #takeServerInfo(frame: ServerFrame, now: Instant): void {
    if (
      frame.type !== 'server-info' ||
      this.#shared === undefined ||
      this.#serverKey === undefined
    ) {
      // A relay may say why it will refuse us before it closes.
      if (frame.type === 'health') this.#takeReady(frame);
      else this.counters.add('frame-before-server-info');
      return;
    }
    const { nonce, box } = frame;
    const info = openServerInfo(this.#options.crypto, this.#shared, nonce, box);
    if (isFailure(info)) {
      this.counters.add(info.reason);
      this.#close('bad-server-info');
      return;
    }
    this.#sender.setLimit(info.tokenBucket, now);
    this.#state = 'ready';
    const { dialsBack } = info;
    this.#outputs.push({ type: 'ready', serverKey: this.#serverKey, dialsBack });
    if (this.#home === true) this.#write(encodeNotePreferred(true));
  }

  #takeReady(frame: ServerFrame): void {
    switch (frame.type) {
      case 'packet':
      case 'dial-back-answer':
      case 'address-check-answer':
      case 'peer-gone':
      case 'health':
      case 'restarting':
        this.#outputs.push(frame);
        break;
      case 'ping':
        this.#write(encodePong(frame.data));
        break;
      case 'pong':
        if (this.#probe !== undefined && equalBytes(this.#probe.data, frame.data)) {
          this.#probe = undefined;
        }
        break;
      case 'keep-alive':
        break;
      case 'server-key':
      case 'server-info':
      case 'peer-present':
        this.counters.add('frame-out-of-place');
        break;
    }
  }

  #send(peer: NodeKey, packet: Uint8Array, now: Instant): void {
    if (packet.length > PACKET_MAX_BYTES) {
      this.counters.add('send-too-long');
      return;
    }
    this.#sender.add(peer, encodeSendPacket(peer, packet), looksLikeDisco(packet), now);
  }

  /** "Not home" is what a server assumes, so it is only said after "home". */
  #prefer(home: boolean): void {
    const changed = home !== (this.#home ?? false);
    this.#home = home;
    if (changed && this.#state === 'ready') this.#write(encodeNotePreferred(home));
  }

  /** One probe at a time: a second question while the first is open would only move its deadline. */
  #startProbe(now: Instant): void {
    if (this.#state !== 'ready' || this.#probe !== undefined) return;
    const data = this.#options.random.fill(new Uint8Array(PING_BYTES));
    this.#probe = { data, until: after(now, PROBE_MS) };
    this.#write(encodePing(data));
  }

  #checkDeadlines(now: Instant): void {
    if (this.#state !== 'ready') {
      if (now >= this.#handshakeUntil) this.#close('handshake-timeout');
      return;
    }
    if (this.#probe !== undefined && now >= this.#probe.until) this.#close('probe-timeout');
    else if (now >= after(this.#heardAt, SILENCE_MS)) this.#close('silence');
  }

  #flush(now: Instant): void {
    if (this.#state !== 'ready') return;
    for (let frame = this.#sender.take(now); frame !== undefined; frame = this.#sender.take(now)) {
      this.#write(frame);
    }
  }

  #write(bytes: Uint8Array): void {
    this.#outputs.push({ type: 'write', bytes });
  }

  #close(reason: string): void {
    this.#state = 'closed';
    this.counters.add(`closed-${reason}`);
    this.#outputs.push({ type: 'close', reason });
  }
}
