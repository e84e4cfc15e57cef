/**
 * The resolver of a node, without sockets: answers what the network knows (local-answer.ts), asks resolvers for
 * the rest, keeps what they say.
 *
 *     query -- unreadable ............. "format error", or nothing at all
 *           -- ours ................... answered
 *           -- nobody to ask .......... "server failure"
 *           -- kept ................... answered, TTLs younger
 *           -- being asked already .... waits for the same answer: a question that comes back to us in a circle
 *           |                           waits for itself, and ends when its time is over
 *           -- else ................... question-run.ts
 */

import { viewOf } from '../base/bytes.js';
import { Counters } from '../base/counters.js';
import { isFailure } from '../base/failure.js';
import { after, earliest, type Instant, instant } from '../base/instant.js';
import { RecentMap } from '../base/recent-map.js';
import type { Random } from '../ports.js';
import { AnswerCache } from './answer-cache.js';
import { adaptAnswer, encodeAnswer, encodeHeaderAnswer, fitAnswer, udpBytesOf } from './encode.js';
import type { DnsTransport, ExchangeId, QueryId, ResolverInput, ResolverOutput } from './io.js';
import { exchangesMax, messageBytesMax, questionsMax, waitersMax } from './limits.js';
import { answerLocally } from './local-answer.js';
import {
  CLASS_INTERNET,
  type DnsMessage,
  decodeMessage,
  FLAG,
  isResponse,
  messageId,
  opcodeOf,
  RCODE,
} from './message.js';
import { QuestionRun } from './question-run.js';
import {
  emptyConfig,
  isRouted,
  type ResolverConfig,
  upstreamsOf,
  upstreamText,
} from './resolver-config.js';
import { formatUpstream, type Upstream } from './upstream.js';

/** A resolver that did not answer is asked after the others for so long. */
const AVOID_MS = 30_000;
/** Resolvers whose failures are remembered; configurations have a handful. */
const JUDGED_MAX = 64;

interface Waiter {
  readonly id: QueryId;
  readonly transport: 'udp' | 'tcp';
  readonly query: DnsMessage;
  readonly bytes: Uint8Array;
}

interface Running {
  readonly key: string;
  readonly run: QuestionRun;
  readonly waiters: Waiter[];
}

interface OpenExchange {
  readonly upstream: Upstream;
  readonly transport: DnsTransport;
  readonly bytes: Uint8Array;
  readonly key: string;
}

const failure = (rcode: number) => ({ rcode, authoritative: false, records: [] });

export class DnsResolver {
  readonly counters = new Counters();
  readonly #random: Random;
  readonly #cache = new AnswerCache();
  readonly #outputs: ResolverOutput[] = [];
  readonly #running = new Map<string, Running>();
  readonly #exchanges = new Map<ExchangeId, OpenExchange>();
  /** Who did not answer, and when. */
  readonly #failedAt = new RecentMap<string, Instant>(JUDGED_MAX);
  #config: ResolverConfig = emptyConfig();
  #nextExchange: ExchangeId = 1;
  /** Of the input that is being handled. */
  #now = instant(0);

  constructor(random: Random) {
    this.#random = random;
  }

  /** Kept answers. */
  get cached(): number {
    return this.#cache.size;
  }

