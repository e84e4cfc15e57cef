/**
 * The control server of a world: the machine API over the pure functions of core, with its state in a file
 * that survives restarts (apart from notes of the last second).
 */
import { assert } from '@warren/core/base/assert';
import { isFailure } from '@warren/core/base/failure';
import { parseJson } from '@warren/core/base/json';
import type { SeededRandom } from '@warren/core/base/seeded-random';
import { encodeUtf8 } from '@warren/core/base/text';
import { formatAuthKey } from '@warren/core/control/auth-key';
import type { RequestId } from '@warren/core/control/io';
import { createAuthKey } from '@warren/core/control/server/auth-keys';
import type { SessionId } from '@warren/core/control/server/map-session';
import { NewestConnections } from '@warren/core/control/server/newest-connections';
import { register } from '@warren/core/control/server/register';
import {
  decodeMapRequest,
  decodeRegisterRequest,
  type MapRequest,
} from '@warren/core/control/server/requests';
import {
  MapSessions,
  type MapSessionsInput,
  type MapSessionsOutput,
} from '@warren/core/control/server/sessions';
import {
  type ControlState,
  emptyState,
  findNode,
  isExpired,
  type NodeRecord,
  withNode,
  withoutNode,
} from '@warren/core/control/server/state';
import { applyLiteUpdate } from '@warren/core/control/server/update';
import type { MachineKey, NodeKey } from '@warren/core/keys/keys';
import type { WireRegion } from '@warren/core/netmap/wire';
import type { Crypto } from '@warren/core/ports';
import { MachineTimer } from '../clock/machine-timer.js';
import type { Host } from '../net/host.js';
import { StreamServer, type StreamWorld } from '../net/stream.js';
import {
  type ControlServerEnd,
  type FromControl,
  type ToControl,
  wireBytes,
} from './control-wire.js';

const BASE_DOMAIN = 'warren.internal';
const TAILNET = 'home';
/** As the real store: notes gather for a second before they are written. */
const NOTE_DELAY_MS = 1000;

export interface ControlProcessOptions {
  readonly world: StreamWorld;
  readonly host: Host;
  readonly crypto: Crypto;
  readonly random: SeededRandom;
  readonly regions: () => readonly WireRegion[];
  /** Members came, went or changed their key. */
  readonly onMembersChanged: () => void;
}

interface MapStream {
  readonly connection: Connection;
  readonly id: RequestId;
}

interface Connection {
  readonly end: ControlServerEnd;
  readonly number: number;
  machineKey: MachineKey | undefined;
  readonly streams: Map<RequestId, SessionId>;
}

export class ControlProcess {
  readonly streams: StreamServer<ToControl, FromControl>;
  readonly #options: ControlProcessOptions;
  /** What is on disk; the value itself, since states never change. */
  #disk: ControlState = emptyState();
  #state: ControlState = emptyState();
  #sessions: MapSessions | undefined;
  #timer: MachineTimer | undefined;
  readonly #open = new Map<SessionId, MapStream>();
  #nextSession: SessionId = 1;
  #accepted = 0;
  #newest = new NewestConnections();
  #isNotePlanned = false;
  #draining = false;

  constructor(options: ControlProcessOptions) {
    this.#options = options;
    this.streams = new StreamServer(options.host, 'control');
  }

  get sessions(): MapSessions | undefined {
    return this.#sessions;
  }

