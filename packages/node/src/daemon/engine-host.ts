/**
 * The PathEngine's shell: feeds it, carries its outputs out, arms its timer. Data plane, relay links and
 * name look-ups hang on it; control hears of endpoints through the events.
 */
import { lookup } from 'node:dns/promises';
import { Counters } from '@warren/core/base/counters';
import type { Instant } from '@warren/core/base/instant';
import type { UpMessage } from '@warren/core/engines/messages';
import type { RegionId, SocketId } from '@warren/core/engines/paths';
import { type Endpoint, type IpAddress, parseAddress } from '@warren/core/ip/address';
import type { DiscoPrivateKey, NodeKey, NodePrivateKey } from '@warren/core/keys/keys';
import type { NetworkSummary } from '@warren/core/netcheck/summary';
import type { NatDescription } from '@warren/core/netmap/nat-description';
import type { NetInfo, OwnEndpoint } from '@warren/core/netmap/own';
import type { RelayMap } from '@warren/core/netmap/types';
import type {
  PathChange,
  PathEngineInput,
  PathEngineOutput,
  PathEngineStatus,
  PingResult,
  RelayStatus,
} from '@warren/core/path-engine/io';
import { PathEngine } from '@warren/core/path-engine/path-engine';
import { searchSocketsFrom } from '@warren/core/paths/running-attempts';
import type { Crypto, Random } from '@warren/core/ports';
import type { AttemptsEvidence } from '@warren/core/why/evidence';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import { MachineTimer } from '@warren/shell/machine-timer';
import { HttpProber } from '../netcheck/http-prober.js';
import type { Plane } from '../plane/plane.js';
import type { PortMapHost } from '../portmap/port-map-host.js';
import { RelayLink } from '../relay/relay-link.js';
import type { NetworkFile } from './network-file.js';
import type { PortUse } from './port-use.js';

/** A busy data plane answers within a millisecond; status must answer even if it hangs. */
const COUNTERS_TIMEOUT_MS = 200;

/** A check takes 5 s, may follow one that runs, and waits for dial-backs at the start. */
const NETCHECK_MS = 13_000;
/** What takes long, for people who wait. */
const PROBE_PROGRESS = {
  'https-probe': 'no STUN server answers: measuring relays over HTTPS',
  'captive-probe': 'looking for a captive portal',
  'cancel-probes': undefined,
} as const;

interface NetcheckWaiter {
  readonly resolve: (summary: NetworkSummary | undefined) => void;
  readonly onProgress: (message: string) => void;
  readonly timer: NodeJS.Timeout;
}

const NO_PATH: PingResult = { outcome: 'lost', reason: 'no-path' };

export interface EngineHostOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  readonly plane: Pick<Plane, 'send' | 'counters'>;
  readonly nodePrivateKey: NodePrivateKey;
  readonly discoPrivateKey: DiscoPrivateKey;
  readonly listenPort: number;
  /** Told to peers beside what is found. */
  readonly staticEndpoints?: readonly Endpoint[];
  /** False: ports of hard NATs are neither foretold nor guessed. */
  readonly hardNats?: boolean | undefined;
  /** Asks routers to forward our ports; absent: nobody does. Its answers come as `port-map`. */
  readonly portMap?: Pick<PortMapHost, 'want' | 'verified' | 'probe'> | undefined;
  /** What is known of our ports; absent: relays aren't asked to dial back. */
  readonly portUse?: Pick<PortUse, 'earlierUses' | 'opened' | 'dialledBack' | 'closed'>;
  /** Absent: what is learnt of networks ends with the engine. */
  readonly networkFile?: Pick<NetworkFile, 'networks' | 'keep'>;
}

export interface EngineHostEvents {
  readonly onEndpoints: (endpoints: readonly OwnEndpoint[]) => void;
  readonly onNetInfo: (netInfo: NetInfo) => void;
  readonly onPathChanged: (change: PathChange) => void;
  /** A relay has just been reached. */
  readonly onRelayReady: () => void;
}

export class EngineHost {
  readonly #options: EngineHostOptions;
  readonly #events: EngineHostEvents;
  readonly #engine: PathEngine;
  readonly #timer: MachineTimer;
  readonly #links = new Map<RegionId, RelayLink>();
  /** Why a region's last connection ended or did not come about; cleared when one stands. */
  readonly #relayTroubles = new Map<RegionId, string>();
  /** What relay links dropped. */
  readonly #counters = new Counters();
  readonly #pings = new Map<number, (result: PingResult) => void>();
  readonly #netchecks = new Map<number, NetcheckWaiter>();
  readonly #prober = new HttpProber((result) => this.handle(result));
  readonly #resolving = new Set<string>();
  /** Bounded by what the engine opens. */
  readonly #openSockets = new Set<SocketId>();
  readonly #countersWaiting = new Set<() => void>();
  #relayMap: RelayMap = { regions: new Map() };
  #nextPing = 1;
  #isMeasured = false;
  #draining = false;
  #closed = false;

