/**
 * A relay region: connections with latency, frames between connected keys, a STUN server on the same host.
 *
 * It counts data and disco frames per pair, so that a test can prove that a path does without it.
 */

import type { EventHeap } from '../../base/event-heap.js';
import { isFailure } from '../../base/failure.js';
import { after, type Instant } from '../../base/instant.js';
import { SeededRandom } from '../../base/seeded-random.js';
import { nobleCrypto } from '../../crypto/noble.js';
import { isDisco } from '../../disco/classify.js';
import type { RegionId } from '../../engines/paths.js';
import type { Endpoint, IpAddress } from '../../ip/address.js';
import type { NodeKey } from '../../keys/keys.js';
import type { RelayRegion } from '../../netmap/types.js';
import { AddressTokens } from '../../stun/address-tokens.js';
import { encodeBindingIndication } from '../../stun/indication.js';
import { answerFromSockets, type ServerSockets } from '../../stun/server.js';
import type { Host, Internet } from './internet.js';

const stunPort = 3478;

/** A node's end of its connection. */
export interface RelayClientEnd {
  readonly key: NodeKey;
  /** One way to the relay. */
  readonly latencyMs: number;
  readonly onPacket: (source: NodeKey, packet: Uint8Array) => void;
  readonly onPeerGone: (peer: NodeKey) => void;
  readonly onClosed: (reason: string) => void;
}

export interface RelayModelOptions {
  readonly regionId: RegionId;
  readonly address: IpAddress;
  readonly accessMs: number;
  readonly heap: EventHeap;
  readonly internet: Internet;
  readonly now: () => Instant;
}

export class RelayModel {
  readonly regionId: RegionId;
  /** False: dials fail and nothing crosses. */
  up = true;
  /** It offers to dial back. */
  dialsBack = true;
  /** Its STUN server answers. */
  stunUp = true;
  /** Tokens that it was shown. */
  questions = 0;
  readonly #options: RelayModelOptions;
  readonly #clients = new Map<NodeKey, RelayClientEnd>();
  readonly #frames = new Map<string, { disco: number; data: number }>();
  readonly #host: Host;
  readonly #tokens: AddressTokens;
  readonly #sockets: ServerSockets;

  constructor(options: RelayModelOptions) {
    this.#options = options;
    this.regionId = options.regionId;
    this.#host = {
      address: options.address,
      nat: undefined,
      accessMs: options.accessMs,
      receive: (port, source, bytes) => this.#stun(port, source, bytes),
    };
    options.internet.attach(this.#host);
    this.#tokens = new AddressTokens(nobleCrypto, new SeededRandom(options.regionId));
    this.#sockets = {
      port: stunPort,
      alternatePort: undefined,
      addresses: [],
      alternateAddresses: [],
      tokenFor: (address) => this.tokenFor(address),
    };
  }

  /** The region as it stands in the relay map. */
  get region(): RelayRegion {
    const { regionId, address } = this.#options;
    return {
      id: regionId,
      code: `r${regionId}`,
      name: `Region ${regionId}`,
      noMeasureNoHome: false,
      nodes: [
        {
          name: `${regionId}a`,
          regionId,
          hostName: address,
          certName: undefined,
          ipv4: address,
          ipv6: null,
          relayPort: 443,
          stunPort,
          stunOnly: false,
          dialsBack: true,
        },
      ],
    };
  }

  get accessMs(): number {
    return this.#options.accessMs;
  }

  /** Frames that crossed from one key to another. */
  frames(source: NodeKey, target: NodeKey): { readonly disco: number; readonly data: number } {
    return this.#frames.get(`${source} ${target}`) ?? { disco: 0, data: 0 };
  }

  /** A connection stands. An earlier one of the same key ends silently. */
  join(client: RelayClientEnd): void {
    this.#clients.set(client.key, client);
  }

  leave(client: RelayClientEnd): void {
    if (this.#clients.get(client.key) !== client) return;
    this.#clients.delete(client.key);
    for (const other of this.#clients.values()) {
      this.#later(other.latencyMs, () => other.onPeerGone(client.key));
    }
  }

  /** A frame leaves a client. */
  transmit(client: RelayClientEnd, target: NodeKey, packet: Uint8Array): void {
    this.#later(client.latencyMs, () => {
      if (this.#clients.get(client.key) !== client) return;
      const disco = isDisco(packet, 0, packet.length);
      const receiver = this.#clients.get(target);
      if (receiver === undefined) {
        if (disco) this.#later(client.latencyMs, () => client.onPeerGone(target));
        return;
      }
      this.#count(client.key, target, disco);
      this.#later(receiver.latencyMs, () => {
        if (this.#clients.get(target) === receiver) receiver.onPacket(client.key, packet.slice());
      });
    });
  }

  /** A client asked for a datagram to itself. */
  dialBack(token: Uint8Array, target: Endpoint): void {
    const bytes = encodeBindingIndication(token);
    this.#options.internet.send(this.#host, stunPort, target, bytes);
  }

  /** What its STUN server gives to who asks from there. */
  tokenFor(address: IpAddress): Uint8Array {
    return this.#tokens.issue(address, this.#options.now());
  }

  /** Its word on a token for an address. */
  checkAddress(address: IpAddress, token: Uint8Array): 'yes' | 'no' {
    this.questions++;
    return this.#tokens.confirms(address, token, this.#options.now()) ? 'yes' : 'no';
  }

  /** The relay's process ends: every connection closes. */
  stop(): void {
    this.up = false;
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    for (const client of clients) {
      this.#later(client.latencyMs, () => client.onClosed('connection-closed'));
    }
  }

  #count(source: NodeKey, target: NodeKey, disco: boolean): void {
    const key = `${source} ${target}`;
    const before = this.#frames.get(key) ?? { disco: 0, data: 0 };
    this.#frames.set(key, {
      disco: before.disco + (disco ? 1 : 0),
      data: before.data + (disco ? 0 : 1),
    });
  }

  #stun(port: number, source: Endpoint, bytes: Uint8Array): void {
    if (port !== stunPort || !this.stunUp) return;
    const at = { alternateAddress: false, alternatePort: false };
    const answer = answerFromSockets(bytes, source, this.#sockets, at);
    if (isFailure(answer)) return;
    this.#options.internet.send(this.#host, port, source, answer.reply.slice());
  }

  #later(ms: number, run: () => void): void {
    this.#options.heap.plan(after(this.#options.now(), ms), run);
  }
}
