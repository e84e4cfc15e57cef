/**
 * Readers for JSON of unknown origin. Each gives the value in the wanted shape or undefined; none throws,
 * and everything that grows has a limit.
 */
import { decodeUtf8 } from './text.js';

/** Whatever JSON can hold. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses UTF-8 JSON; undefined when it is neither valid UTF-8 nor JSON. JSON `null` is undefined too. */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  return text === undefined ? undefined : parseJsonText(text);
}

/** Parses JSON; undefined when it is none. JSON `null` is undefined too. */
export function parseJsonText(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}

/** True when JSON writes both alike. The order of fields counts, so what is compared keeps to one order. */
export function sameJson(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** An object that is neither null nor an array. */
export function asObject(value: unknown): JsonObject | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as JsonObject;
}

/** The array itself, or an empty one for anything else. Callers bound how far they read. */
export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** The entries of an object, or none. */
export function asEntries(value: unknown): readonly (readonly [string, unknown])[] {
  const object = asObject(value);
  return object === undefined ? [] : Object.entries(object);
}

export function asBoolean(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

/** An integer that a double holds exactly, within the bounds. */
export function asInteger(
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
    ? (value as number)
    : undefined;
}

/** A string of at most `lengthMax` UTF-16 units. */
export function asString(value: unknown, lengthMax: number): string | undefined {
  return typeof value === 'string' && value.length <= lengthMax ? value : undefined;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
const UNSAFE_TO_PRINT = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text that a person will see: without control and direction-override characters (a terminal would obey
 * them), cut to `lengthMax`. Anything but a string gives ''.
 */
export function asDisplayText(value: unknown, lengthMax: number): string {
  if (typeof value !== 'string') return '';
  return value.slice(0, lengthMax).replace(UNSAFE_TO_PRINT, '');
}
