/**
 * What the history of a node is made of, and its place on disk: `history.json` in the state directory.
 *
 *     {"entries":[{"at":1767225600000,"peer":"nodekey:...","from":{"relay":901},"to":{"direct":"203.0.113.7:41641"},
 *                  "cause":"pong"},
 *                 {"at":1767225601000,"nat":true,"from":"easy","to":"hard","cause":"link-changed"}]}
 */
import { type WallTime, wallTime } from '@warren/core/base/instant';
import {
  asArray,
  asDisplayText,
  asInteger,
  asObject,
  asString,
  type JsonValue,
  parseJson,
} from '@warren/core/base/json';
import { encodeUtf8 } from '@warren/core/base/text';
import { type Endpoint, parseEndpoint } from '@warren/core/ip/address';
import { formatPublicKey, type NodeKey, parsePublicKey } from '@warren/core/keys/keys';
import type { NatClass } from '@warren/core/netmap/nat-description';

/** Days of a calm network, minutes of a flapping one; some tens of kilobytes. */
export const historyMax = 200;
const TEXT_MAX = 128;
const CAUSE_MAX = 64;

/** A way as the history keeps it: sockets have no meaning after a restart. */
export type PastPath =
  | { readonly kind: 'direct'; readonly remote: Endpoint }
  | { readonly kind: 'relay'; readonly regionId: number };

export type HistoryRecord =
  | {
      readonly kind: 'path';
      readonly at: WallTime;
      readonly peer: NodeKey;
      readonly from: PastPath | undefined;
      readonly to: PastPath | undefined;
      readonly cause: string;
    }
  | {
      readonly kind: 'nat';
      readonly at: WallTime;
      /** Undefined: the first that is known. */
      readonly from: NatClass | undefined;
      readonly to: NatClass;
      readonly cause: string;
    };

function pathJson(path: PastPath | undefined): JsonValue {
  if (path === undefined) return null;
  return path.kind === 'direct' ? { direct: path.remote } : { relay: path.regionId };
}

export function formatHistory(records: readonly HistoryRecord[]): string {
  const entries = records.map((record) => {
    const { at, cause } = record;
    if (record.kind === 'nat') {
      return { at, nat: true, from: record.from ?? null, to: record.to, cause };
    }
    const peer = formatPublicKey('node', record.peer);
    return { at, peer, from: pathJson(record.from), to: pathJson(record.to), cause };
  });
  return `${JSON.stringify({ entries })}\n`;
}

function parsePath(value: unknown): PastPath | undefined {
  const path = asObject(value);
  const remote = parseEndpoint(asString(path?.['direct'], TEXT_MAX) ?? '');
  if (remote !== undefined) return { kind: 'direct', remote };
  const regionId = asInteger(path?.['relay'], 1);
  return regionId === undefined ? undefined : { kind: 'relay', regionId };
}

function parseClass(value: unknown): NatClass | undefined {
  return (['none', 'easy', 'hard', 'unknown'] as const).find((word) => word === value);
}

function parseRecord(value: unknown): HistoryRecord | undefined {
  const entry = asObject(value);
  const at = asInteger(entry?.['at'], 0);
  const cause = asDisplayText(entry?.['cause'], CAUSE_MAX);
  if (entry === undefined || at === undefined || cause === '') return undefined;
  const base = { at: wallTime(at), cause };
  if (entry['nat'] === true) {
    const to = parseClass(entry['to']);
    if (to === undefined) return undefined;
    return { kind: 'nat', ...base, from: parseClass(entry['from']), to };
  }
  const peer = parsePublicKey('node', asString(entry['peer'], TEXT_MAX) ?? '');
  if (peer === undefined) return undefined;
  return {
    kind: 'path',
    ...base,
    peer,
    from: parsePath(entry['from']),
    to: parsePath(entry['to']),
  };
}

/** The newest {@link historyMax}, oldest first; undefined: the file makes no sense. */
export function parseHistory(text: string): HistoryRecord[] | undefined {
  const entries = asObject(parseJson(encodeUtf8(text)))?.['entries'];
  if (!Array.isArray(entries)) return undefined;
  const records = asArray(entries).slice(-historyMax).map(parseRecord);
  const good = records.filter((record) => record !== undefined);
  return good.length === records.length ? good : undefined;
}
