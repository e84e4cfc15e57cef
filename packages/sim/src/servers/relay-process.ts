/** A relay and its STUN server on one host, as `warren relay` runs them; its process can be restarted. */
import { assert } from '@warren/core/base/assert';
import { isFailure } from '@warren/core/base/failure';
import type { SeededRandom } from '@warren/core/base/seeded-random';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
} from '@warren/core/ip/address';
import { generatePrivateKey, type NodeKey, type RelayPrivateKey } from '@warren/core/keys/keys';
import type { WireRegion } from '@warren/core/netmap/wire';
import type { Crypto } from '@warren/core/ports';
import type { RelayConnectionId, RelayServerInput, RelayServerOutput } from '@warren/core/relay/io';
import { RelayServer } from '@warren/core/relay/server';
import { AddressTokens } from '@warren/core/stun/address-tokens';
import { encodeBindingIndication } from '@warren/core/stun/indication';
import { answerFromSockets, type ServerSockets } from '@warren/core/stun/server';
import { MachineTimer } from '../clock/machine-timer.js';
import type { Host } from '../net/host.js';
import { type StreamEnd, StreamServer, type StreamWorld } from '../net/stream.js';

export const STUN_PORT = 3478;
/** Nodes' own ports never send there, so what comes from it comes unasked. */
const ALTERNATE_STUN_PORT = 3479;
const RELAY_PORT = 443;

export interface RelayProcessOptions {
  readonly world: StreamWorld;
  readonly host: Host;
  readonly crypto: Crypto;
  readonly random: SeededRandom;
  readonly regionId: number;
  /** Undefined: everybody. */
  readonly admit: ((key: NodeKey) => boolean) | undefined;
}

export class RelayProcess {
  readonly regionId: number;
  readonly host: Host;
  readonly streams: StreamServer<Uint8Array, Uint8Array>;
  readonly #options: RelayProcessOptions;
  readonly #privateKey: RelayPrivateKey;
  #server: RelayServer | undefined;
  /** Of the process: a restart ends all that it gave. */
  #addressTokens: AddressTokens | undefined;
  #timer: MachineTimer | undefined;
  readonly #ends = new Map<RelayConnectionId, StreamEnd<Uint8Array, Uint8Array>>();
  #nextId: RelayConnectionId = 1;
  #polling = false;
  /** Data frames between two keys in processes that have ended. */
  readonly #earlierFrames = new Map<string, number>();

  constructor(options: RelayProcessOptions) {
    const { host, random, regionId } = options;
    this.#options = options;
    this.regionId = regionId;
    this.host = host;
    this.#privateKey = generatePrivateKey('relay', random);
    this.streams = new StreamServer(host, `relay-${regionId}`);
  }

  get server(): RelayServer | undefined {
    return this.#server;
  }

  /** The region as the relay map names it. */
  get region(): WireRegion {
    const [hostName = ''] = this.host.addresses;
    const [, otherV4] = this.host.addresses.filter((address) => familyOf(address) === 4);
    const literal = (family: 4 | 6): string =>
      this.host.addresses.find((address) => familyOf(address) === family) ?? 'none';
    return {
      RegionID: this.regionId,
      RegionCode: this.host.name,
      RegionName: this.host.name,
      Nodes: [
        {
          Name: `${this.regionId}a`,
          RegionID: this.regionId,
          HostName: hostName,
          IPv4: literal(4),
          IPv6: literal(6),
          STUNPort: STUN_PORT,
          DERPPort: RELAY_PORT,
          WarrenDialBack: true,
          WarrenStunAlternatePort: ALTERNATE_STUN_PORT,
          ...(otherV4 === undefined ? {} : { WarrenStunAlternateIPv4: otherV4 }),
        },
      ],
    };
  }

