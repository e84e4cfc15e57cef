/**
 * The PacketEngine's peers: WireGuard's peer, where its packets go, and which addresses are its own.
 *
 * An address belongs to one peer: the longest prefix decides, and a prefix given to a second peer moves.
 */
import type { Counters } from '../base/counters.js';
import type { Instant } from '../base/instant.js';
import { type Path, samePath } from '../engines/paths.js';
import type { Prefix } from '../ip/prefix.js';
import { PrefixTable } from '../ip/prefix-table.js';
import type { NodeKey } from '../keys/keys.js';
import type { Device } from '../wireguard/device.js';
import type { PeerHost } from '../wireguard/initiator.js';
import type { Peer } from '../wireguard/peer.js';
import { MAX_PEERS, ROAM_INTERVAL_MS } from './limits.js';
import type { Transmitter } from './transmitter.js';
import { PeerReports, type UpReporter } from './up-reporter.js';

/** One peer with its paths. Carries what WireGuard's peer wants to send. */
export class PeerEntry implements PeerHost {
  readonly key: NodeKey;
  readonly reports = new PeerReports();
  allowedIps: readonly Prefix[] = [];
  followsSource = false;
  isJailed = false;
  /** Bytes of IP packets in and out. */
  rxBytes = 0;
  txBytes = 0;
  readonly #transmitter: Transmitter;
  readonly #reporter: UpReporter;
  #paths: readonly Path[] = [];
  #roamedAt = Number.NEGATIVE_INFINITY;

  constructor(key: NodeKey, transmitter: Transmitter, reporter: UpReporter) {
    this.key = key;
    this.#transmitter = transmitter;
    this.#reporter = reporter;
  }

  get canSend(): boolean {
    return this.#paths.length > 0;
  }

  send(memory: Uint8Array, at: number, length: number): void {
    for (const path of this.#paths) this.#transmitter.send(this.key, path, memory, at, length);
  }

  wantsToSend(now: Instant): void {
    this.#reporter.peerActive(this.key, this.reports, now);
  }

  /** Sends a handshake response: where packets go, or, while that is nowhere, back along `cameBy`. */
  answer(message: Uint8Array, cameBy: Path): void {
    if (this.canSend) this.send(message, 0, message.length);
    else this.#transmitter.send(this.key, cameBy, message, 0, message.length);
  }

  /** True when `path` is one that we send on. */
  sendsOn(path: Path): boolean {
    for (const own of this.#paths) if (samePath(own, path)) return true;
    return false;
  }

  /** Replaces the paths; true when one is new. */
  setPaths(paths: readonly Path[]): boolean {
    const added = paths.some((path) => !this.sendsOn(path));
    this.#paths = paths;
    return added;
  }

  /** A packet of this peer was authenticated on `path`: the way of a plain WireGuard peer follows it. */
  cameBy(path: Path, now: Instant): void {
    if (!this.followsSource || path.kind !== 'direct' || this.sendsOn(path)) return;
    if (now - this.#roamedAt < ROAM_INTERVAL_MS) return;
    this.#roamedAt = now;
    this.#paths = [path];
    this.#reporter.roamed(this.key, path);
  }
}

/** A peer's settings as `set-peer` gives them. */
export interface PeerSettings {
  readonly allowedIps: readonly Prefix[];
  readonly keepaliveMs: number;
  readonly followsSource: boolean;
  readonly isJailed?: true;
}

export class PeerTable {
  readonly byAddress = new PrefixTable<Peer<PeerEntry>>();
  readonly #device: Device<PeerEntry>;
  readonly #transmitter: Transmitter;
  readonly #reporter: UpReporter;
  readonly #counters: Counters;

  constructor(
    device: Device<PeerEntry>,
    transmitter: Transmitter,
    reporter: UpReporter,
    counters: Counters,
  ) {
    this.#device = device;
    this.#transmitter = transmitter;
    this.#reporter = reporter;
    this.#counters = counters;
  }

  /** Adds a peer or changes its settings; keys and paths survive. */
  set(key: NodeKey, settings: PeerSettings, now: Instant): void {
    const peer = this.#device.peer(key) ?? this.#add(key);
    if (peer === undefined) return;
    peer.host.followsSource = settings.followsSource;
    if (!settings.followsSource) peer.doubtFirstKeys();
    peer.host.isJailed = settings.isJailed === true;
    this.#setAllowedIps(peer, settings.allowedIps);
    peer.setPersistentKeepalive(settings.keepaliveMs, now);
  }

  remove(key: NodeKey): void {
    const peer = this.#device.peer(key);
    if (peer === undefined) return;
    this.byAddress.removeValue(peer);
    this.#device.removePeer(key);
  }

  #add(key: NodeKey): Peer<PeerEntry> | undefined {
    if (this.#device.peerCount >= MAX_PEERS) {
      this.#counters.add('too-many-peers');
      return undefined;
    }
    const entry = new PeerEntry(key, this.#transmitter, this.#reporter);
    return this.#device.addPeer(key, entry);
  }

  #setAllowedIps(peer: Peer<PeerEntry>, allowedIps: readonly Prefix[]): void {
    const before = peer.host.allowedIps;
    // The same list again must not take back a prefix that was given to another peer since.
    if (before.length === allowedIps.length && before.every((old, i) => old === allowedIps[i]))
      return;
    this.byAddress.removeValue(peer);
    for (const prefix of allowedIps) this.byAddress.insert(prefix, peer);
    peer.host.allowedIps = allowedIps;
  }
}
