/**
 * One question on its way through the resolvers that may answer it.
 *
 *     0 ms first resolver --300 ms--> second --300 ms--> third ...      a failure brings the next one at once
 *     then, to those that said nothing: again after 1.2 s and 3 s
 *     UDP answer cut short -> the same resolver over TCP
 *     "format error" to EDNS -> the same resolver without
 *     first good answer wins; NXDOMAIN is one
 *     all failed, or 8 s over -> the best of the bad answers, or none
 *
 * Sources: RFC 1035 section 4.2, RFC 6891 section 7, RFC 7766 section 5, RFC 5452 section 9 (what an answer
 * must repeat).
 */

import { isFailure } from '../base/failure.js';
import { after, earliest, type Instant } from '../base/instant.js';
import { encodeQuery } from './encode.js';
import type { DnsTransport, ExchangeId } from './io.js';
import {
  type DnsMessage,
  type DnsQuestion,
  decodeMessage,
  isResponse,
  isTruncated,
  RCODE,
  rcodeOf,
} from './message.js';
import type { Upstream } from './upstream.js';

/** A resolver at hand answers what it knows within this; a second one is asked in parallel after it. */
const STAGGER_MS = 300;
/** When datagrams may have been lost: those who said nothing are asked again. */
const ROUNDS_MS = [0, 1200, 3000] as const;
/** Clients of the C library ask again after 5 s and give up after 10. */
export const QUERY_MS = 8000;

export interface RunQuestion {
  readonly question: DnsQuestion;
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
}

/** What the run needs of the resolver around it. */
export interface RunIo {
  /** A new exchange, or undefined when there are too many. */
  open(upstream: Upstream, transport: DnsTransport, bytes: Uint8Array): ExchangeId | undefined;
  again(exchange: ExchangeId): void;
  close(exchange: ExchangeId): void;
  /** 16 random bits. */
  randomId(): number;
  count(name: string): void;
  /** Whether a resolver answers or not decides who is asked first next time. */
  judged(upstream: Upstream, works: boolean): void;
}

/** How it ended. Undefined: nobody answered. */
export interface RunResult {
  readonly message: DnsMessage;
  readonly bytes: Uint8Array;
}

interface Exchange {
  readonly id: ExchangeId;
  readonly server: number;
  readonly transport: DnsTransport;
  readonly queryId: number;
  readonly edns: boolean;
}

export class QuestionRun {
  readonly #asked: RunQuestion;
  readonly #upstreams: readonly Upstream[];
  readonly #io: RunIo;
  readonly #startedAt: Instant;
  /** When whom; from `#next` on still to do. */
  readonly #plan: readonly { readonly at: Instant; readonly server: number }[];
  #next = 0;
  readonly #exchanges = new Map<ExchangeId, Exchange>();
  /** Servers that have said no, and can be left alone. */
  readonly #failed = new Set<number>();
  /** The best of the answers that are no good. */
  #fallback: RunResult | undefined;
  #result: RunResult | undefined;
  #isOver = false;

  constructor(asked: RunQuestion, upstreams: readonly Upstream[], io: RunIo, now: Instant) {
    this.#asked = asked;
    this.#upstreams = upstreams;
    this.#io = io;
    this.#startedAt = now;
    this.#plan = ROUNDS_MS.flatMap((roundMs) =>
      upstreams.map((_, server) => ({ at: after(now, roundMs + server * STAGGER_MS), server })),
    ).sort((a, b) => a.at - b.at);
    this.advance(now);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Undefined while it runs, and when nobody answered. */
  get result(): RunResult | undefined {
    return this.#result;
  }

