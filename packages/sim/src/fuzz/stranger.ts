/**
 * A stranger on the internet that hears everything and owns no key: it sends again what it heard, from its own
 * address or with a false source, whole or damaged, and makes messages of its own.
 */
import { assert } from '@warren/core/base/assert';
import { isFailure } from '@warren/core/base/failure';
import type { SeededRandom } from '@warren/core/base/seeded-random';
import { DiscoBox } from '@warren/core/disco/envelope';
import { encodeCallMeMaybe, encodePing, encodePong } from '@warren/core/disco/messages';
import { type Endpoint, endpoint, endpointAddress, familyOf } from '@warren/core/ip/address';
import { generatePrivateKey, publicKeyOf } from '@warren/core/keys/keys';
import type { Crypto } from '@warren/core/ports';
import { answerBindingRequest } from '@warren/core/stun/server';
import { type Datagram, DEFAULT_HOPS } from '../net/datagram.js';
import type { PublicPlug } from '../net/public-plug.js';
import type { SimWorld } from '../world/sim-world.js';
import { between, chance, pick } from './choose.js';

/** Datagrams it remembers. */
const HEARD_MAX = 64;
const NAME = 'stranger';
const PORT = 41_641;
const WIREGUARD_TYPES = [1, 2, 3, 4] as const;
const NOISE_BYTES_MAX = 200;

export class Stranger {
  readonly #world: SimWorld;
  readonly #crypto: Crypto;
  readonly #random: SeededRandom;
  readonly #plug: PublicPlug;
  readonly #heard: Datagram[] = [];
  readonly #tap: (datagram: Datagram) => void;
  #active = true;

  constructor(world: SimWorld, crypto: Crypto, random: SeededRandom, plug: PublicPlug) {
    this.#world = world;
    this.#crypto = crypto;
    this.#random = random;
    this.#plug = plug;
    this.#tap = (datagram) => this.#listen(datagram);
    world.internet.taps.add(this.#tap);
    this.#wait();
  }

  stop(): void {
    this.#active = false;
    this.#world.internet.taps.delete(this.#tap);
  }

  #listen(datagram: Datagram): void {
    if (datagram.origin === NAME) return;
    if (this.#heard.length < HEARD_MAX) this.#heard.push(datagram);
    else this.#heard[this.#random.below(HEARD_MAX)] = datagram;
  }

  #wait(): void {
    this.#world.clock.later(between(this.#random, 50, 2000), () => {
      if (!this.#active) return;
      this.#act();
      this.#wait();
    });
  }

  #act(): void {
    if (this.#heard.length === 0) return;
    const random = this.#random;
    const heard = pick(random, this.#heard);
    switch (random.below(6)) {
      case 0:
        this.#send(this.#own(), heard.target, heard.bytes);
        break;
      case 1:
        this.#send(this.#falseSource(heard), heard.target, this.#damaged(heard.bytes));
        break;
      case 2:
        this.#send(heard.source, heard.target, heard.bytes);
        break;
      case 3:
        this.#send(heard.target, heard.source, heard.bytes);
        break;
      case 4:
        this.#send(this.#falseSource(heard), heard.target, this.#made(heard));
        break;
      case 5:
        // Somebody else gets what was meant for another.
        this.#send(heard.source, pick(random, this.#heard).target, heard.bytes);
        break;
    }
  }

  /** A message of its own: disco under its own key, a STUN answer, something like WireGuard. */
  #made(heard: Datagram): Uint8Array {
    const random = this.#random;
    switch (random.below(3)) {
      case 0:
        return this.#disco();
      case 1: {
        const answer = answerBindingRequest(heard.bytes, this.#falseSource(heard));
        return isFailure(answer) ? this.#disco() : answer.slice();
      }
      default: {
        const bytes = random.fill(new Uint8Array(1 + random.below(NOISE_BYTES_MAX)));
        bytes[0] = pick(random, WIREGUARD_TYPES);
        bytes.fill(0, 1, 4);
        return bytes;
      }
    }
  }

  /** Well-formed and opened by its receiver, but of nobody in the network. */
  #disco(): Uint8Array {
    const random = this.#random;
    const crypto = this.#crypto;
    const peers = this.#world.nodes.flatMap((node) => [...(node.netmap?.peers.values() ?? [])]);
    const ownPrivateKey = generatePrivateKey('disco', random);
    const ownKey = publicKeyOf(crypto, 'disco', ownPrivateKey);
    const victim = peers[random.below(Math.max(1, peers.length))];
    if (victim?.discoKey === undefined) return new Uint8Array(1);
    const box = new DiscoBox({ crypto, random, ownKey, ownPrivateKey, peerKey: victim.discoKey });
    const transactionId = random.fill(new Uint8Array(12));
    const inner = pick(random, [
      encodePing(transactionId, pick(random, peers).key),
      encodePong(transactionId, this.#own()),
      encodeCallMeMaybe([this.#own()]),
    ]);
    const sealed = box.seal(inner);
    return isFailure(sealed) ? new Uint8Array(1) : sealed;
  }

  #damaged(bytes: Uint8Array): Uint8Array {
    const copy = bytes.slice(
      0,
      chance(this.#random, 0.3) ? this.#random.below(bytes.length + 1) : undefined,
    );
    if (copy.length > 0) {
      const at = this.#random.below(copy.length);
      copy[at] = (copy[at] ?? 0) ^ (1 << this.#random.below(8));
    }
    return copy;
  }

  #falseSource(heard: Datagram): Endpoint {
    return pick(this.#random, [this.#own(), heard.source, pick(this.#random, this.#heard).source]);
  }

  #own(): Endpoint {
    const [address] = this.#plug.addresses;
    assert(address !== undefined, 'a stranger has an address');
    return endpoint(address, PORT);
  }

  #send(source: Endpoint, target: Endpoint, bytes: Uint8Array): void {
    // A packet has one family.
    if (familyOf(endpointAddress(source)) !== familyOf(endpointAddress(target))) return;
    this.#world.internet.send(this.#plug.uplink, {
      source,
      target,
      bytes,
      hops: DEFAULT_HOPS,
      origin: NAME,
    });
  }
}
