/** What a fleet's parent and its processes say to each other. */

/** Where the clients go. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** `mkey:…`, as the server states it. */
  readonly serverKey: string;
}

/** How a client comes back: as stock ones do, for a whole map; or with what it holds, for what changed since. */
export type Kind = 'stock' | 'resuming';

export interface Member {
  readonly index: number;
  readonly authKey: string;
  /** Peers that it is to know in the end. */
  readonly peers: number;
}

export type Command =
  /** First, once. `nodes`: of the whole fleet. */
  | { readonly do: 'begin'; readonly target: Target; readonly nodes: number }
  /** Registers these and lets them stay; at most `atOnce` are on their way. Answered by `joined`, then `whole`. */
  | { readonly do: 'join'; readonly members: readonly Member[]; readonly atOnce: number }
  /** One client's endpoint becomes that of a change. */
  | { readonly do: 'change'; readonly index: number; readonly change: number }
  /** Whatever was noted of changes and delays since the last time. Answered by `noted`. */
  | { readonly do: 'note' }
  /** From now on only streams that are made anew count; clients come back as `kind`. Followed by `whole`. */
  | { readonly do: 'expect'; readonly kind: Kind }
  /** Ends all connections, and has the clients come back by themselves. */
  | { readonly do: 'drop' };

/** Times are milliseconds of the monotonic clock, which all processes share. */
export type Report =
  | { readonly is: 'begun' }
  /** All have tried. `firstAt`: when the first began; `refused`: what the server said to those that it did not want. */
  | { readonly is: 'joined'; readonly firstAt: number; readonly refused: readonly string[] }
  /**
   * All clients of this process know all peers that they are to know. `at`: since when, by client; `stranded`: how many
   * streams were opened anew because nothing that they lacked came any more.
   */
  | {
      readonly is: 'whole';
      readonly at: Float64Array;
      readonly resumed: number;
      readonly stranded: number;
    }
  | { readonly is: 'noted'; readonly notes: Notes };

export interface Notes {
  /** Numbers of changes sent by this process, and when. */
  readonly sent: readonly (readonly [number, number])[];
  /** By change: a client and when it heard of it, in turn. */
  readonly arrived: ReadonlyMap<number, Float64Array>;
  /** Connections that broke, by reason. */
  readonly broken: Readonly<Record<string, number>>;
  /** Clients that know all their peers, now. */
  readonly whole: number;
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
  /** Share of a processor that this process took. */
  readonly load: number;
  readonly residentMB: number;
}

/** Milliseconds that mean the same in every process of this computer. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
