/** A network, its map sessions and a clock, for tests: what each client is sent, and what it makes of it. */
import { Counters } from '../../base/counters.js';
import { isFailure } from '../../base/failure.js';
import { type Instant, instant, type WallTime, wallTime } from '../../base/instant.js';
import { asObject, parseJson } from '../../base/json.js';
import { SeededRandom } from '../../base/seeded-random.js';
import { nobleCrypto } from '../../crypto/noble.js';
import { applyMapResponse } from '../../netmap/apply.js';
import { decodeMapResponse } from '../../netmap/decode.js';
import type { Netmap } from '../../netmap/types.js';
import { MapFrameDecoder } from '../map-framing.js';
import type { SessionId } from './map-session.js';
import { MapSessions, type MapSessionsOutput } from './sessions.js';
import { baseDomain, mapRequest, nodeKey, start, TestNetwork } from './test-network.js';
import { applyLiteUpdate } from './update.js';

export const relayMap = {
  Regions: { 900: { RegionID: 900, RegionCode: 'hub', RegionName: 'Hub', Nodes: [] } },
};

export const settings = { baseDomain, relayMap, crypto: nobleCrypto };

/** Frames are taken as soon as they are written. */
export class Stage {
  readonly network = new TestNetwork();
  sessions = new MapSessions(this.network.state, settings, new SeededRandom(1));
  now: Instant = instant(1000);
  /** Frames that nobody has read yet, and messages as parsed JSON, by session. */
  readonly #unread = new Map<SessionId, Uint8Array[]>();
  readonly #read = new Map<SessionId, object[]>();
  readonly others: MapSessionsOutput[] = [];
  /** Sessions whose stream takes nothing. */
  readonly stuck = new Set<SessionId>();

  get wall(): WallTime {
    return wallTime(start + (this.now - 1000));
  }

  handle(input: Parameters<MapSessions['handle']>[0]): void {
    this.sessions.handle(input, this.now, this.wall);
    this.drain();
  }

  drain(): void {
    for (let output = this.sessions.poll(); output !== undefined; output = this.sessions.poll()) {
      if (output.type !== 'write') {
        this.others.push(output);
        continue;
      }
      const unread = this.#unread.get(output.session);
      if (unread === undefined) this.#unread.set(output.session, [output.bytes]);
      else unread.push(output.bytes);
      if (this.stuck.has(output.session)) continue;
      this.sessions.handle({ type: 'drained', session: output.session }, this.now, this.wall);
    }
  }

  /** Lets `ms` pass, waking the machine whenever it wants. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.sessions.nextTimeout();
      if (next === undefined || next > end) break;
      this.now = instant(Math.max(next, this.now));
      this.handle({ type: 'timeout' });
    }
    this.now = instant(end);
  }

  publish(): void {
    this.handle({ type: 'state', state: this.network.state });
  }

  open(session: SessionId, machine: number): void {
    this.handle({ type: 'open', session, nodeKey: nodeKey(machine), compression: '' });
  }

  update(machine: number, request: object): void {
    const node = this.network.node(machine);
    const parsed = mapRequest(machine, request);
    this.network.state = applyLiteUpdate(this.network.state, node, parsed, baseDomain);
    this.publish();
  }

  messages(session: SessionId): object[] {
    const messages = this.#read.get(session) ?? [];
    for (const frame of this.#unread.get(session) ?? []) {
      const bodies = new MapFrameDecoder().push(frame);
      if (isFailure(bodies)) throw new Error(bodies.reason);
      messages.push(...bodies.map((body) => asObject(parseJson(body)) ?? {}));
    }
    this.#unread.delete(session);
    this.#read.set(session, messages);
    return messages;
  }

  /** What a client of `session` believes after all its messages. */
  netmap(session: SessionId, machine: number): Netmap {
    let netmap: Netmap | undefined;
    for (const message of this.messages(session)) {
      const response = decodeMapResponse(message, new Counters());
      if (isFailure(response)) throw new Error(response.reason);
      const next = applyMapResponse(netmap, response, {
        selfKey: nodeKey(machine),
        acceptRoutes: true,
        serverTime: undefined,
        counters: new Counters(),
      });
      if (isFailure(next)) throw new Error(next.reason);
      netmap = next;
    }
    if (netmap === undefined) throw new Error('the session got no message');
    return netmap;
  }
}