  /** A reusable key, on disk. */
  createKey(): string {
    const { crypto, random, world } = this.#options;
    const order = {
      tailnet: TAILNET,
      loginName: 'ann@example.com',
      displayName: 'Ann',
      tags: [],
      reusable: true,
      ephemeral: false,
      expiresAt: undefined,
    };
    const created = createAuthKey(this.#state, order, crypto, random, world.clock.wall);
    assert(created !== undefined, 'an empty server has room for a key');
    this.#commit(created.state);
    return formatAuthKey(created.key);
  }

  isMember(key: NodeKey): boolean {
    const node = findNode(this.#state, key);
    return node !== undefined && !isExpired(node, this.#options.world.clock.wall);
  }

  start(): void {
    const { world, random, regions } = this.#options;
    const state = this.#disk;
    this.#state = state;
    const relayMap = {
      Regions: Object.fromEntries(regions().map((region) => [region.RegionID, region])),
      omitDefaultRegions: true,
    };
    const sessions = new MapSessions(
      state,
      { baseDomain: BASE_DOMAIN, relayMap, crypto: this.#options.crypto },
      random.fork(),
    );
    this.#sessions = sessions;
    this.#newest = new NewestConnections();
    this.#timer = new MachineTimer(sessions, world.clock, () => this.#tell({ type: 'timeout' }));
    this.#timer.rearm();
    this.streams.start((end) => this.#accept(end));
  }

  stop(): void {
    this.#sessions = undefined;
    this.#timer?.close();
    this.#open.clear();
    this.streams.stop();
  }

  #accept(end: ControlServerEnd): void {
    const connection: Connection = {
      end,
      number: ++this.#accepted,
      machineKey: undefined,
      streams: new Map(),
    };
    const sessions = this.#sessions;
    const isOurs = (): boolean => this.#sessions === sessions;
    end.events = {
      onMessage: (message) => {
        if (isOurs()) this.#take(connection, message);
      },
      onClosed: () => {
        if (isOurs()) this.#forget(connection);
      },
    };
  }

  #forget(connection: Connection): void {
    for (const session of connection.streams.values()) {
      if (this.#open.delete(session)) this.#tell({ type: 'closed', session });
    }
    connection.streams.clear();
  }

  #take(connection: Connection, message: ToControl): void {
    switch (message.type) {
      case 'hello':
        connection.machineKey = message.machineKey;
        break;
      case 'ping':
        write(connection, { type: 'pong' });
        break;
      case 'cancel': {
        const session = connection.streams.get(message.id);
        connection.streams.delete(message.id);
        if (session !== undefined && this.#open.delete(session)) {
          this.#tell({ type: 'closed', session });
        }
        break;
      }
      case 'request': {
        const value = parseJson(message.body);
        if (message.path === '/machine/register') this.#register(connection, message.id, value);
        else this.#map(connection, message.id, value);
        break;
      }
    }
  }

  #register(connection: Connection, id: RequestId, value: unknown): void {
    const { crypto, random, world } = this.#options;
    const { machineKey } = connection;
    const request = decodeRegisterRequest(value);
    if (isFailure(request) || machineKey === undefined) {
      answer(connection, id, 400, '');
      return;
    }
    const context = {
      machineKey,
      baseDomain: BASE_DOMAIN,
      crypto,
      random,
      wall: world.clock.wall,
    };
    const { state, response } = register(this.#state, request, context);
    this.#commit(state);
    if (response === undefined) answer(connection, id, 401, '');
    else answer(connection, id, 200, JSON.stringify(response));
  }

  #map(connection: Connection, id: RequestId, value: unknown): void {
    const request = decodeMapRequest(value);
    if (isFailure(request)) {
      answer(connection, id, 400, '');
      return;
    }
    const node = findNode(this.#state, request.nodeKey);
    if (node === undefined || node.machineKey !== connection.machineKey) {
      answer(connection, id, node === undefined ? 404 : 401, '');
      return;
    }
    const isNewest = this.#newest.speaks(node.id, connection.number);
    if (!request.stream) {
      const next = applyLiteUpdate(this.#state, node, request, BASE_DOMAIN);
      // A new process says its disco key once: peers must not be told the old one after a restart of ours.
      if (!isNewest) this.#options.world.trace.note('late-word', node.label);
      else if (isNewDiscoKey(node, request)) this.#commit(next);
      else this.#note(next);
      answer(connection, id, 200, '');
      return;
    }
    const session = this.#nextSession++;
    this.#open.set(session, { connection, id });
    connection.streams.set(id, session);
    const { nodeKey, compression, held } = request;
    this.#tell({ type: 'open', session, nodeKey, compression, held });
  }

  /** On disk before anybody hears of it. */
  #commit(state: ControlState): void {
    if (state === this.#state) return;
    this.#disk = state;
    this.#state = state;
    this.#tell({ type: 'state', state });
    this.#options.onMembersChanged();
  }

  /** Heard of at once, on disk within a second. */
  #note(state: ControlState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#tell({ type: 'state', state });
    if (this.#isNotePlanned) return;
    this.#isNotePlanned = true;
    const sessions = this.#sessions;
    this.#options.world.clock.later(NOTE_DELAY_MS, () => {
      this.#isNotePlanned = false;
      if (this.#sessions === sessions) this.#disk = this.#state;
    });
  }

  #tell(input: MapSessionsInput): void {
    const { clock } = this.#options.world;
    this.#sessions?.handle(input, clock.now, clock.wall);
    this.#drain();
  }

  #drain(): void {
    const sessions = this.#sessions;
    if (this.#draining || sessions === undefined) return;
    this.#draining = true;
    for (let output = sessions.poll(); output !== undefined; output = sessions.poll()) {
      this.#carryOut(sessions, output);
    }
    this.#draining = false;
    this.#timer?.rearm();
  }

  #carryOut(sessions: MapSessions, output: MapSessionsOutput): void {
    switch (output.type) {
      case 'write': {
        const { session, bytes } = output;
        const stream = this.#open.get(session);
        if (stream === undefined) break;
        const message: FromControl = { type: 'bytes', id: stream.id, bytes };
        stream.connection.end.write(message, wireBytes(message), () => {
          if (this.#sessions === sessions) this.#tell({ type: 'drained', session });
        });
        break;
      }
      case 'close': {
        const stream = this.#open.get(output.session);
        this.#open.delete(output.session);
        if (stream === undefined) break;
        stream.connection.streams.delete(stream.id);
        write(stream.connection, { type: 'end', id: stream.id });
        break;
      }
      case 'online':
      case 'offline': {
        const node = this.#state.nodes.get(output.node);
        const lastSeen = output.type === 'online' ? undefined : output.lastSeen;
        if (node !== undefined) this.#note(withNode(this.#state, { ...node, lastSeen }));
        break;
      }
      case 'abandoned':
        this.#commit(withoutNode(this.#state, output.node));
        break;
    }
  }
}

function isNewDiscoKey(node: NodeRecord, { discoKey }: MapRequest): boolean {
  return discoKey !== undefined && discoKey !== node.discoKey;
}

function write(connection: Connection, message: FromControl): void {
  connection.end.write(message, wireBytes(message));
}

function answer(connection: Connection, id: RequestId, status: number, text: string): void {
  write(connection, { type: 'response', id, status, body: encodeUtf8(text) });
}
