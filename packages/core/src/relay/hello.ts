/**
 * The two sealed introductions of a DERP connection.
 *
 *     server -> ServerKey   its public key, in clear
 *     client -> ClientInfo  client key | nonce | box(JSON), sealed by the client's node key to the server's key
 *     server -> ServerInfo  nonce | box(JSON), sealed the other way round
 *
 * The box proves possession of the node key. Nothing fresh of the server goes into it, so a recorded ClientInfo
 * can be replayed to the same server key; what it would receive is sealed end to end.
 *
 * JSON names are exact; unknown names are ignored, so `WarrenDialBack` tells Warren's clients what to ask for and
 * official ones nothing.
 */
import { type DecodeFailure, fail } from '../base/failure.js';
import { asDisplayText, asInteger, asObject, type JsonObject, parseJson } from '../base/json.js';
import { encodeUtf8 } from '../base/text.js';
import {
  isZeroKey,
  type NodeKey,
  type NodePrivateKey,
  publicKeyBytes,
  type RelayKey,
  type RelayPrivateKey,
} from '../keys/keys.js';
import type { Crypto, Random } from '../ports.js';
import { encodeClientInfo, encodeServerInfo } from './encode-frames.js';
import { NONCE_BYTES, PROTOCOL_VERSION } from './frames.js';

/** What a client says of itself. */
export interface ClientInfo {
  readonly version: number;
  /** The client answers Ping. */
  readonly canAckPings: boolean;
  readonly isProber: boolean;
  /** Statistics label; empty when there is none. */
  readonly appName: string;
  /** 64 hex digits; only servers of the same region know it. */
  readonly meshKey: string | undefined;
}

/** What a server says of itself: at most this much per second, counting 5 + 32 + packet bytes. */
export interface ServerInfo {
  readonly version: number;
  /** Undefined: no limit told. */
  readonly tokenBucket: TokenBucketLimit | undefined;
  /** It sends a datagram back to who asks for one. */
  readonly dialsBack: boolean;
}

export interface TokenBucketLimit {
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
}

/** Why an introduction was refused. */
export type HelloFailure = 'unusable-key' | 'box-not-opening' | 'bad-json';

/** The shared key of the box and the peer it is shared with. */
export interface ClientHello {
  readonly info: ClientInfo;
  readonly shared: Uint8Array;
}

/** Labels are for statistics pages, not for prose. */
const APP_NAME_MAX_CHARACTERS = 64;

/**
 * The key of the boxes between two peers; a failure for a zero key or one of low order, with which everybody
 * would share the same secret.
 */
export function shareKey(
  crypto: Crypto,
  privateKey: NodePrivateKey | RelayPrivateKey,
  publicKey: NodeKey | RelayKey,
): Uint8Array | DecodeFailure<HelloFailure> {
  if (isZeroKey(publicKey)) return fail('unusable-key');
  return crypto.boxShared(privateKey, publicKeyBytes(publicKey)) ?? fail('unusable-key');
}

function freshNonce(random: Random): Uint8Array {
  return random.fill(new Uint8Array(NONCE_BYTES));
}

/** The client's ClientInfo frame. Absent names are left out: an empty mesh key is an error to the other side. */
export function sealClientInfo(
  crypto: Crypto,
  random: Random,
  shared: Uint8Array,
  clientKey: NodeKey,
  info: ClientInfo,
): Uint8Array {
  const json = JSON.stringify({
    version: info.version === 0 ? undefined : info.version,
    meshKey: info.meshKey,
    CanAckPings: info.canAckPings,
    IsProber: info.isProber ? true : undefined,
    AppName: info.appName === '' ? undefined : info.appName,
  });
  const nonce = freshNonce(random);
  return encodeClientInfo(clientKey, nonce, crypto.boxSeal(shared, nonce, encodeUtf8(json)));
}

/** Opens a ClientInfo. `clientKey`, `nonce` and `box` are the frame's. */
export function openClientInfo(
  crypto: Crypto,
  serverPrivateKey: RelayPrivateKey,
  clientKey: NodeKey,
  nonce: Uint8Array,
  box: Uint8Array,
): ClientHello | DecodeFailure<HelloFailure> {
  const shared = shareKey(crypto, serverPrivateKey, clientKey);
  if (!(shared instanceof Uint8Array)) return shared;
  const plain = crypto.boxOpen(shared, nonce, box);
  if (plain === undefined) return fail('box-not-opening');
  const json = asObject(parseJson(plain));
  const info = json === undefined ? undefined : parseClientInfo(json);
  return info === undefined ? fail('bad-json') : { info, shared };
}

function parseClientInfo(json: JsonObject): ClientInfo | undefined {
  const version = json['version'] === undefined ? 0 : asInteger(json['version'], 0);
  const meshKey = json['meshKey'];
  const flags = [json['CanAckPings'], json['IsProber']];
  if (version === undefined || flags.some((flag) => !isOptionalBoolean(flag))) return undefined;
  if (meshKey !== undefined && (typeof meshKey !== 'string' || !/^[0-9a-f]{64}$/.test(meshKey))) {
    return undefined;
  }
  return {
    version,
    canAckPings: flags[0] === true,
    isProber: flags[1] === true,
    appName: asDisplayText(json['AppName'], APP_NAME_MAX_CHARACTERS),
    meshKey,
  };
}

/** The official server takes null for false. */
function isOptionalBoolean(value: unknown): boolean {
  return value === undefined || value === null || typeof value === 'boolean';
}

/** The server's ServerInfo frame. */
export function sealServerInfo(
  crypto: Crypto,
  random: Random,
  shared: Uint8Array,
  info: ServerInfo,
): Uint8Array {
  const json = JSON.stringify({
    version: info.version,
    TokenBucketBytesPerSecond: info.tokenBucket?.bytesPerSecond,
    TokenBucketBytesBurst: info.tokenBucket?.burstBytes,
    WarrenDialBack: info.dialsBack ? true : undefined,
  });
  const nonce = freshNonce(random);
  return encodeServerInfo(nonce, crypto.boxSeal(shared, nonce, encodeUtf8(json)));
}

/** Opens a ServerInfo with the key that sealed our ClientInfo. A limit that makes no sense counts as none. */
export function openServerInfo(
  crypto: Crypto,
  shared: Uint8Array,
  nonce: Uint8Array,
  box: Uint8Array,
): ServerInfo | DecodeFailure<HelloFailure> {
  const plain = crypto.boxOpen(shared, nonce, box);
  if (plain === undefined) return fail('box-not-opening');
  const json = asObject(parseJson(plain));
  if (json === undefined) return fail('bad-json');
  const bytesPerSecond = asInteger(json['TokenBucketBytesPerSecond'], 1);
  const burstBytes = asInteger(json['TokenBucketBytesBurst'], 0) ?? 0;
  return {
    version: asInteger(json['version'], 0) ?? 0,
    tokenBucket: bytesPerSecond === undefined ? undefined : { bytesPerSecond, burstBytes },
    dialsBack: json['WarrenDialBack'] === true,
  };
}

/** What this implementation says as a client without privileges. */
export function plainClientInfo(appName: string): ClientInfo {
  return {
    version: PROTOCOL_VERSION,
    canAckPings: true,
    isProber: false,
    appName,
    meshKey: undefined,
  };
}
