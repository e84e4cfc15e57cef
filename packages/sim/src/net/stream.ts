/**
 * Reliable streams between a host and a public server: TCP and TLS as far as they matter here. Messages cross
 * in order; what breaks a stream is what breaks TCP.
 *
 *     dial       three round trips (TCP, TLS, upgrade), lost segments again after 1, 2, 4 s, 10 s in all
 *     host moves its end is deaf and mute; the server hears nothing of it
 *     NAT reboot the client's next write is reset, the server's are lost
 *     server ends its clients hear it once they can be reached, or are reset when they next write
 */
import { familyOf, type IpAddress, type IpFamily } from '@warren/core/ip/address';
import type { SimClock } from '../clock/sim-clock.js';
import type { Trace } from '../clock/trace.js';
import type { Host } from './host.js';
import type { Internet } from './internet.js';
import type { Plug } from './plug.js';
import { type SegmentFate, StreamLane } from './stream-lane.js';

const DIAL_ROUND_TRIPS = 3;
const DIAL_RETRY_MS = 1000;
const DIAL_TIMEOUT_MS = 10_000;

/** What one end hears. `onClosed` at most once, never after its own `close()`. */
export interface StreamEvents<In> {
  readonly onMessage: (message: In) => void;
  readonly onClosed: (reason: string) => void;
}

/** One end of a stream. */
export interface StreamEnd<In, Out> {
  /** Set by the owner before anything can arrive. */
  events: StreamEvents<In> | undefined;
  readonly bufferedBytes: number;
  write(message: Out, bytes: number, onTaken?: () => void): void;
  /** What was written still leaves; nothing is heard any more. */
  close(): void;
}

/** Takes the server's end of a new stream. `source` is the client's address as the server sees it. */
export type Accept<In, Out> = (end: StreamEnd<In, Out>, source: IpAddress) => void;

export interface StreamWorld {
  readonly clock: SimClock;
  readonly internet: Internet;
  readonly trace: Trace;
}

/** The server's side: a port that accepts while its process runs. */
export class StreamServer<In, Out> {
  readonly host: Host;
  readonly name: string;
  /** Undefined: the process doesn't run. */
  #accept: Accept<In, Out> | undefined;
  readonly #streams = new Set<Stream<Out, In>>();

  constructor(host: Host, name: string) {
    this.host = host;
    this.name = name;
  }

  get isUp(): boolean {
    return this.#accept !== undefined;
  }

  start(accept: Accept<In, Out>): void {
    this.#accept = accept;
  }

