/**
 * The inside of a router: its own addresses, the sockets in the wall, and networks that further routers have
 * behind theirs. Everybody within hears what is sent to a multicast group.
 */
import { assert } from '@warren/core/base/assert';
import {
  addressBytes,
  addressFromBytes,
  endpointAddress,
  type IpAddress,
} from '@warren/core/ip/address';
import { type Prefix, prefixAddress, prefixContains } from '@warren/core/ip/prefix';
import { cidr } from '../topology/literals.js';
import type { Datagram } from './datagram.js';
import type { Plug } from './plug.js';

const GROUPS = cidr('224.0.0.0/4');

/** The router's address in a prefix: the first. */
export function gatewayOf(prefix: Prefix): IpAddress {
  const bytes = addressBytes(prefixAddress(prefix));
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] ?? 0) | 1;
  return addressFromBytes(bytes);
}

export class Lan {
  /** The router's addresses here, one a family. */
  readonly gateways: readonly IpAddress[];
  readonly #prefixes: readonly Prefix[];
  readonly #plugs = new Map<IpAddress, Plug>();
  readonly #routed = new Map<Prefix, Plug>();
  /** Which targets are inside, as far as anybody has asked. */
  readonly #known = new Map<IpAddress, boolean>();

  constructor(prefixes: readonly Prefix[]) {
    this.#prefixes = prefixes;
    this.gateways = prefixes.map(gatewayOf);
  }

  /** `routed` are prefixes behind the plug. */
  add(plug: Plug, routed: readonly Prefix[]): void {
    for (const address of plug.addresses) {
      const isInside = this.#prefixes.some((prefix) => prefixContains(prefix, address));
      assert(isInside, `${address} is in the LAN`);
      this.#plugs.set(address, plug);
    }
    for (const prefix of routed) this.#routed.set(prefix, plug);
    this.#known.clear();
  }

  /** True when packets to this address don't leave by the router's outer side. */
  contains(address: IpAddress): boolean {
    let isInside = this.#known.get(address);
    if (isInside === undefined) {
      const inside = [GROUPS, ...this.#prefixes, ...this.#routed.keys()];
      isInside = inside.some((prefix) => prefixContains(prefix, address));
      if (this.#known.size >= KNOWN_MAX) this.#known.clear();
      this.#known.set(address, isInside);
    }
    return isInside;
  }

  /** True when a packet to this address is for the router itself. */
  isRouters(address: IpAddress): boolean {
    return this.gateways.includes(address) || isGroup(address);
  }

  /** The only plug that somebody is in. */
  get onlyPlug(): Plug | undefined {
    const inUse = [...this.#plugs.values()].filter(({ receive }) => receive !== undefined);
    const plugs = new Set(inUse);
    const [plug] = plugs;
    return plugs.size === 1 ? plug : undefined;
  }

  deliver(datagram: Datagram): void {
    const address = endpointAddress(datagram.target);
    if (isGroup(address)) for (const plug of this.#plugs.values()) plug.receive?.(datagram);
    else this.#owner(address)?.receive?.(datagram);
  }

  #owner(address: IpAddress): Plug | undefined {
    const plug = this.#plugs.get(address);
    if (plug !== undefined) return plug;
    for (const [prefix, router] of this.#routed) if (prefixContains(prefix, address)) return router;
    return undefined;
  }
}

/** Targets that are remembered: more than the peers of any world. */
const KNOWN_MAX = 1000;

function isGroup(address: IpAddress): boolean {
  return prefixContains(GROUPS, address);
}
