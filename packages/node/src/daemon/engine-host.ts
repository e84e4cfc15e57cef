/**
 * The PathEngine's shell: feeds it, carries its outputs out, arms its timer. Data plane, relay links and
 * name look-ups hang on it; control hears of endpoints through the events.
 */
import { lookup } from 'node:dns/promises';
import type { RegionId } from '@warren/core/engines/paths';
import { type IpAddress, parseAddress } from '@warren/core/ip/address';
import type { DiscoPrivateKey, NodeKey, NodePrivateKey } from '@warren/core/keys/keys';
import type { NetInfo, OwnEndpoint } from '@warren/core/netmap/own';
import type { RelayMap } from '@warren/core/netmap/types';
import type { PathChange, PathEngineInput, PingResult } from '@warren/core/path-engine/io';
import { PathEngine } from '@warren/core/path-engine/path-engine';
import type { Crypto, Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import { MachineTimer } from '@warren/shell/machine-timer';
import type { Plane } from '../plane/plane.js';
import { RelayLink } from '../relay/relay-link.js';

/** A busy data plane answers within a millisecond; status must answer even if it hangs. */
const COUNTERS_TIMEOUT_MS = 200;

export interface EngineHostOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly plane: Plane;
  readonly nodePrivateKey: NodePrivateKey;
  readonly discoPrivateKey: DiscoPrivateKey;
  readonly listenPort: number;
}

export interface EngineHostEvents {
  readonly onEndpoints: (endpoints: readonly OwnEndpoint[]) => void;
  readonly onNetInfo: (netInfo: NetInfo) => void;
  readonly onPathChanged: (change: PathChange) => void;
  readonly onRelayReady: (regionId: RegionId) => void;
  /** A relay connection failed or ended. */
  readonly onRelayTrouble: (regionId: RegionId, reason: string) => void;
}

export class EngineHost {
  readonly engine: PathEngine;

  readonly #options: EngineHostOptions;
  readonly #events: EngineHostEvents;
  readonly #timer: MachineTimer;
  readonly #links = new Map<RegionId, RelayLink>();
  readonly #pings = new Map<number, (result: PingResult) => void>();
  #relayMap: RelayMap = { regions: new Map() };
  readonly #countersWaiting: (() => void)[] = [];
  #nextPing = 1;
  #closed = false;

  constructor(options: EngineHostOptions, events: EngineHostEvents) {
    this.#options = options;
    this.#events = events;
    this.engine = new PathEngine(options, options.clock.now());
    this.#timer = new MachineTimer(this.engine, options.clock, () =>
      this.handle({ type: 'timeout' }),
    );
    this.#drain();
  }

  handle(input: PathEngineInput): void {
    if (this.#closed) return;
    if (input.type === 'netmap') this.#relayMap = input.netmap.relayMap;
    this.engine.handle(input, this.#options.clock.now());
    this.#drain();
    if (input.type === 'up' && input.message.type === 'counters') {
      for (const resolve of this.#countersWaiting.splice(0)) resolve();
    }
  }

  /** One ping of a person; resolves within the engine's 5 s. */
  ping(peer: NodeKey): Promise<PingResult> {
    const id = this.#nextPing++;
    return new Promise((resolve) => {
      this.#pings.set(id, resolve);
      this.handle({ type: 'ping', id, peer });
    });
  }

  /** Regions that are connected now, and those being dialled. */
  get relayLinkCount(): number {
    return this.#links.size;
  }

  /** Asks the data plane for its counters and waits for them, but not for long. */
  async refreshCounters(): Promise<void> {
    this.#options.plane.send({ type: 'report-counters' });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, COUNTERS_TIMEOUT_MS);
      this.#countersWaiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Takes back what the data plane was given: peers, sockets, relay connections. */
  close(): void {
    this.handle({ type: 'stop' });
    this.#closed = true;
    this.#timer.close();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    for (const resolve of this.#pings.values()) resolve({ outcome: 'lost', reason: 'no-path' });
    this.#pings.clear();
  }

  #drain(): void {
    for (;;) {
      const output = this.#closed ? undefined : this.engine.poll();
      if (output === undefined) break;
      switch (output.type) {
        case 'down':
          this.#options.plane.send(output.message);
          break;
        case 'relay-dial':
          this.#dial(output.regionId);
          break;
        case 'relay-hangup':
          this.#links.get(output.regionId)?.close();
          this.#links.delete(output.regionId);
          break;
        case 'relay-probe':
          this.#links.get(output.regionId)?.probe();
          break;
        case 'relay-prefer':
          this.#links.get(output.regionId)?.prefer(output.home);
          break;
        case 'relay-transmit':
          this.#links.get(output.regionId)?.send(output.peer, output.packet);
          break;
        case 'resolve':
          void this.#resolve(output.host);
          break;
        case 'endpoints':
          this.#events.onEndpoints(output.endpoints);
          break;
        case 'net-info':
          this.#events.onNetInfo(output.netInfo);
          break;
        case 'ping-result':
          this.#pings.get(output.id)?.(output.result);
          this.#pings.delete(output.id);
          break;
        case 'path-changed':
          this.#events.onPathChanged(output.change);
          break;
      }
    }
    this.#timer.rearm();
  }

  #dial(regionId: RegionId): void {
    this.#links.get(regionId)?.close();
    const region = this.#relayMap.regions.get(regionId);
    if (region === undefined) {
      queueMicrotask(() => this.#relayClosed(regionId, 'region-not-in-map'));
      return;
    }
    const link = new RelayLink(
      { ...this.#options, region },
      {
        onReady: () => {
          this.#events.onRelayReady(regionId);
          this.handle({ type: 'relay-connected', regionId });
        },
        onPacket: (source, packet) =>
          this.handle({ type: 'relay-packet', regionId, source, packet }),
        onPeerGone: (peer) => this.handle({ type: 'relay-peer-gone', regionId, peer }),
        onClosed: (reason) => {
          if (this.#links.get(regionId) === link) this.#links.delete(regionId);
          this.#relayClosed(regionId, reason);
        },
      },
    );
    this.#links.set(regionId, link);
  }

  #relayClosed(regionId: RegionId, reason: string): void {
    if (this.#closed) return;
    this.#events.onRelayTrouble(regionId, reason);
    this.handle({ type: 'relay-closed', regionId, reason });
  }

  async #resolve(host: string): Promise<void> {
    let addresses: IpAddress[] = [];
    try {
      const found = await lookup(host, { all: true });
      addresses = found.flatMap((entry) => parseAddress(entry.address) ?? []);
    } catch {
      // No address is an answer too: the engine asks again with the next report.
    }
    this.handle({ type: 'resolved', host, addresses });
  }
}
