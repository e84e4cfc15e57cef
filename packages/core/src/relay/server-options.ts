/** What a relay server is made of, and how large it may grow. */
import type { NodeKey, RelayPrivateKey } from '../keys/keys.js';
import type { Crypto, Random } from '../ports.js';
import type { AddressTokens } from '../stun/address-tokens.js';
import type { TokenBucketLimit } from './hello.js';

export interface RelayServerOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly privateKey: RelayPrivateKey;
  /** Who may use this relay, asked when a client has proved its key; undefined: everybody. */
  readonly admit?: ((key: NodeKey, source: string) => boolean) | undefined;
  /** Told to each client, which paces itself; what exceeds twice the burst is dropped. */
  readonly clientLimit?: TokenBucketLimit | undefined;
  /** Ping clients that can answer after this much silence and close those that don't; undefined: never. */
  readonly pingSilentAfterMs?: number | undefined;
  /** The shell can send datagrams from its STUN socket: clients are told so. */
  readonly dialsBack?: boolean | undefined;
  /** Those that the STUN server beside it gives; undefined: none, and checks are refused. */
  readonly addressTokens?: AddressTokens | undefined;
  readonly limits?: Partial<RelayServerLimits>;
}

/** Sizes that depend on the machine the relay runs on. */
export interface RelayServerLimits {
  readonly connectionsMax: number;
  /** Connections that have not proved a key yet, in all and of one source address. */
  readonly handshakesMax: number;
  readonly handshakesPerSourceMax: number;
  /** Packets that wait for slow readers, all together. */
  readonly queuedBytesMax: number;
}

/** A small server's file descriptors; 256 MiB is what such a machine can spare when every reader is slow. */
export const DEFAULT_LIMITS: RelayServerLimits = {
  connectionsMax: 20_000,
  handshakesMax: 2_000,
  handshakesPerSourceMax: 256,
  queuedBytesMax: 256 * 1024 * 1024,
};
