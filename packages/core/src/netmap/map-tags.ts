/**
 * Tags of a map's parts, by which a client that lost its stream is told only what changed since: the same idea
 * as HTTP's entity tags. The server puts a tag beside each part that it states, the client gives them back with
 * its next poll. Nothing is kept for it on the server, so it works across the server's restart too.
 *
 *     poll:      "WarrenHeld": {"Head": {"Node": TAG, "DERPMap": TAG, ...}, "Peers": {"12": TAG, ...}}; {}: nothing
 *     messages:  "WarrenTags": the same shape, of what this message states
 *     resumed:   "WarrenResumed": true in the first message: it is a change of what the client holds, no full map
 *
 * A tag is opaque to clients: 8 bytes of BLAKE2s of the part's JSON as base64url. Servers that don't know the
 * field pass over it, and clients without it get no tags.
 */
import { asEntries, asInteger, asObject, asString } from '../base/json.js';
import { peersMax } from './limits.js';
import type { WireHeadPart } from './wire.js';

/** Of 8 bytes as base64url; longer ones are no tags of ours. */
const tagLengthMax = 16;

export const HEAD_PARTS: readonly WireHeadPart[] = [
  'Node',
  'DERPMap',
  'DNSConfig',
  'PacketFilters',
  'SSHPolicy',
];

/** What somebody states or holds. */
export interface MapTags {
  readonly head: ReadonlyMap<WireHeadPart, string>;
  readonly peers: ReadonlyMap<number, string>;
}

/** Decodes tags of either direction; undefined: none are spoken of. Odd entries are none: what has no tag is stated whole. */
export function decodeMapTags(value: unknown): MapTags | undefined {
  const tags = asObject(value);
  if (tags === undefined) return undefined;
  const given = asObject(tags['Head']);
  const head = new Map<WireHeadPart, string>();
  for (const part of HEAD_PARTS) {
    const tag = asString(given?.[part], tagLengthMax);
    if (tag !== undefined && tag !== '') head.set(part, tag);
  }
  const peers = new Map<number, string>();
  for (const [key, entry] of asEntries(tags['Peers'])) {
    const id = asInteger(Number(key), 1);
    const tag = asString(entry, tagLengthMax);
    if (peers.size >= peersMax) break;
    if (id !== undefined && tag !== undefined && tag !== '') peers.set(id, tag);
  }
  return { head, peers };
}
