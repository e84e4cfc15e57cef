/**
 * One connection to one relay region: dials its nodes in order, then runs a RelayClient over the socket.
 * It lives once: whether and when to dial again is the PathEngine's decision.
 */

import type { Counters } from '@warren/core/base/counters';
import { asDisplayText } from '@warren/core/base/json';
import type { AddressCheckAnswer } from '@warren/core/engines/address-check';
import type { DialBackAnswer } from '@warren/core/engines/dial-back';
import type { IpAddress } from '@warren/core/ip/address';
import type { NodeKey, NodePrivateKey } from '@warren/core/keys/keys';
import type { RelayRegion } from '@warren/core/netmap/types';
import type { Crypto, Random } from '@warren/core/ports';
import { RelayClient } from '@warren/core/relay/client';
import type { RelayClientInput, RelayClientOutput } from '@warren/core/relay/io';
import type { Clock } from '@warren/shell/clock';
import { MachineTimer } from '@warren/shell/machine-timer';
import { limitUnsent } from '../net/limit-unsent.js';
import { type DialledRelay, dialRelay } from './dial-relay.js';

/**
 * Bytes that may wait in the socket; what comes then waits in the client, where peers have shares and disco goes
 * first. Not less than what Node takes before it says that the socket is full (64 KiB from Node 22 on), or nobody
 * would tell us that there is room again.
 */
const MAX_BUFFERED_BYTES = 64 * 1024;

/** And in the kernel, beyond what is on its way: 26 ms at 20 Mbit/s. */
const MAX_UNSENT_BYTES = 64 * 1024;

/**
 * Pongs and the like are never dropped: a relay that asks for them and reads none is given up. Far above what packets
 * may take, so that packets alone never lead here.
 */
const MAX_UNREAD_BYTES = 1024 * 1024;
/** Counters of a link's client are added to the node's so often at most, and at the link's end. */
const COUNT_INTERVAL_MS = 1_000;
/** Of the relay's own words, where a connection's end is told. */
const PROBLEM_CHARACTERS = 200;

export interface RelayLinkEvents {
  /** Packets flow; `dialsBack`: the relay answers {@link RelayLink.dialBack}. */
  readonly onReady: (dialsBack: boolean) => void;
  readonly onDialBackAnswer: (answer: DialBackAnswer) => void;
  readonly onAddressCheckAnswer: (answer: AddressCheckAnswer) => void;
  readonly onPacket: (source: NodeKey, packet: Uint8Array) => void;
  readonly onPeerGone: (peer: NodeKey) => void;
  /** Exactly once, however the link ends; not after `close()`, nor before the constructor returned. */
  readonly onClosed: (reason: string) => void;
}

export interface RelayLinkOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly nodePrivateKey: NodePrivateKey;
  readonly region: RelayRegion;
  /** Packets dropped because the relay did not read fast enough, and what its client counted. */
  readonly counters: Counters;
}

export class RelayLink {
  readonly #options: RelayLinkOptions;
  readonly #events: RelayLinkEvents;
  #client: RelayClient | undefined;
  #timer: MachineTimer | undefined;
  readonly #abort = new AbortController();
  #socket: DialledRelay['socket'] | undefined;
  /** What the relay complained of last; empty: nothing. */
  #problem = '';
  #draining = false;
  #ended = false;
  readonly #counted = new Map<string, number>();
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(options: RelayLinkOptions, events: RelayLinkEvents) {
    this.#options = options;
    this.#events = events;
    void this.#dial();
  }

