/**
 * One try to meet a peer where both NATs' next mappings are foretold: both sides open a fresh socket, have a few
 * servers tell how it is mapped, hand each other what follows from that, and ping all ports of the other's plan.
 *
 *     opening --bound--> measuring --servers answered--> asked --the peer's plan--> probing --> waiting --> over
 *                                          └ we answer a plan: our own goes out at once ┘
 *
 * The order of the pings is that of the ports: with two NATs that count, the n-th ping of each side leaves from
 * the n-th port that the other pings, as long as nobody else takes one between. A ping that gets through is
 * all that is needed: whoever receives it pings back and so proves the path.
 */
import { equalBytes } from '../base/bytes.js';
import { DecodeFailure } from '../base/failure.js';
import { after, type Instant } from '../base/instant.js';
import type { SocketId } from '../engines/paths.js';
import { type Endpoint, endpointAddress, endpointPort } from '../ip/address.js';
import type { Random } from '../ports.js';
import { decodeBindingResponse, encodeBindingRequest } from '../stun/binding.js';
import { TRANSACTION_ID_BYTES } from '../stun/message.js';
import { foretell, type Ports, probeOrder, rangeAround, type Unpredictable } from './port-plan.js';

/** Servers asked: three mappings show a step and whether it is steady. */
export const serversAsked = 3;
/** An unanswered server is asked again after this, twice. */
const askAgainMs = 200;
const asksPerServer = 3;
/** The peer measures too, and its plan crosses a relay. */
const answerMs = 2500;
/** Pings a second are 500: ten at a time. */
const probesAtOnce = 10;
const probeGapMs = 20;
/** The first pings of whoever begins are lost at the other's NAT; short plans are gone through again. */
const repeatMs = 250;
const repeats = 3;
const repeatedPortsMax = 64;
/** After the last ping, for an answer to it. */
const waitMs = 1500;

/** What going through a plan costs. */
export function pingsOf(ports: Ports): number {
  return roundsOf(ports) * ports.count;
}

function roundsOf({ count }: Ports): number {
  return count <= repeatedPortsMax ? repeats : 1;
}

export type AttemptFailure =
  | Unpredictable
  /** The peer sent no plan of its own: it has none, is busy, or is no Warren node. */
  | 'no-answer'
  | 'no-socket'
  | 'not-reached';

export interface PortAttemptOptions {
  readonly random: Random;
  /** 8 bytes as hex. */
  readonly id: string;
  readonly socketId: SocketId;
  /** STUN servers over IPv4, on different addresses. */
  readonly servers: readonly Endpoint[];
  /** Ports of earlier mappings of the same network. */
  readonly seenPorts: readonly number[];
  /** The peer's plan that is answered; undefined: we ask. */
  readonly theirs: Ports | undefined;
}

export type PortAttemptOutput =
  | { readonly type: 'open-socket' }
  /** A STUN request. */
  | { readonly type: 'send'; readonly remote: Endpoint; readonly bytes: Uint8Array }
  | { readonly type: 'plan'; readonly ports: Ports; readonly isAnswer: boolean }
  | { readonly type: 'probe'; readonly remote: Endpoint }
  | { readonly type: 'failed'; readonly reason: AttemptFailure };

interface Asked {
  readonly server: Endpoint;
  readonly transactionId: Uint8Array;
  mapped: Endpoint | undefined;
}

type Phase = 'opening' | 'measuring' | 'asked' | 'probing' | 'waiting' | 'over';

export class PortAttempt {
  readonly #options: PortAttemptOptions;
  readonly #outputs: PortAttemptOutput[] = [];
  readonly #asked: Asked[] = [];
  #phase: Phase = 'opening';
  #asks = 0;
  #deadline: Instant | undefined;
  #theirs: Ports | undefined;
  #left: Endpoint[] = [];
  #round = 0;

  constructor(options: PortAttemptOptions) {
    this.#options = options;
    this.#theirs = options.theirs;
    this.#outputs.push({ type: 'open-socket' });
  }

  get id(): string {
    return this.#options.id;
  }

  get socketId(): SocketId {
    return this.#options.socketId;
  }

