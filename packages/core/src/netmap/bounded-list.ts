/**
 * Lists in control's JSON: read up to a limit, each drop counted. Anything but an array is an empty list.
 * Which names count, and how many entries are too many, is the caller's business (limits.ts).
 */
import type { Counters } from '../base/counters.js';
import { type DecodeFailure, isFailure } from '../base/failure.js';
import { asArray, asString } from '../base/json.js';
import { tokenLengthMax } from './limits.js';

/** How far a list is read, and the counters of what is dropped from it. */
export interface ListBounds {
  readonly max: number;
  /** Once for each entry that is unusable. */
  readonly malformed: string;
  /** Once for a list: the rest of it isn't read. */
  readonly overLimit: string;
}

/** The entries that `decode` accepts, in order. */
export function decodeList<T>(
  value: unknown,
  bounds: ListBounds,
  counters: Counters,
  decode: (entry: unknown) => T | DecodeFailure | undefined,
): readonly T[] {
  const list: T[] = [];
  for (const entry of asArray(value)) {
    if (list.length >= bounds.max) {
      counters.add(bounds.overLimit);
      break;
    }
    const decoded = decode(entry);
    if (decoded === undefined || isFailure(decoded)) counters.add(bounds.malformed);
    else list.push(decoded);
  }
  return list;
}

/** The different values of a list of texts, in the order of their first appearance. */
export function decodeDistinct<T>(
  value: unknown,
  bounds: ListBounds,
  counters: Counters,
  parse: (text: string) => T | undefined,
): readonly T[] {
  const values = new Set<T>();
  for (const entry of asArray(value)) {
    const text = asString(entry, tokenLengthMax);
    const parsed = text === undefined ? undefined : parse(text);
    if (parsed === undefined) {
      counters.add(bounds.malformed);
    } else if (values.size >= bounds.max) {
      counters.add(bounds.overLimit);
      break;
    } else {
      values.add(parsed);
    }
  }
  return [...values];
}
