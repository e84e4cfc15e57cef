/** What goes into the resolver and what comes out of it. */
import type { ResolverConfig } from './resolver-config.js';
import type { Upstream } from './upstream.js';

/** One client's query; numbers are the shell's, never used twice. */
export type QueryId = number;
/** One conversation with one resolver: a socket of its own, whose other end is checked by the shell. */
export type ExchangeId = number;
export type DnsTransport = 'udp' | 'tcp' | 'https';

export type ResolverInput =
  | { readonly type: 'configure'; readonly config: ResolverConfig }
  | {
      readonly type: 'query';
      readonly id: QueryId;
      readonly transport: 'udp' | 'tcp';
      readonly bytes: Uint8Array;
    }
  /** A message of the resolver that was asked. */
  | { readonly type: 'upstream-answer'; readonly exchange: ExchangeId; readonly bytes: Uint8Array }
  /** No answer will come: refused, unreachable, closed. */
  | { readonly type: 'upstream-failed'; readonly exchange: ExchangeId; readonly reason: string }
  | { readonly type: 'timeout' };

export type ResolverOutput =
  /** Undefined: no answer at all, forget the query. */
  | { readonly type: 'answer'; readonly id: QueryId; readonly bytes: Uint8Array | undefined }
  /** Send this; for an exchange that is open already: send it again. */
  | {
      readonly type: 'ask';
      readonly exchange: ExchangeId;
      readonly upstream: Upstream;
      readonly transport: DnsTransport;
      readonly bytes: Uint8Array;
    }
  /** Close the exchange; nothing of it is wanted any more. */
  | { readonly type: 'cancel'; readonly exchange: ExchangeId };