  handle(input: ResolverInput, now: Instant): void {
    this.#now = now;
    switch (input.type) {
      case 'configure':
        // What another resolver said of a name is nothing worth any more.
        if (upstreamText(input.config) !== upstreamText(this.#config)) this.#cache.clear();
        this.#config = input.config;
        break;
      case 'query':
        this.#query(input, now);
        break;
      case 'upstream-answer':
        this.#runOf(input.exchange)?.run.answered(input.exchange, input.bytes, now);
        break;
      case 'upstream-failed':
        this.counters.add('dns-upstream-unreachable');
        this.#runOf(input.exchange)?.run.failed(input.exchange, now);
        break;
      case 'timeout':
        for (const { run } of this.#running.values()) run.advance(now);
        break;
    }
    this.#finish(now);
  }

  poll(): ResolverOutput | undefined {
    return this.#outputs.shift();
  }

  nextTimeout(): Instant | undefined {
    let next: Instant | undefined;
    for (const { run } of this.#running.values()) next = earliest(next, run.nextTimeout());
    return next;
  }

  #query(input: Extract<ResolverInput, { type: 'query' }>, now: Instant): void {
    const { id, transport, bytes } = input;
    this.counters.add('dns-queries');
    const query = decodeMessage(bytes);
    if (isFailure(query)) {
      this.counters.add(query.reason);
      this.#answer(id, unreadableAnswer(bytes));
      return;
    }
    if (isResponse(query)) {
      this.counters.add('dns-answer-unasked');
      this.#answer(id, undefined);
      return;
    }
    const waiter: Waiter = { id, transport, query, bytes };
    const refused = this.#refusal(query);
    if (refused !== undefined) {
      this.#give(waiter, encodeAnswer(query, bytes, failure(refused)));
      return;
    }
    const local = answerLocally(
      { ...this.#config, isRouted: (name) => isRouted(this.#config, name) },
      query.question,
    );
    if (local === undefined) {
      this.#forward(waiter, now);
      return;
    }
    this.counters.add('dns-local');
    this.#give(waiter, encodeAnswer(query, bytes, local));
  }

  /** Why a well formed query is not looked at; undefined: it is. */
  #refusal(query: DnsMessage): number | undefined {
    if (opcodeOf(query) !== 0) return RCODE.notImplemented;
    return query.question.class === CLASS_INTERNET ? undefined : RCODE.refused;
  }

  #forward(waiter: Waiter, now: Instant): void {
    const { query } = waiter;
    const asked = {
      question: query.question,
      dnssecOk: query.edns?.dnssecOk === true,
      checkingDisabled: (query.flags & FLAG.checkingDisabled) !== 0,
    };
    const { name, type } = query.question;
    const key = `${name} ${type} ${asked.dnssecOk} ${asked.checkingDisabled}`;
    const kept = this.#cache.get(key, now);
    if (kept !== undefined) {
      this.counters.add('dns-from-cache');
      const ageS = Math.floor((now - kept.storedAt) / 1000);
      this.#give(waiter, adaptAnswer(query, waiter.bytes, kept.message, kept.bytes, ageS));
      return;
    }
    const running = this.#running.get(key);
    if (running !== undefined) {
      if (running.waiters.length < waitersMax) running.waiters.push(waiter);
      else this.#fail(waiter, 'dns-waiters-over-limit');
      return;
    }
    const upstreams = this.#sorted(upstreamsOf(this.#config, name), now);
    if (upstreams.length === 0) {
      this.#fail(waiter, 'dns-no-upstream');
    } else if (this.#running.size >= questionsMax) {
      this.#fail(waiter, 'dns-questions-over-limit');
    } else {
      this.counters.add('dns-forwarded');
      const run = new QuestionRun(asked, upstreams, this.#ioOf(key), now);
      this.#running.set(key, { key, run, waiters: [waiter] });
    }
  }

  /** Those that did not answer lately come last. */
  #sorted(upstreams: readonly Upstream[], now: Instant): readonly Upstream[] {
    const isAvoided = (upstream: Upstream): boolean => {
      const failedAt = this.#failedAt.get(formatUpstream(upstream));
      return failedAt !== undefined && now < after(failedAt, AVOID_MS);
    };
    return [
      ...upstreams.filter((upstream) => !isAvoided(upstream)),
      ...upstreams.filter(isAvoided),
    ];
  }

  #ioOf(key: string) {
    return {
      open: (upstream: Upstream, transport: DnsTransport, bytes: Uint8Array) => {
        if (this.#exchanges.size >= exchangesMax) {
          this.counters.add('dns-exchanges-over-limit');
          return undefined;
        }
        const exchange = this.#nextExchange++;
        this.#exchanges.set(exchange, { upstream, transport, bytes, key });
        this.#outputs.push({ type: 'ask', exchange, upstream, transport, bytes });
        return exchange;
      },
      again: (exchange: ExchangeId) => {
        const open = this.#exchanges.get(exchange);
        if (open !== undefined) this.#outputs.push({ type: 'ask', exchange, ...open });
      },
      close: (exchange: ExchangeId) => {
        if (this.#exchanges.delete(exchange)) this.#outputs.push({ type: 'cancel', exchange });
      },
      randomId: () => viewOf(this.#random.fill(new Uint8Array(2))).getUint16(0),
      count: (name: string) => this.counters.add(name),
      judged: (upstream: Upstream, works: boolean) => {
        const text = formatUpstream(upstream);
        if (works) this.#failedAt.delete(text);
        else this.#failedAt.set(text, this.#now);
      },
    };
  }

  #runOf(exchange: ExchangeId): Running | undefined {
    const key = this.#exchanges.get(exchange)?.key;
    return key === undefined ? undefined : this.#running.get(key);
  }

  /** Answers who waits for runs that have ended. */
  #finish(now: Instant): void {
    for (const { key, run, waiters } of [...this.#running.values()]) {
      if (!run.isOver) continue;
      this.#running.delete(key);
      const { result } = run;
      if (result !== undefined) this.#cache.put(key, result.message, result.bytes, now);
      for (const waiter of waiters) {
        if (result === undefined) {
          this.#fail(waiter, 'dns-no-answer');
          continue;
        }
        const { query, bytes } = waiter;
        this.#give(waiter, adaptAnswer(query, bytes, result.message, result.bytes, 0));
      }
    }
  }

  #fail(waiter: Waiter, reason: string): void {
    this.counters.add(reason);
    const { query, bytes } = waiter;
    this.#give(waiter, encodeAnswer(query, bytes, failure(RCODE.serverFailure)));
  }

  #give({ id, transport, query }: Waiter, answer: Uint8Array): void {
    const limit = transport === 'udp' ? udpBytesOf(query) : messageBytesMax;
    this.#answer(id, fitAnswer(query, answer, limit));
  }

  #answer(id: QueryId, bytes: Uint8Array | undefined): void {
    this.#outputs.push({ type: 'answer', id, bytes });
  }
}

/** "Format error" to what looks like a query; nothing to the rest, which might be an answer that goes in circles. */
function unreadableAnswer(bytes: Uint8Array): Uint8Array | undefined {
  const id = messageId(bytes);
  const isQuery = id !== undefined && (viewOf(bytes).getUint16(2) & FLAG.response) === 0;
  return isQuery ? encodeHeaderAnswer(id, RCODE.formatError) : undefined;
}
