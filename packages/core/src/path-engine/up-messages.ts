/** What the PacketEngine tells, passed on to the parts that it concerns. */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import type { UpMessage } from '../engines/messages.js';
import type { DirectPath } from '../engines/paths.js';
import type { NodeKey } from '../keys/keys.js';
import type { Activity } from './activity.js';
import type { DiscoDesk } from './disco-desk.js';
import type { OwnNetwork } from './own-network.js';
import type { PeerDriver } from './peer-driver.js';
import type { Peers } from './peers.js';
import type { PortSearchDesk } from './port-search-desk.js';
import type { RelayLinks } from './relay-links.js';
import { isSocketDead, isUnreachable } from './send-errors.js';

export interface UpMessagesOptions {
  readonly counters: Counters;
  readonly activity: Activity;
  readonly network: OwnNetwork;
  readonly desk: DiscoDesk;
  readonly searches: PortSearchDesk;
  readonly links: RelayLinks;
  readonly peers: Peers;
  readonly driver: PeerDriver;
}

type Datagram = Extract<UpMessage, { type: 'datagram' }>;

export class UpMessages {
  readonly #options: UpMessagesOptions;

  constructor(options: UpMessagesOptions) {
    this.#options = options;
  }

  handle(message: UpMessage, now: Instant): void {
    const { activity, network, searches, links, peers, driver } = this.#options;
    switch (message.type) {
      case 'socket-open':
        if (searches.owns(message.socketId)) searches.up(message, now);
        else network.socketOpen(message.socketId, message.port, now);
        break;
      case 'socket-failed':
        if (searches.owns(message.socketId)) searches.up(message, now);
        else network.socketFailed(message.socketId, now);
        break;
      case 'datagram':
        this.#datagram(message, now);
        break;
      case 'relay-send':
        for (const { regionId, peer, bytes } of message.packets) {
          links.transmit(regionId, peer, bytes, now);
        }
        break;
      case 'handshake-done':
        activity.handshake(message.peer, message.at);
        break;
      case 'peer-active':
        this.#peerActive(message.peer, now);
        break;
      case 'authenticated': {
        const peer = peers.get(message.peer);
        if (peer !== undefined) {
          driver.drive(peer, { type: 'authenticated', path: message.path }, now);
        }
        break;
      }
      case 'roamed': {
        const peer = peers.get(message.peer);
        if (peer !== undefined) peers.roamed(peer, message.path, now);
        break;
      }
      case 'send-failed':
        this.#sendFailed(message, now);
        break;
      case 'counters':
        activity.counters(message.peers, message.totals);
        break;
    }
  }

  #datagram(message: Datagram, now: Instant): void {
    const { counters, network, desk, searches } = this.#options;
    const { kind, socketId, source, bytes, receivedAt } = message;
    if (kind === 'stun') {
      if (searches.owns(socketId)) searches.up(message, now);
      else network.stun(message, now);
    } else if (!network.first.areAllowed) {
      counters.add('disco-before-first-datagram');
    } else {
      desk.receive(bytes, { kind: 'direct', socketId, remote: source }, receivedAt, now);
    }
  }

  #peerActive(key: NodeKey, now: Instant): void {
    const { counters, activity, links, peers, driver } = this.#options;
    const peer = peers.get(key);
    if (peer === undefined) {
      counters.add('active-unknown-peer');
      return;
    }
    activity.sent(key, now);
    driver.drive(peer, { type: 'sent' }, now);
    // Data that takes the relay finds it dialled, or on the way, before its first packet comes up.
    const path = peer.machine?.path;
    if (path?.kind !== 'relay') return;
    links.use(path.regionId, now);
    // The peer's home may live again while another region stands in for it.
    if (peer.node.homeRegion !== undefined) links.use(peer.node.homeRegion, now);
  }

  #sendFailed(message: Extract<UpMessage, { type: 'send-failed' }>, now: Instant): void {
    const { counters, network, searches, driver } = this.#options;
    const { socketId, remote, reason } = message;
    counters.add('send-failed');
    if (isSocketDead(reason)) {
      if (searches.owns(socketId)) searches.up({ type: 'socket-failed', socketId, reason }, now);
      else network.socketFailed(socketId, now);
    } else if (isUnreachable(reason)) {
      const path: DirectPath = { kind: 'direct', socketId, remote };
      network.unreachable(remote, now);
      driver.driveAwake({ type: 'unreachable', path }, now);
    }
  }
}
