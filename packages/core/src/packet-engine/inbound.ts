/**
 * From a datagram to the operating system.
 *
 *     UDP datagram -- classify --+-- disco, STUN: copied up
 *     relay packet --------------+-- WireGuard:
 *        initiation -> response back         response -> what waits goes out
 *        transport  -> opened in place -> inner header -> source belongs to this peer? -> filter -> TUN
 *
 * Whatever arrives is either handled or counted by reason; nothing that is not authenticated leaves a trace
 * in memory.
 */
import { assert } from '../base/assert.js';
import type { Counters } from '../base/counters.js';
import { isFailure } from '../base/failure.js';
import type { Instant } from '../base/instant.js';
import { classifyDatagram } from '../disco/classify.js';
import type { RelayPacket } from '../engines/messages.js';
import type { DirectPath, Path, RegionId, RelayPath, SocketId } from '../engines/paths.js';
import type { PacketFilter } from '../filter/packet-filter.js';
import type { Endpoint } from '../ip/address.js';
import type { NodeKey } from '../keys/keys.js';
import { VIA_SHRINK_BYTES, type ViaTranslator } from '../via/via-translator.js';
import type { Device } from '../wireguard/device.js';
import type { HandshakeOrigin } from '../wireguard/handshake-gate.js';
import {
  MESSAGE,
  messageTypeOf,
  readUint32,
  TRANSPORT_AT,
  TRANSPORT_HEADER_BYTES,
} from '../wireguard/messages.js';
import type { Peer } from '../wireguard/peer.js';
import type { DatagramBatch } from './datagram-batch.js';
import { IPV4_SOURCE_AT, IPV6_SOURCE_AT, ipPacketLength, ipVersionOf } from './ip-packet.js';
import { MAX_KNOWN_SOURCES } from './limits.js';
import type { TunSink } from './packet-ports.js';
import type { PeerEntry, PeerTable } from './peer-table.js';
import type { Transmitter } from './transmitter.js';
import type { UpReporter } from './up-reporter.js';

/** `sender` is who the relay says it is. */
function originOf(path: Path, sender: NodeKey | undefined): HandshakeOrigin {
  if (path.kind === 'direct') return path;
  assert(sender !== undefined, 'relays name the sender');
  return { kind: 'relay', sender };
}

export class Inbound {
  readonly #device: Device<PeerEntry>;
  readonly #peers: PeerTable;
  readonly #filter: PacketFilter;
  readonly #via: ViaTranslator;
  readonly #tun: TunSink;
  readonly #transmitter: Transmitter;
  readonly #reporter: UpReporter;
  readonly #counters: Counters;
  readonly #sources = new Map<Endpoint, DirectPath>();
  readonly #regions = new Map<RegionId, RelayPath>();

  constructor(
    device: Device<PeerEntry>,
    peers: PeerTable,
    filter: PacketFilter,
    via: ViaTranslator,
    tun: TunSink,
    transmitter: Transmitter,
    reporter: UpReporter,
    counters: Counters,
  ) {
    this.#device = device;
    this.#peers = peers;
    this.#filter = filter;
    this.#via = via;
    this.#tun = tun;
    this.#transmitter = transmitter;
    this.#reporter = reporter;
    this.#counters = counters;
  }