  start(): void {
    const { world, crypto, random, admit, host } = this.#options;
    const forServer = random.fork();
    const addressTokens = new AddressTokens(crypto, random.fork());
    const server = new RelayServer({
      crypto,
      addressTokens,
      random: forServer,
      privateKey: this.#privateKey,
      admit,
      dialsBack: true,
    });
    this.#server = server;
    this.#addressTokens = addressTokens;
    this.#timer = new MachineTimer(server, world.clock, () => this.#handle({ type: 'timeout' }));
    this.streams.start((end, source) => this.#accept(end, source));
    for (const family of [4, 6] as const) {
      for (const port of [STUN_PORT, ALTERNATE_STUN_PORT]) {
        host.bind(family, port, (source, bytes, local) => this.#answer(source, bytes, local));
      }
    }
  }

  /** The process ends without a word of its own; the system closes its sockets. */
  stop(): void {
    if (this.#server === undefined) return;
    for (const { source, target, dataFrames } of this.#server.pairCounters()) {
      const key = `${source} ${target}`;
      this.#earlierFrames.set(key, (this.#earlierFrames.get(key) ?? 0) + dataFrames);
    }
    this.#server = undefined;
    this.#timer?.close();
    this.#ends.clear();
    this.streams.stop();
    for (const family of [4, 6] as const) {
      for (const port of [STUN_PORT, ALTERNATE_STUN_PORT]) this.host.unbind(family, port);
    }
  }

  recheckAdmission(): void {
    this.#server?.recheckAdmission(this.#options.world.clock.now);
    this.#poll();
  }

  /** Data frames (not disco) that crossed from one key to the other and back. */
  dataFrames(a: NodeKey, b: NodeKey): number {
    const earlier = this.#earlierFrames;
    let frames = (earlier.get(`${a} ${b}`) ?? 0) + (earlier.get(`${b} ${a}`) ?? 0);
    for (const { source, target, dataFrames } of this.#server?.pairCounters() ?? []) {
      if ((source === a && target === b) || (source === b && target === a)) frames += dataFrames;
    }
    return frames;
  }

  readonly #tokenFor = (address: IpAddress): Uint8Array => {
    assert(this.#addressTokens !== undefined, 'a server that answers was started');
    return this.#addressTokens.issue(address, this.#options.world.clock.now);
  };

  /** A STUN request reached `local`; the answer leaves from there or from where it asks for. */
  #answer(source: Endpoint, bytes: Uint8Array, local: Endpoint): void {
    const { host } = this;
    const own = host.addresses.filter(
      (address) => familyOf(address) === familyOf(endpointAddress(local)),
    );
    const [first, other] = own;
    const sockets: ServerSockets = {
      port: STUN_PORT,
      alternatePort: ALTERNATE_STUN_PORT,
      addresses: first === undefined ? [] : [first],
      alternateAddresses: other === undefined ? [] : [other],
      tokenFor: this.#tokenFor,
    };
    const at = {
      alternateAddress: endpointAddress(local) === other,
      alternatePort: endpointPort(local) === ALTERNATE_STUN_PORT,
    };
    const placed = answerFromSockets(bytes, source, sockets, at);
    if (isFailure(placed)) return;
    const { from, reply } = placed;
    const address = (from.alternateAddress ? other : first) ?? endpointAddress(local);
    const port = from.alternatePort ? ALTERNATE_STUN_PORT : STUN_PORT;
    host.send(port, source, reply.slice(), { from: endpoint(address, port) });
  }

  #accept(end: StreamEnd<Uint8Array, Uint8Array>, source: IpAddress): void {
    const connection = this.#nextId++;
    const server = this.#server;
    this.#ends.set(connection, end);
    const isOurs = (): boolean => this.#server === server;
    end.events = {
      onMessage: (bytes) => {
        if (isOurs()) this.#handle({ type: 'bytes', connection, bytes });
      },
      onClosed: () => {
        this.#ends.delete(connection);
        if (isOurs()) this.#handle({ type: 'closed', connection });
      },
    };
    this.#handle({ type: 'accept', connection, source });
  }

  /** A datagram that nobody asked the node's firewalls for. */
  #dialBack({
    connection,
    token,
    target,
    fromAlternate,
  }: RelayServerOutput & { readonly type: 'dial-back' }): void {
    const server = this.#server;
    const port = fromAlternate ? ALTERNATE_STUN_PORT : STUN_PORT;
    const sent = this.host.send(port, target, encodeBindingIndication(token).slice());
    this.#options.world.clock.later(0, () => {
      if (this.#server !== server) return;
      this.#handle({ type: 'dialled-back', connection, token, target, sent });
    });
  }

  #handle(input: RelayServerInput): void {
    this.#server?.handle(input, this.#options.world.clock.now);
    this.#poll();
  }

  #poll(): void {
    if (this.#polling || this.#server === undefined) return;
    const server = this.#server;
    this.#polling = true;
    for (let output = server.poll(); output !== undefined; output = server.poll()) {
      const { connection } = output;
      if (output.type === 'dial-back') {
        this.#dialBack(output);
        continue;
      }
      const end = this.#ends.get(connection);
      if (end === undefined) continue;
      if (output.type === 'close') {
        this.#ends.delete(connection);
        end.close();
        continue;
      }
      end.write(output.bytes, output.bytes.length, () => {
        if (this.#server === server) this.#handle({ type: 'drained', connection });
      });
    }
    this.#polling = false;
    this.#timer?.rearm();
  }
}
