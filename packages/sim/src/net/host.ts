/** A host's IP stack, as far as the mesh needs it: UDP ports, and the cable that can be moved. */
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
} from '@warren/core/ip/address';
import type { Trace } from '../clock/trace.js';
import { type Datagram, DEFAULT_HOPS } from './datagram.js';
import type { Plug } from './plug.js';

/** `local` is the address that was asked: a server answers from there. */
export type UdpReceiver = (source: Endpoint, bytes: Uint8Array, local: Endpoint) => void;

export interface SendOptions {
  /** The source, where a server answers. */
  readonly from?: Endpoint;
  readonly hops?: number | undefined;
}

export class Host {
  readonly name: string;
  /** Hears of every datagram that arrives, before anybody else. */
  onArrival: ((datagram: Datagram) => void) | undefined;
  readonly #trace: Trace;
  /** By family and port, see {@link portKey}. */
  readonly #ports = new Map<number, UdpReceiver>();
  #plug: Plug | undefined;

  constructor(name: string, plug: Plug, trace: Trace) {
    this.name = name;
    this.#trace = trace;
    this.plugInto(plug);
  }

  /** Undefined: no cable. */
  get plug(): Plug | undefined {
    return this.#plug;
  }

  get addresses(): readonly IpAddress[] {
    return this.#plug?.addresses ?? [];
  }

  plugInto(plug: Plug | undefined): void {
    if (this.#plug !== undefined) this.#plug.receive = undefined;
    this.#plug = plug;
    if (plug !== undefined) plug.receive = (datagram) => this.#receive(datagram);
  }

  /** False: the port is taken. */
  bind(family: 4 | 6, port: number, receiver: UdpReceiver): boolean {
    const key = portKey(family, port);
    if (this.#ports.has(key)) return false;
    this.#ports.set(key, receiver);
    return true;
  }

  unbind(family: 4 | 6, port: number): void {
    this.#ports.delete(portKey(family, port));
  }

  /** Sends from a port. False: there is no route. */
  send(port: number, target: Endpoint, bytes: Uint8Array, options: SendOptions = {}): boolean {
    const { from, hops = DEFAULT_HOPS } = options;
    const plug = this.#plug;
    const family = familyOf(endpointAddress(target));
    const address = plug?.sourceFor(family);
    if (plug === undefined || address === undefined) return false;
    const source = from ?? endpoint(address, port);
    plug.send({ source, target, bytes, hops, origin: this.name });
    return true;
  }

  #receive(datagram: Datagram): void {
    const { source, target, bytes } = datagram;
    this.onArrival?.(datagram);
    const family = familyOf(endpointAddress(target));
    this.#trace.note('udp', this.name, source, target, bytes);
    this.#ports.get(portKey(family, endpointPort(target)))?.(source, bytes, target);
  }
}

function portKey(family: 4 | 6, port: number): number {
  return 65_536 * family + port;
}
