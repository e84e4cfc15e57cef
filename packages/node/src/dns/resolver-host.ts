/** The resolver machine with real sockets behind it: queries come from anywhere, resolvers are asked over UDP and TCP. */
import type { QueryId, ResolverInput } from '@warren/core/dns/io';
import { DnsResolver } from '@warren/core/dns/resolver';
import type { ResolverConfig } from '@warren/core/dns/resolver-config';
import type { Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import { MachineTimer } from '@warren/shell/machine-timer';
import { UpstreamSockets } from './upstream-sockets.js';

export type Reply = (answer: Uint8Array | undefined) => void;

export class ResolverHost {
  readonly #clock: Clock;
  readonly #resolver: DnsResolver;
  readonly #timer: MachineTimer;
  readonly #upstreams: UpstreamSockets;
  readonly #replies = new Map<QueryId, Reply>();
  #nextId: QueryId = 1;
  #draining = false;
  #closed = false;

  constructor(random: Random, clock: Clock) {
    this.#clock = clock;
    this.#resolver = new DnsResolver(random);
    this.#upstreams = new UpstreamSockets({
      onAnswer: (exchange, bytes) => this.#handle({ type: 'upstream-answer', exchange, bytes }),
      onFailed: (exchange, reason) => this.#handle({ type: 'upstream-failed', exchange, reason }),
    });
    this.#timer = new MachineTimer(this.#resolver, clock, () => this.#handle({ type: 'timeout' }));
  }

  /** What was asked, answered and dropped, by kind. */
  counters(): Readonly<Record<string, number>> {
    return this.#resolver.counters.snapshot();
  }

  /** Counts what never became a query. */
  dropped(reason: string): void {
    this.#resolver.counters.add(reason);
  }

  /** Answers kept. */
  get cached(): number {
    return this.#resolver.cached;
  }

  configure(config: ResolverConfig): void {
    this.#handle({ type: 'configure', config });
  }

  /** `reply` is called once. */
  query(transport: 'udp' | 'tcp', bytes: Uint8Array, reply: Reply): void {
    if (this.#closed) {
      reply(undefined);
      return;
    }
    const id = this.#nextId++;
    this.#replies.set(id, reply);
    this.#handle({ type: 'query', id, transport, bytes });
  }

  close(): void {
    this.#closed = true;
    this.#timer.close();
    this.#upstreams.close();
    for (const reply of this.#replies.values()) reply(undefined);
    this.#replies.clear();
  }

  #handle(input: ResolverInput): void {
    if (this.#closed) return;
    this.#resolver.handle(input, this.#clock.now());
    // A failure that comes at once is handled by the loop that runs.
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (;;) {
        const output = this.#resolver.poll();
        if (output === undefined) break;
        if (output.type === 'ask') this.#upstreams.ask(output);
        else if (output.type === 'cancel') this.#upstreams.cancel(output.exchange);
        else this.#answer(output.id, output.bytes);
      }
    } finally {
      this.#draining = false;
    }
    this.#timer.rearm();
  }

  #answer(id: QueryId, bytes: Uint8Array | undefined): void {
    const reply = this.#replies.get(id);
    this.#replies.delete(id);
    reply?.(bytes);
  }
}