  constructor(options: EngineHostOptions, events: EngineHostEvents) {
    this.#options = options;
    this.#events = events;
    const earlierUses = options.portUse?.earlierUses();
    const networks = options.networkFile?.networks;
    this.#engine = new PathEngine({ ...options, earlierUses, networks }, options.clock.now());
    this.#timer = new MachineTimer(this.#engine, options.clock, () =>
      this.handle({ type: 'timeout' }),
    );
    this.#drain();
  }

  /** A UDP socket is open. */
  get hasUdp(): boolean {
    return !this.#closed && this.#openSockets.size > 0;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  handle(input: PathEngineInput): void {
    if (this.#closed) return;
    if (input.type === 'netmap') this.#relayMap = input.netmap.relayMap;
    this.#engine.handle(input, this.#options.clock.now());
    // Outputs may come back here (a relay's packet is answered over it): the loop that runs goes on with them.
    if (!this.#draining) this.#drain();
  }

  /** What the data plane told in one turn. */
  handleUps(messages: readonly UpMessage[]): void {
    if (this.#closed) return;
    for (const message of messages) {
      this.#noteSocket(message);
      this.#engine.handle({ type: 'up', message }, this.#options.clock.now());
    }
    if (!this.#draining) this.#drain();
    if (messages.some(({ type }) => type === 'counters')) {
      for (const done of this.#countersWaiting) done();
    }
  }

  /** Ports of a search come and go by the hundred: they are nobody's evidence, and no sign of UDP. */
  #noteSocket(message: UpMessage): void {
    if (!('socketId' in message) || message.socketId >= searchSocketsFrom) return;
    if (message.type === 'socket-open') {
      this.#options.portUse?.opened(message.port);
      this.#openSockets.add(message.socketId);
    } else if (message.type === 'socket-failed') {
      this.#openSockets.delete(message.socketId);
    }
  }

  /** The engine's state; its counters hold everything dropped between here and the network. */
  status(): PathEngineStatus {
    const status = this.#engine.status(this.#options.clock.now());
    const ours = { ...this.#options.plane.counters.snapshot(), ...this.#counters.snapshot() };
    return { ...status, counters: { ...status.counters, ...ours } };
  }

  /** What is known of our NAT. */
  get description(): NatDescription {
    return this.#engine.description;
  }

  /** A check of the network has come to an end: what status says of the NAT is a finding, not a beginning. */
  get isMeasured(): boolean {
    return this.#isMeasured;
  }

  /** What was tried to reach a peer directly; undefined: no such peer. */
  attempts(peer: NodeKey): AttemptsEvidence | undefined {
    return this.#engine.attempts(peer, this.#options.clock.now());
  }

  /** The engine's time. */
  get now(): Instant {
    return this.#options.clock.now();
  }

  /** Which of the engine's relays should be connected and are not, with the reason where one is known. */
  relayTroubles(relays: readonly RelayStatus[]): ReadonlyMap<RegionId, string> {
    const troubles = new Map<RegionId, string>();
    for (const { regionId, state } of relays) {
      const reason = this.#relayTroubles.get(regionId);
      if (state !== 'connected' && reason !== undefined) troubles.set(regionId, reason);
    }
    return troubles;
  }

  /** One ping of a person; resolves within the engine's 5 s. */
  ping(peer: NodeKey): Promise<PingResult> {
    if (this.#closed) return Promise.resolve(NO_PATH);
    const id = this.#nextPing++;
    return new Promise((resolve) => {
      this.#pings.set(id, resolve);
      this.handle({ type: 'ping', id, peer });
    });
  }

  get relayMap(): RelayMap {
    return this.#relayMap;
  }

  /** A fresh and full check of the network; undefined when there is none to be had in time. */
  netcheck(onProgress: (message: string) => void): Promise<NetworkSummary | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const id = this.#nextPing++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answerNetcheck(id, undefined), NETCHECK_MS);
      this.#netchecks.set(id, { resolve, onProgress, timer });
      this.#options.portMap?.probe();
      this.handle({ type: 'netcheck', id });
    });
  }

  #answerNetcheck(id: number, summary: NetworkSummary | undefined): void {
    const waiter = this.#netchecks.get(id);
    this.#netchecks.delete(id);
    clearTimeout(waiter?.timer);
    waiter?.resolve(summary);
  }

  /** Asks the data plane for its counters and waits for them, but not for long. */
  async refreshCounters(): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#countersWaiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, COUNTERS_TIMEOUT_MS);
      this.#countersWaiting.add(done);
      this.#options.plane.send({ type: 'report-counters' });
    });
  }

  /** Takes back what the data plane was given: peers, sockets, relay connections. */
  close(): void {
    if (this.#closed) return;
    this.#engine.handle({ type: 'stop' }, this.#options.clock.now());
    this.#drain(); // also when called from within another: after this nothing is carried out
    this.#closed = true;
    this.#timer.close();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    for (const resolve of this.#pings.values()) resolve(NO_PATH);
    this.#pings.clear();
    for (const id of [...this.#netchecks.keys()]) this.#answerNetcheck(id, undefined);
    this.#prober.close();
    this.#options.portUse?.closed();
    this.#options.portMap?.want(undefined, undefined);
    for (const done of this.#countersWaiting) done();
  }

  #drain(): void {
    this.#draining = true;
    try {
      for (;;) {
        const output = this.#closed ? undefined : this.#engine.poll();
        if (output === undefined) break;
        this.#carryOut(output);
      }
    } finally {
      this.#draining = false;
    }
    this.#timer.rearm();
  }

  #carryOut(output: PathEngineOutput): void {
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
        this.#relayTroubles.delete(output.regionId);
        break;
      case 'relay-probe':
        this.#links.get(output.regionId)?.probe();
        break;
      case 'relay-prefer':
        this.#links.get(output.regionId)?.prefer(output.home);
        break;
      case 'relay-dial-back':
        this.#links.get(output.regionId)?.dialBack(output.token, output.port, output.fromAlternate);
        break;
      case 'relay-check-address':
        this.#links.get(output.regionId)?.checkAddress(output.id, output.address, output.token);
        break;
      case 'dialled-back':
        this.#options.log.info('dialled back', {
          ...output.verdict,
          heldUpMs: Math.round(output.heldUpMs),
        });
        this.#options.portUse?.dialledBack(output.verdict);
        break;
      case 'network-memory':
        this.#options.networkFile?.keep(output.networks);
        break;
      case 'udp-ports':
        this.#options.portMap?.want(output.ipv4, output.ipv6);
        break;
      case 'mapping-verified':
        this.#options.portMap?.verified(output.external, output.works);
        break;
      case 'https-probe':
      case 'captive-probe':
      case 'cancel-probes': {
        const message = PROBE_PROGRESS[output.type];
        if (message !== undefined) {
          for (const { onProgress } of this.#netchecks.values()) onProgress(message);
        }
        this.#prober.handle(output, this.#relayMap);
        break;
      }
      case 'netcheck-result':
        this.#answerNetcheck(output.id, output.summary);
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
        this.#isMeasured = true;
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

  #dial(regionId: RegionId): void {
    this.#links.get(regionId)?.close();
    const region = this.#relayMap.regions.get(regionId);
    if (region === undefined) {
      queueMicrotask(() => this.#relayClosed(regionId, 'region-not-in-map'));
      return;
    }
    const link = new RelayLink(
      { ...this.#options, region, counters: this.#counters },
      {
        onReady: (dialsBack) => {
          this.#relayTroubles.delete(regionId);
          this.handle({ type: 'relay-connected', regionId, dialsBack });
          this.#events.onRelayReady();
        },
        onPacket: (source, packet) =>
          this.handle({ type: 'relay-packet', regionId, source, packet }),
        onDialBackAnswer: ({ token, outcome, target }) =>
          this.handle({ type: 'dial-back-answer', regionId, token, outcome, target }),
        onAddressCheckAnswer: ({ id, outcome }) =>
          this.handle({ type: 'address-check-answer', regionId, id, outcome }),
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
    this.#relayTroubles.set(regionId, reason);
    this.#options.log.info('relay closed', { regionId, reason });
    this.handle({ type: 'relay-closed', regionId, reason });
  }

  async #resolve(host: string): Promise<void> {
    // A resolver that hangs must not get the same question again and again.
    if (this.#resolving.has(host)) return;
    this.#resolving.add(host);
    let addresses: IpAddress[] = [];
    try {
      const found = await lookup(host, { all: true });
      addresses = found.flatMap((entry) => parseAddress(entry.address) ?? []);
    } catch {
      // No address is an answer too: the engine asks again with the next report.
    }
    this.#resolving.delete(host);
    this.handle({ type: 'resolved', host, addresses });
  }
}