  /** The process ends: every client that can be reached hears it. */
  stop(): void {
    this.#accept = undefined;
    for (const stream of [...this.#streams]) stream.serverEnded();
    this.#streams.clear();
  }

  /** Called when a dial is complete; false: nobody listens. */
  adopt(stream: Stream<Out, In>, source: IpAddress): boolean {
    if (this.#accept === undefined) return false;
    this.#streams.add(stream);
    this.#accept(stream.server, source);
    return true;
  }

  /** When a stream of this client last waited for the repetition of a lost segment. */
  stalledAtMs(client: Host): number {
    const streams = [...this.#streams].filter(({ host }) => host === client);
    return Math.max(Number.NEGATIVE_INFINITY, ...streams.map((stream) => stream.stalledAtMs));
  }

  forget(stream: Stream<Out, In>): void {
    this.#streams.delete(stream);
  }
}

export interface Dial {
  /** Gives the dial up; nothing is called any more. */
  cancel(): void;
}

/** Dials a server; exactly one of the two is called, unless cancelled. */
export function dial<In, Out>(
  world: StreamWorld,
  host: Host,
  server: StreamServer<Out, In>,
  onOpen: (end: StreamEnd<In, Out>) => void,
  onFailed: (reason: string) => void,
): Dial {
  let cancelled = false;
  const { clock, internet } = world;
  const deadline = clock.now + DIAL_TIMEOUT_MS;
  const plug = host.plug;
  const fail = (reason: string): void => {
    cancelled = true;
    onFailed(reason);
  };
  const step = (done: number, retryMs: number): void => {
    if (cancelled) return;
    if (clock.now >= deadline) {
      fail('connect-timeout');
      return;
    }
    const target = server.host.plug?.uplink;
    if (plug !== undefined && sourceAt(plug, server.host) === undefined) {
      fail('network-unreachable');
      return;
    }
    const isLost =
      plug === undefined ||
      host.plug !== plug ||
      target === undefined ||
      internet.losesSegment(plug.uplink, target);
    if (isLost) {
      clock.later(Math.min(retryMs, deadline - clock.now), () => step(done, 2 * retryMs));
      return;
    }
    clock.later(2 * internet.oneWayMs(plug.uplink, target), () => {
      if (cancelled) return;
      if (!server.isUp) fail('connection-refused');
      else if (done + 1 < DIAL_ROUND_TRIPS) step(done + 1, DIAL_RETRY_MS);
      else open(plug);
    });
  };
  const open = (at: Plug): void => {
    cancelled = true;
    const source = sourceAt(at, server.host);
    const stream = new Stream<In, Out>(world, host, at, server);
    onOpen(stream.client);
    if (source !== undefined) server.adopt(stream, source);
  };
  clock.later(0, () => step(0, DIAL_RETRY_MS));
  return {
    cancel: () => {
      cancelled = true;
    },
  };
}

/**
 * The address under which a server sees who dials it from a plug: by IPv4 where both have it, else by IPv6,
 * else by the translation of the network (NAT64). Undefined: there is no way.
 */
function sourceAt(plug: Plug, { addresses }: Host): IpAddress | undefined {
  const serverHas = (family: IpFamily): boolean =>
    addresses.some((address) => familyOf(address) === family);
  const translated = plug.uplink.addresses.find((address) => familyOf(address) === 4);
  if (serverHas(4) && plug.sourceFor(4) !== undefined) return translated;
  const own = plug.sourceFor(6);
  if (serverHas(6) && own !== undefined) return own;
  return serverHas(4) && plug.hasNat64 ? translated : undefined;
}

/** One connection; `In` and `Out` as its client sees them. */
class Stream<In, Out> {
  readonly client: StreamEnd<In, Out>;
  readonly server: StreamEnd<Out, In>;
  readonly #world: StreamWorld;
  readonly #host: Host;
  readonly #plug: Plug;
  readonly #epoch: number;
  readonly #to: StreamServer<Out, In>;
  readonly #up: StreamLane;
  readonly #down: StreamLane;
  #isClientOpen = true;
  #isServerOpen = true;

  constructor(world: StreamWorld, host: Host, plug: Plug, server: StreamServer<Out, In>) {
    this.#world = world;
    this.#host = host;
    this.#plug = plug;
    this.#epoch = plug.epoch;
    this.#to = server;
    const { clock } = world;
    const oneWayMs = (): number => this.#oneWayMs();
    this.#up = new StreamLane({
      clock,
      oneWayMs,
      fate: () => this.#fate('up'),
      onReset: () => this.#endClient('connection-reset'),
      onGiveUp: () => this.#endClient('connection-timeout'),
    });
    this.#down = new StreamLane({
      clock,
      oneWayMs,
      fate: () => this.#fate('down'),
      onReset: () => this.#endServer('connection-reset'),
      onGiveUp: () => this.#endServer('connection-timeout'),
    });
    this.client = this.#end<In, Out>(
      this.#up,
      () => this.#isClientOpen,
      () => (this.#isClientOpen = false),
      (message) => {
        if (!this.#isServerOpen) return;
        this.#note('up', message);
        this.server.events?.onMessage(message);
      },
      () => this.#endServer('connection-closed'),
    );
    this.server = this.#end<Out, In>(
      this.#down,
      () => this.#isServerOpen,
      () => {
        this.#isServerOpen = false;
        server.forget(this);
      },
      (message) => {
        if (!this.#isClientOpen) return;
        this.#note('down', message);
        this.client.events?.onMessage(message);
      },
      () => this.#endClient('connection-closed'),
    );
  }

  get host(): Host {
    return this.#host;
  }

  get stalledAtMs(): number {
    return Math.max(this.#up.stalledAtMs, this.#down.stalledAtMs);
  }

  /** The server's process is gone. */
  serverEnded(): void {
    if (!this.#isServerOpen) return;
    this.#isServerOpen = false;
    // The process is gone, its system is not: it says so until it is heard.
    this.#down.send(0, () => this.#endClient('connection-closed'));
  }

  #end<I, O>(
    lane: StreamLane,
    isOpen: () => boolean,
    markClosed: () => void,
    deliver: (message: O) => void,
    deliverEnd: () => void,
  ): StreamEnd<I, O> {
    return {
      events: undefined,
      get bufferedBytes() {
        return lane.bufferedBytes;
      },
      write(message, bytes, onTaken) {
        if (isOpen()) lane.send(bytes, () => deliver(message), onTaken);
      },
      close() {
        if (!isOpen()) return;
        markClosed();
        lane.send(0, deliverEnd);
      },
    };
  }

  #fate(direction: 'up' | 'down'): SegmentFate {
    const target = this.#to.host.plug?.uplink;
    const isMoved = this.#host.plug !== this.#plug;
    if (target === undefined || isMoved) return 'lost';
    if (this.#world.internet.losesSegment(this.#plug.uplink, target)) return 'lost';
    const isForgotten = this.#plug.epoch !== this.#epoch;
    if (direction === 'down') {
      if (isForgotten) return 'lost';
      return this.#isClientOpen ? 'arrives' : 'reset';
    }
    return isForgotten || !this.#isServerOpen ? 'reset' : 'arrives';
  }

  #oneWayMs(): number {
    const target = this.#to.host.plug?.uplink;
    return target === undefined ? 0 : this.#world.internet.oneWayMs(this.#plug.uplink, target);
  }

  #endClient(reason: string): void {
    if (!this.#isClientOpen) return;
    this.#isClientOpen = false;
    this.#up.end();
    this.client.events?.onClosed(reason);
  }

  #endServer(reason: string): void {
    if (!this.#isServerOpen) return;
    this.#isServerOpen = false;
    this.#down.end();
    this.#to.forget(this);
    this.server.events?.onClosed(reason);
  }

  #note(direction: 'up' | 'down', message: unknown): void {
    const content = message instanceof Uint8Array ? message : '';
    this.#world.trace.note('stream', this.#to.name, this.#host.name, direction, content);
  }
}
