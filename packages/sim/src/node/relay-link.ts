/** One connection to one relay region: a dial, then a RelayClient over the stream. It lives once. */
import type { AddressCheckAnswer } from '@warren/core/engines/address-check';
import type { DialBackAnswer } from '@warren/core/engines/dial-back';
import type { IpAddress } from '@warren/core/ip/address';
import type { NodeKey, NodePrivateKey } from '@warren/core/keys/keys';
import type { Crypto, Random } from '@warren/core/ports';
import { RelayClient } from '@warren/core/relay/client';
import type { RelayClientInput, RelayClientOutput } from '@warren/core/relay/io';
import { MachineTimer } from '../clock/machine-timer.js';
import type { Host } from '../net/host.js';
import {
  type Dial,
  dial,
  type StreamEnd,
  type StreamServer,
  type StreamWorld,
} from '../net/stream.js';

/** What may wait in the socket before packets are dropped, as in the daemon. */
const BUFFERED_BYTES_MAX = 256 * 1024;

export type RelayStreamServer = StreamServer<Uint8Array, Uint8Array>;

export interface RelayLinkOptions {
  readonly world: StreamWorld;
  readonly host: Host;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly nodePrivateKey: NodePrivateKey;
  readonly server: RelayStreamServer;
}

export interface RelayLinkEvents {
  readonly onReady: (dialsBack: boolean) => void;
  readonly onDialBackAnswer: (answer: DialBackAnswer) => void;
  readonly onAddressCheckAnswer: (answer: AddressCheckAnswer) => void;
  readonly onPacket: (source: NodeKey, packet: Uint8Array) => void;
  readonly onPeerGone: (peer: NodeKey) => void;
  /** At most once; not after `close()`. */
  readonly onClosed: (reason: string) => void;
}

export class RelayLink {
  readonly #options: RelayLinkOptions;
  readonly #events: RelayLinkEvents;
  readonly #dial: Dial;
  #stream: StreamEnd<Uint8Array, Uint8Array> | undefined;
  #client: RelayClient | undefined;
  #timer: MachineTimer | undefined;
  #draining = false;
  #ended = false;

  constructor(options: RelayLinkOptions, events: RelayLinkEvents) {
    this.#options = options;
    this.#events = events;
    this.#dial = dial<Uint8Array, Uint8Array>(
      options.world,
      options.host,
      options.server,
      (stream) => this.#run(stream),
      (reason) => this.#end(reason),
    );
  }

  send(peer: NodeKey, packet: Uint8Array): void {
    if ((this.#stream?.bufferedBytes ?? 0) > BUFFERED_BYTES_MAX) return;
    this.#handle({ type: 'send', peer, packet });
  }

  prefer(home: boolean): void {
    this.#handle({ type: 'prefer', home });
  }

  /** Asks for a datagram to our UDP port. */
  dialBack(token: Uint8Array, port: number, fromAlternate = false): void {
    this.#handle({ type: 'dial-back', token, port, fromAlternate });
  }

  /** Asks the relay whether its STUN server gave this token for this address. */
  checkAddress(id: Uint8Array, address: IpAddress, token: Uint8Array): void {
    this.#handle({ type: 'check-address', id, address, token });
  }

  probe(): void {
    this.#handle({ type: 'probe' });
  }

  close(): void {
    this.#end(undefined);
  }

  #run(stream: StreamEnd<Uint8Array, Uint8Array>): void {
    const { world, crypto, random, nodePrivateKey } = this.#options;
    const client = new RelayClient({ crypto, random, privateKey: nodePrivateKey }, world.clock.now);
    this.#stream = stream;
    this.#client = client;
    this.#timer = new MachineTimer(client, world.clock, () => this.#handle({ type: 'timeout' }));
    stream.events = {
      onMessage: (bytes) => this.#handle({ type: 'bytes', bytes }),
      onClosed: (reason) => this.#end(reason),
    };
    this.#drain();
  }

  #handle(input: RelayClientInput): void {
    if (this.#ended) return;
    this.#client?.handle(input, this.#options.world.clock.now);
    this.#drain();
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    for (;;) {
      const output = this.#ended ? undefined : this.#client?.poll();
      if (output === undefined) break;
      this.#carryOut(output);
    }
    this.#draining = false;
    this.#timer?.rearm();
  }

  #carryOut(output: RelayClientOutput): void {
    switch (output.type) {
      case 'write':
        this.#stream?.write(output.bytes, output.bytes.length);
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
      case 'close':
        this.#end(output.reason);
        break;
      case 'health':
      case 'restarting':
        break;
    }
  }

  #end(reason: string | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#dial.cancel();
    this.#timer?.close();
    this.#stream?.close();
    if (reason !== undefined) this.#events.onClosed(reason);
  }
}