  /** Everything read from one socket at once. */
  handleDatagrams(socketId: SocketId, batch: DatagramBatch, now: Instant): void {
    const { memory, offsets, lengths, sources, count } = batch;
    for (let i = 0; i < count; i++) {
      const source = sources[i];
      assert(source !== undefined, 'every datagram has a source');
      const at = offsets[i] ?? 0;
      const length = lengths[i] ?? 0;
      const kind = classifyDatagram(memory, at, length);
      if (kind === 'wireguard') {
        this.#handleWireGuard(
          memory,
          at,
          length,
          this.#directPath(socketId, source),
          undefined,
          now,
        );
      } else if (kind === 'disco' || kind === 'stun') {
        const bytes = memory.subarray(at, at + length);
        this.#reporter.datagram(kind, socketId, source, bytes, now);
      } else {
        this.#counters.add(kind === 'geneve' ? 'udp-geneve' : 'udp-noise');
      }
    }
  }

  /** Packets that came over relays; a relay vouches for who sent them. */
  handleRelayed(packets: readonly RelayPacket[], now: Instant): void {
    for (const { peer, regionId, bytes } of packets) {
      this.#handleWireGuard(bytes, 0, bytes.length, this.#relayPath(regionId), peer, now);
    }
  }

  /** `sender` is who the relay says it is; undefined for UDP, where nobody says. */
  #handleWireGuard(
    memory: Uint8Array,
    at: number,
    length: number,
    path: Path,
    sender: NodeKey | undefined,
    now: Instant,
  ): void {
    const type = messageTypeOf(memory, at, length);
    if (isFailure(type)) {
      this.#counters.add(type.reason);
      return;
    }
    switch (type) {
      case MESSAGE.transport:
        this.#handleTransport(memory, at, length, path, sender, now);
        break;
      case MESSAGE.initiation:
        this.#handleInitiation(memory, at, path, originOf(path, sender), now);
        break;
      case MESSAGE.response:
        this.#handleResponse(memory, at, path, originOf(path, sender), now);
        break;
      case MESSAGE.cookieReply:
        this.#handleCookieReply(memory, at, now);
        break;
    }
  }

  #handleInitiation(
    memory: Uint8Array,
    at: number,
    path: Path,
    origin: HandshakeOrigin,
    now: Instant,
  ): void {
    const accepted = this.#device.receiveInitiation(memory, at, origin, now);
    if (isFailure(accepted)) {
      this.#counters.add(accepted.reason);
      return;
    }
    if ('cookieReply' in accepted) {
      this.#counters.add('initiation-without-cookie');
      assert(path.kind === 'direct', 'nobody is asked for a cookie over a relay');
      this.#transmitter.reply(path, accepted.cookieReply);
      return;
    }
    const { peer, response } = accepted;
    peer.host.cameBy(path, now);
    peer.host.answer(response, path);
  }

  #handleResponse(
    memory: Uint8Array,
    at: number,
    path: Path,
    origin: HandshakeOrigin,
    now: Instant,
  ): void {
    const peer = this.#device.receiveResponse(memory, at, origin, now);
    if (isFailure(peer)) {
      this.#counters.add(peer.reason);
      return;
    }
    peer.host.cameBy(path, now);
    this.#reporter.handshakeDone(peer.key, path, now);
    peer.confirmSession(now);
  }

  #handleCookieReply(memory: Uint8Array, at: number, now: Instant): void {
    const refused = this.#device.receiveCookieReply(memory, at, now);
    this.#counters.add(refused?.reason ?? 'cookie-accepted');
  }

  #handleTransport(
    memory: Uint8Array,
    at: number,
    length: number,
    path: Path,
    sender: NodeKey | undefined,
    now: Instant,
  ): void {
    const entry = this.#device.findKeys(readUint32(memory, at + TRANSPORT_AT.receiver));
    if (entry?.keypair === undefined) {
      this.#counters.add('transport-unknown-index');
      return;
    }
    const { owner: peer, keypair } = entry;
    if (sender !== undefined && sender !== peer.key) {
      this.#counters.add('transport-sender-differs');
      return;
    }
    const opened = keypair.openInto(memory, at, length, now);
    if (isFailure(opened)) {
      this.#counters.add(opened.reason);
      const isCopy = opened.reason === 'transport-replayed' && this.#isCopyOfUse(peer, path, now);
      if (isCopy && keypair.isGenuine(memory, at, length)) {
        this.#reporter.authenticated(peer.key, peer.host.reports, path, now);
      }
      return;
    }
    peer.host.cameBy(path, now);
    const wasConfirmed = peer.received(keypair, opened, now);
    if (wasConfirmed) this.#reporter.handshakeDone(peer.key, path, now);
    this.#reporter.authenticated(peer.key, peer.host.reports, path, now);
    if (opened > 0) this.#deliver(peer, memory, at + TRANSPORT_HEADER_BYTES, opened, now);
  }

  /**
   * Whether a packet that we have already is worth opening. With two paths in use every packet comes twice,
   * and the later copy is all that the slower path ever shows; once a second is enough.
   */
  #isCopyOfUse(peer: Peer<PeerEntry>, path: Path, now: Instant): boolean {
    const { host } = peer;
    return host.sendsOn(path) && this.#reporter.isAuthenticatedDue(host.reports, path, now);
  }

  /** Gives an inner packet to the operating system if its source is the peer's and the filter lets it in. */
  #deliver(
    peer: Peer<PeerEntry>,
    memory: Uint8Array,
    at: number,
    available: number,
    now: Instant,
  ): void {
    const length = ipPacketLength(memory, at, available);
    if (isFailure(length)) {
      this.#counters.add(`inner-${length.reason}`);
      return;
    }
    const { byAddress } = this.#peers;
    const owner =
      ipVersionOf(memory, at) === 4
        ? byAddress.lookupV4(memory, at + IPV4_SOURCE_AT)
        : byAddress.lookupV6(memory, at + IPV6_SOURCE_AT);
    if (owner !== peer) {
      this.#counters.add('inner-source-not-allowed');
      return;
    }
    peer.host.rxBytes += length;
    const drop = this.#filter.inbound(memory, at, length, now, peer.host.isJailed);
    if (drop !== undefined) {
      this.#counters.add(drop);
      return;
    }
    const via = this.#via;
    if (via.isOn && ipVersionOf(memory, at) === 6 && via.isForUs(memory, at)) {
      const translated = via.toIpv4(memory, at, length, now);
      if (translated > 0) this.#tun.write(memory, at + VIA_SHRINK_BYTES, translated);
      return;
    }
    this.#tun.write(memory, at, length);
  }

  #directPath(socketId: SocketId, remote: Endpoint): DirectPath {
    const known = this.#sources.get(remote);
    if (known?.socketId === socketId) return known;
    if (this.#sources.size >= MAX_KNOWN_SOURCES) this.#sources.clear();
    const path: DirectPath = { kind: 'direct', socketId, remote };
    this.#sources.set(remote, path);
    return path;
  }

  #relayPath(regionId: RegionId): RelayPath {
    let path = this.#regions.get(regionId);
    if (path === undefined) {
      path = { kind: 'relay', regionId };
      this.#regions.set(regionId, path);
    }
    return path;
  }
}
