/**
 * Asks nodes that could take a route from each other whether they still work: a machine without power keeps its map
 * stream open for minutes, as nobody hears its silence.
 *
 *     rival --every 5 s--> asked (PingRequest with a URL of its own) --fetched--> healthy
 *                                --4 s without--> ill, and asked again at the next turn
 *
 * So a route moves within 10 s of its machine's death. What a stream that began meanwhile left unanswered says nothing:
 * its client may never have seen the question.
 *
 * Source: the control protocol of the Tailscale family, MapResponse.PingRequest; clients fetch each URL once (HEAD).
 */
import { encodeHex } from '../../base/bytes.js';
import { after, earliest, type Instant } from '../../base/instant.js';
import type { Random } from '../../ports.js';
import type { NodeId } from './state.js';

export const probeEveryMs = 5000;
/** Clients allow themselves 15 s; who works answers within a round trip. */
export const probeTimeoutMs = 4000;
/** Cannot be guessed: an answer by somebody else would keep a dead machine's routes with it. */
const TOKEN_BYTES = 16;

export type RouteProbesOutput =
  /** The node is to fetch a URL that holds the token. */
  | { readonly type: 'ask'; readonly node: NodeId; readonly token: string }
  | { readonly type: 'health'; readonly node: NodeId; readonly isHealthy: boolean };

interface Probe {
  isHealthy: boolean;
  /** Undefined: no question is under way. */
  token: string | undefined;
  until: Instant;
  /** Another stream began since the question was asked. */
  isVoid: boolean;
}

export class RouteProbes {
  readonly #random: Random;
  readonly #probes = new Map<NodeId, Probe>();
  readonly #nodeByToken = new Map<string, NodeId>();
  readonly #outputs: RouteProbesOutput[] = [];
  #nextTurn: Instant | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Those to be asked from now on; who is no rival any more counts as healthy. */
  setRivals(rivals: ReadonlySet<NodeId>, now: Instant): void {
    for (const [node, probe] of [...this.#probes]) {
      if (rivals.has(node)) continue;
      this.#probes.delete(node);
      this.#close(probe);
      if (!probe.isHealthy) this.#outputs.push({ type: 'health', node, isHealthy: true });
    }
    for (const node of rivals) {
      if (this.#probes.has(node)) continue;
      this.#probes.set(node, { isHealthy: true, token: undefined, until: now, isVoid: false });
    }
    if (this.#probes.size === 0) this.#nextTurn = undefined;
    else this.#nextTurn ??= after(now, probeEveryMs);
  }

  /** A map stream of the node began. */
  streamBegan(node: NodeId): void {
    const probe = this.#probes.get(node);
    if (probe !== undefined) probe.isVoid = true;
  }

  /** Whose answer a token is; undefined: nobody waits for it. */
  nodeOf(token: string): NodeId | undefined {
    return this.#nodeByToken.get(token);
  }

  /** Somebody fetched the URL with this token. False: nobody was asked that. */
  answered(token: string): boolean {
    const node = this.#nodeByToken.get(token);
    const probe = node === undefined ? undefined : this.#probes.get(node);
    if (node === undefined || probe === undefined) return false;
    this.#close(probe);
    this.#judge(node, probe, true);
    return true;
  }

  handleTimeout(now: Instant): void {
    for (const [node, probe] of this.#probes) {
      if (probe.token === undefined || now < probe.until) continue;
      this.#close(probe);
      if (!probe.isVoid) this.#judge(node, probe, false);
    }
    if (this.#nextTurn === undefined || now < this.#nextTurn) return;
    this.#nextTurn = after(now, probeEveryMs);
    for (const [node, probe] of this.#probes) this.#ask(node, probe, now);
  }

  poll(): RouteProbesOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    let next = this.#nextTurn;
    for (const { token, until } of this.#probes.values()) {
      if (token !== undefined) next = earliest(next, until);
    }
    return next;
  }

  #ask(node: NodeId, probe: Probe, now: Instant): void {
    this.#close(probe);
    const token = encodeHex(this.#random.fill(new Uint8Array(TOKEN_BYTES)));
    probe.token = token;
    probe.until = after(now, probeTimeoutMs);
    probe.isVoid = false;
    this.#nodeByToken.set(token, node);
    this.#outputs.push({ type: 'ask', node, token });
  }

  #judge(node: NodeId, probe: Probe, isHealthy: boolean): void {
    if (probe.isHealthy === isHealthy) return;
    probe.isHealthy = isHealthy;
    this.#outputs.push({ type: 'health', node, isHealthy });
  }

  #close(probe: Probe): void {
    if (probe.token !== undefined) this.#nodeByToken.delete(probe.token);
    probe.token = undefined;
  }
}
