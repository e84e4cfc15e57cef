/**
 * A MapResponse as JSON, where the text of each node and patch is made once: a hundred viewers of one change
 * get the same objects, and writing a node out costs far more than copying its text.
 */
import type { WireMapResponse } from './wire.js';

const texts = new WeakMap<object, string>();

/** The JSON of one part, made once. */
export function textOf(part: object): string {
  let text = texts.get(part);
  if (text === undefined) {
    text = JSON.stringify(part);
    texts.set(part, text);
  }
  return text;
}

/** The same text as `JSON.stringify(response)`. Its parts must not be changed afterwards. */
export function encodeMapResponse(response: WireMapResponse): string {
  const fields: string[] = [];
  for (const [name, value] of Object.entries(response) as [string, unknown][]) {
    if (value === undefined) continue;
    fields.push(`${JSON.stringify(name)}:${encodeField(value)}`);
  }
  return `{${fields.join(',')}}`;
}

function encodeField(value: unknown): string {
  if (!Array.isArray(value)) {
    return typeof value === 'object' && value !== null ? textOf(value) : JSON.stringify(value);
  }
  const entries = (value as unknown[]).map((entry) =>
    typeof entry === 'object' && entry !== null ? textOf(entry) : JSON.stringify(entry),
  );
  return `[${entries.join(',')}]`;
}