  nextTimeout(): Instant | undefined {
    if (this.#isOver) return undefined;
    return earliest(this.#plan[this.#next]?.at, after(this.#startedAt, QUERY_MS));
  }

  /** Everything that is due. */
  advance(now: Instant): void {
    if (this.#isOver) return;
    if (now >= after(this.#startedAt, QUERY_MS)) {
      for (const { server } of this.#exchanges.values()) this.#judge(server, false);
      this.#end(this.#fallback);
      return;
    }
    while (!this.isOver) {
      const step = this.#plan[this.#next];
      if (step === undefined || step.at > now) return;
      this.#next++;
      this.#ask(step.server, now);
    }
  }

  /** A message on one of the exchanges. */
  answered(exchangeId: ExchangeId, bytes: Uint8Array, now: Instant): void {
    const exchange = this.#exchanges.get(exchangeId);
    if (exchange === undefined || this.#isOver) return;
    const message = decodeMessage(bytes);
    if (isFailure(message) || !this.#isAnswer(message, exchange)) {
      this.#io.count(isFailure(message) ? message.reason : 'dns-answer-to-something-else');
      // Whoever guessed wrong may not end the wait for the right one; a stream has no such strangers.
      if (exchange.transport !== 'udp') this.#giveUp(exchange, now);
      return;
    }
    this.#judge(exchange.server, true);
    this.#take(exchange, { message, bytes }, now);
  }

  /** An exchange came to nothing. */
  failed(exchangeId: ExchangeId, now: Instant): void {
    const exchange = this.#exchanges.get(exchangeId);
    if (exchange === undefined || this.#isOver) return;
    this.#judge(exchange.server, false);
    this.#giveUp(exchange, now);
  }

  #isAnswer(message: DnsMessage, { queryId }: Exchange): boolean {
    const { name, type, class: class_ } = this.#asked.question;
    const { question } = message;
    return (
      isResponse(message) &&
      message.id === queryId &&
      question.name === name &&
      question.type === type &&
      question.class === class_
    );
  }

  #take(exchange: Exchange, result: RunResult, now: Instant): void {
    const rcode = rcodeOf(result.message);
    if (isTruncated(result.message) && exchange.transport === 'udp') {
      this.#keep(result);
      this.#close(exchange);
      this.#open(exchange.server, 'tcp', exchange.edns, now);
      return;
    }
    const hatesEdns = rcode === RCODE.formatError || rcode === RCODE.notImplemented;
    if (hatesEdns && exchange.edns) {
      this.#keep(result);
      this.#close(exchange);
      this.#open(exchange.server, exchange.transport, false, now);
      return;
    }
    if (rcode === RCODE.noError || rcode === RCODE.nameError) {
      this.#end(result);
      return;
    }
    this.#io.count('dns-upstream-refused');
    this.#keep(result);
    this.#giveUp(exchange, now);
  }

  /** A cut answer is better than a failure. */
  #keep(result: RunResult): void {
    const has = this.#fallback;
    if (has === undefined || (rcodeOf(has.message) !== 0 && rcodeOf(result.message) === 0)) {
      this.#fallback = result;
    }
  }

  #giveUp(exchange: Exchange, now: Instant): void {
    this.#close(exchange);
    this.#failed.add(exchange.server);
    if (this.#failed.size === this.#upstreams.length) {
      this.#end(this.#fallback);
      return;
    }
    // The next one that was not asked yet need not wait for its turn.
    const step = this.#plan[this.#next];
    if (step !== undefined && this.#next < this.#upstreams.length) {
      this.#next++;
      this.#ask(step.server, now);
    }
  }

  #ask(server: number, now: Instant): void {
    if (this.#failed.has(server)) return;
    const open = [...this.#exchanges.values()].find((exchange) => exchange.server === server);
    if (open === undefined) {
      const isPlain = this.#upstreams[server]?.kind === 'plain';
      this.#open(server, isPlain ? 'udp' : 'https', true, now);
    } else if (open.transport === 'udp') {
      this.#io.again(open.id);
    }
  }

  #open(server: number, transport: DnsTransport, edns: boolean, now: Instant): void {
    const upstream = this.#upstreams[server];
    if (upstream === undefined) return;
    const queryId = transport === 'https' ? 0 : this.#io.randomId(); // RFC 8484 section 4.1
    const bytes = encodeQuery({ ...this.#asked, id: queryId, edns });
    const id = this.#io.open(upstream, transport, bytes);
    if (id !== undefined) {
      this.#exchanges.set(id, { id, server, transport, queryId, edns });
      return;
    }
    this.#failed.add(server);
    if (this.#failed.size === this.#upstreams.length) this.#end(this.#fallback);
    else if (now > this.#startedAt) this.advance(now);
  }

  #judge(server: number, works: boolean): void {
    const upstream = this.#upstreams[server];
    if (upstream !== undefined) this.#io.judged(upstream, works);
  }

  #close(exchange: Exchange): void {
    if (this.#exchanges.delete(exchange.id)) this.#io.close(exchange.id);
  }

  #end(result: RunResult | undefined): void {
    this.#isOver = true;
    this.#result = result;
    for (const exchange of [...this.#exchanges.values()]) this.#close(exchange);
  }
}
