/**
 * UDP towards one router: a socket for requests, and one that hears its announcements.
 *
 *     requests   bound to our address towards the router: answers come here, SSDP multicast leaves here
 *     announced  port 5350, in the group 224.0.0.1: a PCP or NAT-PMP server that restarts says so
 *
 * Bound to one address, a socket is heard by nobody on other networks of ours; what it may believe, core decides.
 */
import { createSocket, type Socket } from 'node:dgram';
import {
  type Endpoint,
  endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  parseAddress,
} from '@warren/core/ip/address';
import { isLinkLocal } from '@warren/core/ip/classes';
import { mappingClientPort } from '@warren/core/portmap/natpmp';
import type { Logger } from '@warren/shell/log';
import type { Gateway } from './default-gateways.js';

/** RFC 6886 section 3.2.1: all hosts of the link. */
const ANNOUNCEMENTS = '224.0.0.1';
/** UPnP Device Architecture 1.1 section 1.3.2: SSDP doesn't leave the site. */
const MULTICAST_TTL = 2;

export interface RouterSocketsOptions {
  readonly gateway: Gateway;
  readonly log: Logger;
  readonly onDatagram: (source: Endpoint, bytes: Uint8Array) => void;
}

export class RouterSockets {
  readonly gateway: Gateway;
  readonly #options: RouterSocketsOptions;
  readonly #sockets: Socket[] = [];
  readonly #ready: Promise<Socket | undefined>;

  constructor(options: RouterSocketsOptions) {
    this.#options = options;
    this.gateway = options.gateway;
    const { self, device } = options.gateway;
    const family = familyOf(self);
    const requests = this.#open(createSocket({ type: family === 4 ? 'udp4' : 'udp6' }));
    this.#ready = new Promise((resolve) => {
      requests.once('close', () => resolve(undefined));
      const address = isLinkLocal(self) && family === 6 ? `${self}%${device}` : self;
      requests.bind({ port: 0, address, exclusive: true }, () => {
        if (family === 4) {
          requests.setMulticastTTL(MULTICAST_TTL);
          requests.setMulticastInterface(self);
        }
        resolve(requests);
      });
    });
    if (family === 4) this.#hearAnnouncements();
  }

  send(target: Endpoint, bytes: Uint8Array): void {
    const address = endpointAddress(target);
    const isZoned = familyOf(address) === 6 && isLinkLocal(address);
    const host = isZoned ? `${address}%${this.gateway.device}` : address;
    void this.#ready.then((socket) => {
      // What can't be sent is lost like any datagram, and sent again.
      socket?.send(bytes, endpointPort(target), host, () => undefined);
    });
  }

  close(): void {
    for (const socket of this.#sockets.splice(0)) socket.close();
  }

  /** Another program may hear them too; without them restarts are noticed a minute later. */
  #hearAnnouncements(): void {
    const socket = this.#open(createSocket({ type: 'udp4', reuseAddr: true }));
    socket.bind({ port: mappingClientPort, address: ANNOUNCEMENTS }, () => {
      try {
        socket.addMembership(ANNOUNCEMENTS, this.gateway.self);
      } catch (error) {
        this.#options.log.debug('announcements of the router are not heard', { error });
      }
    });
  }

  #open(socket: Socket): Socket {
    this.#sockets.push(socket);
    let isOpen = true;
    socket.once('close', () => {
      isOpen = false;
    });
    socket.on('error', (error) => {
      this.#options.log.debug('router socket', { error });
      const at = this.#sockets.indexOf(socket);
      if (at >= 0) this.#sockets.splice(at, 1);
      if (isOpen) socket.close();
    });
    socket.on('message', (bytes, remote) => {
      const address = parseAddress(remote.address.replace(/%.*$/, ''));
      if (address !== undefined) this.#options.onDatagram(endpoint(address, remote.port), bytes);
    });
    return socket;
  }
}
