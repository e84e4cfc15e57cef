/** A world in which an attacker speaks for one of a node's peers: it holds that peer's disco key. */
import { SeededRandom } from '../../base/seeded-random.js';
import { nobleCrypto } from '../../crypto/noble.js';
import { DiscoBox } from '../../disco/envelope.js';
import { encodePing } from '../../disco/messages.js';
import type { PingExtension } from '../../disco/ping-extension.js';
import type { Endpoint, IpAddress } from '../../ip/address.js';
import {
  type DiscoPrivateKey,
  generatePrivateKey,
  type NodeKey,
  publicKeyOf,
} from '../../keys/keys.js';
import type { Netmap } from '../../netmap/types.js';
import type { PathEngineOutput } from '../io.js';
import { easyNat, type NatBehaviour } from './nat.js';
import { World } from './world.js';
import type { WorldNode } from './world-node.js';

/** Somebody who has nothing to do with it. */
export const FAR = '203.0.113.200:41641' as Endpoint;

/** A node under attack, a good peer of it, and a peer whose disco key the attacker holds. */
export class Attack {
  readonly world = new World(5);
  readonly random = new SeededRandom(99);
  readonly victim: WorldNode;
  readonly good: WorldNode;
  readonly evil: WorldNode;
  readonly evilDisco: DiscoPrivateKey = generatePrivateKey('disco', this.random);
  readonly #boxes = new Map<DiscoPrivateKey, DiscoBox>();

  /** One relay doesn't tell what kind the victim's NAT is; two do. */
  constructor(victimNat: NatBehaviour = easyNat, relays: readonly number[] = [900]) {
    for (const regionId of relays) this.world.addRelay(regionId);
    this.victim = this.world.addNode('victim', { nat: victimNat });
    this.good = this.world.addNode('good');
    this.evil = this.world.addNode('evil');
    this.world.run(3000);
    this.world.controlUp = false;
    this.victim.setNetmap(this.netmap());
    this.world.run(100);
  }

  /** The victim's network map, with the attacker's disco key for the evil peer. */
  netmap(): Netmap {
    const netmap = this.world.netmapFor(this.victim);
    const peers = [...netmap.peers.values()].map((peer) =>
      peer.key === this.evil.key
        ? { ...peer, discoKey: publicKeyOf(nobleCrypto, 'disco', this.evilDisco) }
        : peer,
    );
    return { ...netmap, peers: new Map(peers.map((peer) => [peer.id, peer])) };
  }

  /** Seals to the victim with a disco key of the attacker's choice. */
  seal(inner: Uint8Array, from: DiscoPrivateKey = this.evilDisco): Uint8Array {
    let box = this.#boxes.get(from);
    if (box === undefined) {
      box = new DiscoBox({
        crypto: nobleCrypto,
        random: this.random,
        ownKey: publicKeyOf(nobleCrypto, 'disco', from),
        ownPrivateKey: from,
        peerKey: this.victim.discoKey,
      });
      this.#boxes.set(from, box);
    }
    const sealed = box.seal(inner);
    if (!(sealed instanceof Uint8Array)) throw new Error(sealed.reason);
    return sealed;
  }

  transactionId(): Uint8Array {
    return this.random.fill(new Uint8Array(12));
  }

  ping(extension?: PingExtension): Uint8Array {
    return encodePing(this.transactionId(), this.evil.key, extension);
  }

  /** Hands a datagram to the victim's engine and returns what came out. */
  udp(bytes: Uint8Array, source: Endpoint = FAR): PathEngineOutput[] {
    const { engine } = this.victim;
    const now = this.world.now;
    engine.handle(
      {
        type: 'up',
        message: { type: 'datagram', kind: 'disco', socketId: 1, source, bytes, receivedAt: now },
      },
      now,
    );
    return this.#drain();
  }

  relay(packet: Uint8Array, source: NodeKey): PathEngineOutput[] {
    const { engine } = this.victim;
    engine.handle({ type: 'relay-packet', regionId: 900, source, packet }, this.world.now);
    return this.#drain();
  }

  /** As {@link relay}, and the victim does what follows from it. */
  tell(inner: Uint8Array): void {
    const packet = this.seal(inner);
    this.victim.input({ type: 'relay-packet', regionId: 900, source: this.evil.key, packet });
  }

  /** A token for an address as the relay's STUN server gives it there. */
  tokenFor(address: IpAddress): Uint8Array {
    const relay = this.world.relays.get(900);
    if (relay === undefined) throw new Error('every attack has this relay');
    return relay.tokenFor(address);
  }

  /** Asked of the relay about tokens. */
  get questions(): number {
    return this.world.relays.get(900)?.questions ?? 0;
  }

  count(name: string): number {
    return this.victim.engine.status(this.world.now).counters[name] ?? 0;
  }

  #drain(): PathEngineOutput[] {
    const outputs: PathEngineOutput[] = [];
    const { engine } = this.victim;
    for (let out = engine.poll(); out !== undefined; out = engine.poll()) outputs.push(out);
    return outputs;
  }
}

/** UDP targets of everything sent. */
export function targets(outputs: readonly PathEngineOutput[]): Endpoint[] {
  return outputs.flatMap((output) =>
    output.type === 'down' && output.message.type === 'send' ? [output.message.remote] : [],
  );
}