  send(peer: NodeKey, packet: Uint8Array): void {
    this.#tellRoom();
    this.#handle({ type: 'send', peer, packet });
    const now = this.#options.clock.now();
    if (now - this.#countedAt < COUNT_INTERVAL_MS) return;
    this.#countedAt = now;
    this.#countClient();
  }

  prefer(home: boolean): void {
    this.#handle({ type: 'prefer', home });
  }

  /** Asks the relay for a datagram with this token to our UDP port. */
  dialBack(token: Uint8Array, port: number, fromAlternate = false): void {
    this.#handle({ type: 'dial-back', token, port, fromAlternate });
  }

  /** Asks the relay whether its STUN server gave this token for this address. */
  checkAddress(id: Uint8Array, address: IpAddress, token: Uint8Array): void {
    this.#handle({ type: 'check-address', id, address, token });
  }

  /** Asks the relay for a pong; without one the link ends. */
  probe(): void {
    this.#handle({ type: 'probe' });
  }

  close(): void {
    this.#end(undefined);
  }

  async #dial(): Promise<void> {
    await Promise.resolve(); // events come after the constructor
    const nodes = this.#options.region.nodes.filter((node) => !node.stunOnly);
    let reason = 'no-relay-in-region';
    for (const node of nodes) {
      let dialled: DialledRelay;
      try {
        dialled = await dialRelay(node, this.#abort.signal);
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
        continue;
      }
      if (this.#ended) dialled.socket.destroy();
      else this.#run(dialled);
      return;
    }
    this.#end(reason);
  }

  #run({ socket, head }: DialledRelay): void {
    const { clock, crypto, nodePrivateKey, random } = this.#options;
    this.#socket = socket;
    void limitUnsent(socket, MAX_UNSENT_BYTES);
    // Made now, not at the dial: its deadline for the introduction starts with its life.
    const client = new RelayClient({ crypto, random, privateKey: nodePrivateKey }, clock.now());
    this.#client = client;
    this.#timer = new MachineTimer(client, clock, () => this.#handle({ type: 'timeout' }));
    socket.on('data', (bytes: Uint8Array) => this.#handle({ type: 'bytes', bytes }));
    socket.on('drain', () => this.#tellRoom());
    socket.on('error', (error: Error) => this.#end(error.message));
    socket.on('close', () => this.#end('connection-closed'));
    if (head.length > 0) this.#handle({ type: 'bytes', bytes: head });
    this.#drain();
  }

  #handle(input: RelayClientInput): void {
    if (this.#ended) return;
    this.#client?.handle(input, this.#options.clock.now());
    this.#drain();
  }

  #drain(): void {
    // A packet is often answered at once: what comes back here joins the loop that runs.
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (;;) {
        const output = this.#ended ? undefined : this.#client?.poll();
        if (output === undefined) break;
        this.#carryOut(output);
      }
    } finally {
      this.#draining = false;
    }
    this.#timer?.rearm();
  }

  #carryOut(output: RelayClientOutput): void {
    switch (output.type) {
      case 'write':
        this.#write(output.bytes);
        break;
      case 'ready':
        this.#events.onReady(output.dialsBack);
        break;
      case 'dial-back-answer':
        this.#events.onDialBackAnswer(output);
        break;
      case 'address-check-answer':
        this.#events.onAddressCheckAnswer(output);
        break;
      case 'packet':
        this.#events.onPacket(output.source, output.packet);
        break;
      case 'peer-gone':
        this.#events.onPeerGone(output.peer);
        break;
      case 'health':
        this.#problem = asDisplayText(output.problem, PROBLEM_CHARACTERS);
        break;
      case 'close':
        this.#end(output.reason);
        break;
      case 'restarting':
        break;
    }
  }

  #tellRoom(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#handle({ type: 'room', bytes: MAX_BUFFERED_BYTES - socket.writableLength });
  }

  /** Everything of one turn of the event loop leaves as one TLS record and one system call. */
  #write(bytes: Uint8Array): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    if (socket.writableLength > MAX_UNREAD_BYTES) {
      this.#end('relay-does-not-read');
      return;
    }
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    socket.write(bytes);
  }

  #end(reason: string | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.close();
    this.#countClient();
    this.#abort.abort();
    this.#socket?.destroy();
    if (reason === undefined) return;
    this.#events.onClosed(this.#problem === '' ? reason : `${reason} (${this.#problem})`);
  }

  /** What its client has counted since the last time. */
  #countClient(): void {
    for (const [name, count] of Object.entries(this.#client?.counters.snapshot() ?? {})) {
      const before = this.#counted.get(name) ?? 0;
      if (count > before) this.#options.counters.add(`relay-${name}`, count - before);
      this.#counted.set(name, count);
    }
  }
}
