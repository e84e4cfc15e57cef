/** Bounded tables: whatever peers, strangers and faults do, tables of every machine stay below their limits. */
import { sweepSockets } from '@warren/core/netcheck/nat-sweep';
import { maxMappingSamples } from '@warren/core/path-engine/mapping-samples';
import { maxOwnEndpoints } from '@warren/core/path-engine/own-endpoints';
import { maxPathChanges } from '@warren/core/path-engine/path-history';
import { keptSocketsMax } from '@warren/core/paths/port-searches';
import { openersMax, reachedSocketsMax } from '@warren/core/paths/running-attempts';
import { scatterSocketsMax } from '@warren/core/paths/scatter-range';
import type { SimNode } from '../node/sim-node.js';
import type { SimWorld } from '../world/sim-world.js';
import type { Breaks, Checker } from './checker.js';

const NAME = 'bounded';

/** A NAT's description is measured over both families, its lifetime and NAT64 with one socket each. */
const CHECKING_SOCKETS_MAX = 2 * sweepSockets + 2;
/** Attempts run for so many peers, each with a socket of its own. */
const ATTEMPTS_MAX = openersMax + 1;
/** None begins when so many are kept; each that runs may then leave what it was reached on, and its own. */
const KEPT_SOCKETS_MAX = keptSocketsMax + ATTEMPTS_MAX * (reachedSocketsMax + 1);
/** The two that are always open, the pool of a scatter, and these. */
const SOCKETS_MAX = 2 + scatterSocketsMax + ATTEMPTS_MAX + KEPT_SOCKETS_MAX + CHECKING_SOCKETS_MAX;
/** One link a region and, for a moment, the one that is replaced. */
const LINKS_PER_REGION_MAX = 1;
/** Register, map poll, lite update, and one of each that was given up. */
const REQUESTS_MAX = 6;
/** Streams of a node that control may still hold after its network went away, until they time out. */
const SESSIONS_PER_NODE_MAX = 24;
/** The relay's own limit of connections with one key, and as many that have not introduced themselves. */
const CONNECTIONS_PER_NODE_MAX = 32;

/** One look in so many is a thorough one. */
const LOOKS = 5;

export class BoundedChecker implements Checker {
  readonly #world: SimWorld;
  readonly #breaks: Breaks;
  #looks = 0;

  constructor(world: SimWorld, breaks: Breaks) {
    this.#world = world;
    this.#breaks = breaks;
  }

  look(): void {
    // Reading every table costs more than a second of a small world's life.
    if (this.#looks++ % LOOKS === 0) this.#lookAround();
  }

  finish(): void {
    this.#lookAround();
  }

  #lookAround(): void {
    const { nodes, relays, control } = this.#world;
    for (const node of nodes) this.#lookAt(node);
    for (const { server, host } of relays) {
      const connections = server?.connections() ?? [];
      this.#expect(
        `connections of ${host.name}`,
        connections.length,
        CONNECTIONS_PER_NODE_MAX * nodes.length,
      );
    }
    const sessions = control.sessions?.size ?? 0;
    this.#expect('map streams of control', sessions, SESSIONS_PER_NODE_MAX * nodes.length);
  }

  #lookAt(node: SimNode): void {
    const { engine, plane, control } = node;
    if (engine === undefined || plane === undefined || control === undefined) return;
    const { now } = this.#world.clock;
    const others = this.#world.nodes.length - 1;
    const status = engine.status(now);
    this.#expect(`endpoints of ${node.name}`, status.endpoints.length, maxOwnEndpoints);
    this.#expect(`samples of ${node.name}`, status.observed.length, maxMappingSamples);
    this.#expect(`peers of ${node.name}`, status.peers.length, others);
    this.#expect(`path changes of ${node.name}`, engine.history().length, maxPathChanges);
    this.#expect(`sockets of ${node.name}`, plane.sockets.size, SOCKETS_MAX);
    const regions = this.#world.relays.length;
    this.#expect(`relay links of ${node.name}`, node.relayLinks, LINKS_PER_REGION_MAX * regions);
    this.#expect(`control requests of ${node.name}`, control.openRequests, REQUESTS_MAX);
  }

  #expect(what: string, size: number, max: number): void {
    if (size > max) this.#breaks.add(NAME, `${what}: ${size}, more than ${max}`);
  }
}
