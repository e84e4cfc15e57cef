/**
 * HuJSON: JSON with comments and trailing commas, for files that people write. A file is one object; every
 * value knows its line, so that an error can name it.
 */
import {
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';
import { ConfigError } from '../errors.js';

/** A value of a file and where it stands. */
export class ConfigValue {
  readonly #source: Source;
  readonly #node: Node;

  /** For {@link parseHujson}. */
  constructor(source: Source, node: Node) {
    this.#source = source;
    this.#node = node;
  }

  /** `problem` completes a sentence whose subject is this value. */
  error(problem: string): ConfigError {
    return this.#source.error(this.#node.offset, problem);
  }

  /** Where it begins, from 1. */
  get line(): number {
    return this.#source.placeOf(this.#node.offset).line;
  }

  /** Throws CONFIG_INVALID when it is something else. */
  text(): string {
    const { value } = this.#node as { value?: unknown };
    if (typeof value !== 'string') throw this.error('a text in double quotes is expected here');
    return value;
  }

  /** A whole number within these bounds. Throws CONFIG_INVALID when it is something else. */
  integer(least: number, most: number): number {
    const { value } = this.#node as { value?: unknown };
    const isOne = Number.isSafeInteger(value) && (value as number) >= least;
    if (isOne && (value as number) <= most) return value as number;
    throw this.error(`a whole number from ${least} to ${most} is expected here`);
  }

  /** A number within these bounds, whole or not. Throws CONFIG_INVALID when it is something else. */
  number(least: number, most: number): number {
    const { value } = this.#node as { value?: unknown };
    if (typeof value === 'number' && value >= least && value <= most) return value;
    throw this.error(`a number from ${least} to ${most} is expected here`);
  }

  /** Throws CONFIG_INVALID when it is neither true nor false. */
  flag(): boolean {
    const { value } = this.#node as { value?: unknown };
    if (typeof value === 'boolean') return value;
    throw this.error('true or false is expected here');
  }

  /** Whatever it is, as plain JSON. */
  json(): unknown {
    return getNodeValue(this.#node);
  }

  /** Whether it is written in { }, where a setting may be an object or something simpler. */
  get isObject(): boolean {
    return this.#node.type === 'object';
  }

  /** The members of a list. Throws CONFIG_INVALID when it is something else. */
  list(): readonly ConfigValue[] {
    if (this.#node.type !== 'array') throw this.error('a list in [ ] is expected here');
    return (this.#node.children ?? []).map((child) => new ConfigValue(this.#source, child));
  }

  /** The fields of an object, whatever their names; of several with one name the last. Throws CONFIG_INVALID. */
  anyFields(): ReadonlyMap<string, ConfigValue> {
    if (!this.isObject) throw this.error('an object in { } is expected here');
    const fields = new Map<string, ConfigValue>();
    for (const { children: [key, value] = [] } of this.#node.children ?? []) {
      if (typeof key?.value !== 'string' || value === undefined) continue;
      fields.set(key.value, new ConfigValue(this.#source, value));
    }
    return fields;
  }

  /** The fields of an object with their names, which are the file's own. Throws CONFIG_INVALID; twice is one too many. */
  entries(): readonly ConfigEntry[] {
    if (!this.isObject) throw this.error('an object in { } is expected here');
    const seen = new Set<string>();
    return (this.#node.children ?? []).flatMap(({ children: [key, value] = [] }) => {
      if (key === undefined || value === undefined) return [];
      const name = new ConfigValue(this.#source, key);
      if (seen.has(name.text())) throw name.error(`"${name.text()}" is set twice`);
      seen.add(name.text());
      return [{ name, value: new ConfigValue(this.#source, value) }];
    });
  }

  /** The fields of an object; none but `names`, each at most once. Throws CONFIG_INVALID. */
  fields<Name extends string>(names: readonly Name[]): ReadonlyMap<Name, ConfigValue> {
    if (this.#node.type !== 'object') throw this.error('an object in { } is expected here');
    const fields = new Map<Name, ConfigValue>();
    for (const { children: [key, value] = [] } of this.#node.children ?? []) {
      if (key === undefined || value === undefined) continue;
      const name = names.find((candidate) => candidate === key.value);
      const known = names.join(', ');
      if (name === undefined) {
        throw this.#source.error(key.offset, `"${key.value}" is no setting; there is: ${known}`);
      }
      if (fields.has(name)) throw this.#source.error(key.offset, `"${name}" is set twice`);
      fields.set(name, new ConfigValue(this.#source, value));
    }
    return fields;
  }
}

/** A field whose name is a value too: errors may be about it. */
export interface ConfigEntry {
  readonly name: ConfigValue;
  readonly value: ConfigValue;
}

/** The file that errors speak of. */
class Source {
  readonly #path: string;
  readonly #text: string;
  /** Made when the first place is asked for. */
  #lineStarts: readonly number[] | undefined;

  constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
  }

  error(offset: number, problem: string): ConfigError {
    const { line, column } = this.placeOf(offset);
    return new ConfigError(this.#path, line, column, problem);
  }

  /** Both from 1. */
  placeOf(offset: number): { readonly line: number; readonly column: number } {
    this.#lineStarts ??= [0, ...[...this.#text.matchAll(/\n/g)].map(({ index }) => index + 1)];
    // The last line that begins at or before the place.
    let [low, high] = [0, this.#lineStarts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 };
  }
}

/** The object that a file holds; `path` is for errors. Throws CONFIG_INVALID, naming the line. */
export function parseHujson(path: string, bytes: Uint8Array): ConfigValue {
  const text = textOf(path, bytes);
  const source = new Source(path, text);
  const errors: ParseError[] = [];
  let root: Node | undefined;
  try {
    root = parseTree(text, errors, { allowTrailingComma: true });
  } catch (error) {
    // The parser goes down as deep as the text.
    if (error instanceof RangeError) throw source.error(0, 'it is nested too deeply');
    throw error;
  }
  const [first] = errors;
  if (first !== undefined) throw source.error(first.offset, wordsOf(first));
  if (root?.type !== 'object')
    throw source.error(root?.offset ?? 0, 'one object in { } is expected');
  return new ConfigValue(source, root);
}

function textOf(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError(path, 1, 1, 'it is not UTF-8 text');
  }
}

/** `CommaExpected` as `comma expected`. */
function wordsOf({ error }: ParseError): string {
  return printParseErrorCode(error)
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .trim();
}