  /** Our plan waits for the peer's; a peer that asks at the same time may be answered instead. */
  get isAsking(): boolean {
    return this.#options.theirs === undefined && this.#theirs === undefined;
  }

  /** How servers saw our socket. */
  get mapped(): readonly Endpoint[] {
    return this.#asked.map((one) => one.mapped).filter((one) => one !== undefined);
  }

  poll(): PortAttemptOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    return this.#deadline;
  }

  opened(now: Instant): void {
    if (this.#phase !== 'opening') return;
    this.#phase = 'measuring';
    const servers = this.#options.servers.slice(0, serversAsked);
    for (const server of servers) {
      const transactionId = this.#options.random.fill(new Uint8Array(TRANSACTION_ID_BYTES));
      this.#asked.push({ server, transactionId, mapped: undefined });
    }
    this.#ask(now);
  }

  notOpened(): void {
    if (this.#phase === 'opening') this.#fail('no-socket');
  }

  /** A STUN answer came to our socket; false: not one of ours. */
  datagram(source: Endpoint, bytes: Uint8Array, now: Instant): boolean {
    const response = decodeBindingResponse(bytes);
    if (response instanceof DecodeFailure) return false;
    const asked = this.#asked.find((one) => equalBytes(one.transactionId, response.transactionId));
    if (asked === undefined || endpointAddress(asked.server) !== endpointAddress(source)) {
      return false;
    }
    asked.mapped ??= response.mapped;
    if (this.#phase === 'measuring' && this.#asked.every(({ mapped }) => mapped !== undefined)) {
      this.#measured(now);
    }
    return true;
  }

  /** The peer's answer to our plan. */
  answered(theirs: Ports, now: Instant): void {
    if (this.#phase !== 'asked') return;
    this.#theirs = theirs;
    this.#probe(now);
  }

  runTimers(now: Instant): void {
    if (this.#deadline === undefined || now < this.#deadline) return;
    switch (this.#phase) {
      case 'measuring':
        if (this.#asks < asksPerServer) this.#ask(now);
        else this.#measured(now);
        break;
      case 'asked':
        this.#fail('no-answer');
        break;
      case 'probing':
        this.#probeSome(now);
        break;
      case 'waiting':
        this.#fail('not-reached');
        break;
      case 'opening':
      case 'over':
        break;
    }
  }

  #ask(now: Instant): void {
    this.#asks++;
    this.#deadline = after(now, askAgainMs);
    for (const { server, transactionId, mapped } of this.#asked) {
      if (mapped !== undefined) continue;
      const bytes = encodeBindingRequest(transactionId);
      this.#outputs.push({ type: 'send', remote: server, bytes });
    }
  }

  #measured(now: Instant): void {
    const { mapped } = this;
    const seenPorts = [...this.#options.seenPorts, ...mapped.map(endpointPort)];
    const ports = foretell(mapped, rangeAround(seenPorts));
    if (typeof ports === 'string') {
      this.#fail(ports);
      return;
    }
    const isAnswer = this.#options.theirs !== undefined;
    this.#outputs.push({ type: 'plan', ports, isAnswer });
    if (isAnswer) {
      this.#probe(now);
      return;
    }
    this.#phase = 'asked';
    this.#deadline = after(now, answerMs);
  }

  #probe(now: Instant): void {
    if (this.#theirs === undefined) return;
    this.#phase = 'probing';
    this.#left = probeOrder(this.#theirs);
    this.#probeSome(now);
  }

  #probeSome(now: Instant): void {
    for (const remote of this.#left.splice(0, probesAtOnce)) {
      this.#outputs.push({ type: 'probe', remote });
    }
    if (this.#left.length > 0) {
      this.#deadline = after(now, probeGapMs);
      return;
    }
    this.#round++;
    if (this.#theirs !== undefined && this.#round < roundsOf(this.#theirs)) {
      this.#left = probeOrder(this.#theirs);
      this.#deadline = after(now, repeatMs);
      return;
    }
    this.#phase = 'waiting';
    this.#deadline = after(now, waitMs);
  }

  #fail(reason: AttemptFailure): void {
    this.#phase = 'over';
    this.#deadline = undefined;
    this.#outputs.push({ type: 'failed', reason });
  }
}
