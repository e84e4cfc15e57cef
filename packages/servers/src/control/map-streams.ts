/**
 * The {@link MapSessions} machine on real HTTP/2 streams: one session per stream, one write under way each.
 */
import type { ServerHttp2Stream } from 'node:http2';
import type { WallTime } from '@warren/core/base/instant';
import type { MapCompression } from '@warren/core/control/map-framing';
import type { DnsSettings } from '@warren/core/control/server/dns-config';
import type { SessionId } from '@warren/core/control/server/map-session';
import type { MapRequest } from '@warren/core/control/server/requests';
import type { Policies } from '@warren/core/control/server/rights';
import type { NodeRoutes } from '@warren/core/control/server/route-book';
import {
  MapSessions,
  type MapSessionsInput,
  type MapSessionsOutput,
} from '@warren/core/control/server/sessions';
import type { ControlState, NodeId } from '@warren/core/control/server/state';
import type { ViewSettings } from '@warren/core/control/server/view';
import type { MachineKey, NodeKey } from '@warren/core/keys/keys';
import type { WireNode, WireRelayMap } from '@warren/core/netmap/wire';
import type { SshRule } from '@warren/core/policy/policy';
import type { Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import { MachineTimer } from '@warren/shell/machine-timer';

export interface MapStreamsOptions {
  readonly state: ControlState;
  readonly settings: ViewSettings;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  /** The node is there, whatever its record says. */
  readonly onOnline: (node: NodeId) => void;
  /** The node has been away for the grace time. */
  readonly onOffline: (node: NodeId, lastSeen: WallTime) => void;
  /** An ephemeral node has been away for too long. */
  readonly onAbandoned: (node: NodeId) => void;
}

export class MapStreams {
  readonly #options: MapStreamsOptions;
  readonly #sessions: MapSessions;
  readonly #timer: MachineTimer;
  readonly #streams = new Map<SessionId, ServerHttp2Stream>();
  #nextId: SessionId = 1;
  #draining = false;

  constructor(options: MapStreamsOptions) {
    this.#options = options;
    this.#sessions = new MapSessions(options.state, options.settings, options.random);
    this.#timer = new MachineTimer(this.#sessions, options.clock, () =>
      this.#handle({ type: 'timeout' }),
    );
    this.#timer.rearm();
  }

  /** Streams now open. */
  get size(): number {
    return this.#sessions.size;
  }

  isOnline(node: NodeId): boolean {
    return this.#sessions.isOnline(node);
  }

  /** As peers were last told. */
  routesOf(node: NodeId): NodeRoutes {
    return this.#sessions.routesOf(node);
  }

  /** The rule by which `source` may log in on `target`; undefined: it may not. */
  sshRule(source: NodeId, target: NodeId, localUser: string): SshRule | undefined {
    const { clock } = this.#options;
    const rule = this.#sessions.sshRule(source, target, localUser, clock.wall());
    this.#handle({ type: 'timeout' });
    return rule;
  }

  /** What a node sees now. */
  peersOf(node: NodeId): ReadonlyMap<NodeId, WireNode> {
    const peers = this.#sessions.peersOf(node, this.#options.clock.wall());
    this.#handle({ type: 'timeout' });
    return peers;
  }

  /** A machine fetched what its node was asked to. False: nobody asked it that. */
  answerPing(token: string, machineKey: MachineKey): boolean {
    const isAsked = this.#sessions.isAsked(token, machineKey);
    if (isAsked) this.#handle({ type: 'ping-answered', token });
    return isAsked;
  }

  counters(): Record<string, number> {
    return this.#sessions.counters.snapshot();
  }

  /** Takes over a stream whose request was checked, and begins its map. */
  open(
    stream: ServerHttp2Stream,
    request: Pick<MapRequest, 'nodeKey' | 'compression' | 'held'>,
  ): void {
    const session = this.#nextId++;
    this.#streams.set(session, stream);
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    stream.on('error', (error) => {
      this.#options.log.debug('map stream broke', { session, reason: error.message });
    });
    stream.on('close', () => {
      if (this.#streams.delete(session)) this.#handle({ type: 'closed', session });
    });
    const { nodeKey, compression, held } = request;
    this.#handle({ type: 'open', session, nodeKey, compression, held });
  }

  /** The full map of one node, framed, outside any stream. */
  single(nodeKey: NodeKey, compression: MapCompression): Uint8Array | undefined {
    return this.#sessions.single(nodeKey, compression, this.#options.clock.wall());
  }

  publish(state: ControlState): void {
    this.#handle({ type: 'state', state });
  }

  setDns(dns: DnsSettings): void {
    this.#handle({ type: 'dns', dns });
  }

  setRelayMap(relayMap: WireRelayMap): void {
    this.#handle({ type: 'relay-map', relayMap });
  }

  /** Replaces the policies of all tailnets. */
  setPolicies(policies: Policies): void {
    this.#handle({ type: 'policies', policies });
  }

  close(): void {
    this.#timer.close();
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
  }

  #handle(input: MapSessionsInput): void {
    const { clock } = this.#options;
    this.#sessions.handle(input, clock.now(), clock.wall());
    this.#drain();
  }

  /** Not reentrant: a node given up while we drain publishes a new state. */
  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    for (let next = this.#sessions.poll(); next !== undefined; next = this.#sessions.poll()) {
      this.#perform(next);
    }
    this.#draining = false;
    this.#timer.rearm();
  }

  #perform(output: MapSessionsOutput): void {
    switch (output.type) {
      case 'write':
        this.#write(output.session, output.bytes);
        break;
      case 'close':
        this.#end(output.session, output.reason);
        break;
      case 'online':
        this.#options.onOnline(output.node);
        break;
      case 'offline':
        this.#options.onOffline(output.node, output.lastSeen);
        break;
      case 'abandoned':
        this.#options.onAbandoned(output.node);
        break;
    }
  }

  #write(session: SessionId, bytes: Uint8Array): void {
    this.#streams.get(session)?.write(bytes, (error) => {
      // After an error `close` follows, which tells the machine.
      if (error === undefined || error === null) this.#handle({ type: 'drained', session });
    });
  }

  #end(session: SessionId, reason: string): void {
    const stream = this.#streams.get(session);
    this.#streams.delete(session);
    this.#options.log.debug('map stream ended', { session, reason });
    stream?.close();
  }
}
