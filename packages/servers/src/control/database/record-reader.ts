/**
 * Reads the fields of our own records strictly: what makes no sense means that the file is damaged, and a
 * server that dropped it silently would give its address to somebody else.
 */
import { type WallTime, wallTime } from '@warren/core/base/instant';
import { asInteger, asObject, asString, type JsonObject } from '@warren/core/base/json';
import { parseRfc3339 } from '@warren/core/base/rfc3339';
import type { ReportedEndpoint } from '@warren/core/control/server/state';
import { type IpAddress, parseAddress, parseEndpoint } from '@warren/core/ip/address';
import { isZeroKey, type KeyKind, parsePublicKey } from '@warren/core/keys/keys';

/** Longest text of any field but host information. */
const TEXT_MAX = 1024;
/** Year 9999: the last that RFC 3339 can say. */
const TIME_MAX_MS = 253_402_300_799_999;

/** Thrown while records are read: they are damaged. */
export class Damage extends Error {}

export function damaged(what: string): never {
  throw new Damage(what);
}

/** One record; null and undefined are both "not there". */
export class RecordReader {
  readonly #record: JsonObject;

  constructor(value: unknown) {
    this.#record = asObject(value) ?? damaged('not a record');
  }

  has(field: string): boolean {
    return this.#record[field] !== undefined && this.#record[field] !== null;
  }

  text(field: string): string {
    return asString(this.#record[field], TEXT_MAX) ?? damaged(field);
  }

  integer(field: string, min: number): number {
    return asInteger(this.#record[field], min) ?? damaged(field);
  }

  integerOr<T>(field: string, min: number, missing: T): number | T {
    return this.has(field) ? this.integer(field, min) : missing;
  }

  /** True or false; databases say 1 and 0. */
  flag(field: string): boolean {
    const value = this.#record[field];
    if (typeof value === 'boolean') return value;
    return value === 0 || value === 1 ? value === 1 : damaged(field);
  }

  /** A time in milliseconds since 1970. */
  time(field: string): WallTime {
    return wallTime(asInteger(this.#record[field], 0, TIME_MAX_MS) ?? damaged(field));
  }

  timeOrNone(field: string): WallTime | undefined {
    return this.has(field) ? this.time(field) : undefined;
  }

  /** A time as RFC 3339 text. */
  timeText(field: string): WallTime {
    return parseRfc3339(this.text(field)) ?? damaged(field);
  }

  timeTextOrNone(field: string): WallTime | undefined {
    return this.has(field) ? this.timeText(field) : undefined;
  }

  object(field: string): JsonObject {
    return asObject(this.#record[field]) ?? damaged(field);
  }

  objectOrNone(field: string): JsonObject | undefined {
    return this.has(field) ? this.object(field) : undefined;
  }

  list<T>(field: string, read: (entry: unknown) => T): readonly T[] {
    const list = this.#record[field];
    return Array.isArray(list) ? list.map(read) : damaged(field);
  }

  /** The value of JSON in a text field, of any length. */
  json(field: string): unknown {
    const text = this.#record[field];
    try {
      return typeof text === 'string' ? JSON.parse(text) : damaged(field);
    } catch {
      return damaged(field);
    }
  }

  address(field: string): IpAddress {
    return parseAddress(this.text(field)) ?? damaged(field);
  }

  key<Kind extends KeyKind>(
    kind: Kind,
    field: string,
  ): NonNullable<ReturnType<typeof parsePublicKey<Kind>>> {
    const key = parsePublicKey(kind, this.text(field));
    return key === undefined || isZeroKey(key) ? damaged(field) : key;
  }
}

export const readText = (entry: unknown): string => asString(entry, TEXT_MAX) ?? damaged('text');

export function readEndpoint(value: unknown): ReportedEndpoint {
  const read = new RecordReader(value);
  const endpoint = parseEndpoint(read.text('endpoint')) ?? damaged('endpoint');
  return { endpoint, type: read.integer('type', 0) };
}

/** A map of records by their id; two with one id are damage. */
export function byId<Id, Entry extends { readonly id: Id }>(
  entries: readonly Entry[],
): ReadonlyMap<Id, Entry> {
  const map = new Map(entries.map((entry) => [entry.id, entry]));
  return map.size === entries.length ? map : damaged('an id twice');
}
