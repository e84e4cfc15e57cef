/**
 * Where commands write: results to stdout, everything about them to stderr. Colours only where a person
 * looks: NO_COLOR and FORCE_COLOR are heard, pipes and files stay plain.
 */
import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

/** The part of a tty.WriteStream that is used; pipes and files lack `isTTY`. */
export interface Sink {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Whether a stream gets colours. FORCE_COLOR decides when set (`0` and `false` are no), then NO_COLOR
 * (any text), then TERM=dumb, then whether the stream is a terminal.
 */
export function wantsColour(environment: Environment, isTty: boolean): boolean {
  const force = environment['FORCE_COLOR'];
  if (force !== undefined) return force !== '0' && force !== 'false';
  const forbid = environment['NO_COLOR'];
  if (forbid !== undefined && forbid !== '') return false;
  return isTty && environment['TERM'] !== 'dumb';
}

export class Terminal {
  readonly #out: Sink;
  readonly #err: Sink;
  readonly #colourOut: boolean;
  readonly #colourErr: boolean;

  constructor(out: Sink, err: Sink, environment: Environment) {
    this.#out = out;
    this.#err = err;
    this.#colourOut = wantsColour(environment, out.isTTY === true);
    this.#colourErr = wantsColour(environment, err.isTTY === true);
  }

  /** A line of the result. */
  print(line: string): void {
    this.#out.write(`${line}\n`);
  }

  /** A line about the work, which scripts that read stdout never see. */
  note(line: string): void {
    this.#err.write(`${line}\n`);
  }

  /** `text` styled for stdout. */
  paint(style: Style, text: string): string {
    return this.#colourOut ? styleText(style, text, { validateStream: false }) : text;
  }

  /** `text` styled for stderr. */
  paintNote(style: Style, text: string): string {
    return this.#colourErr ? styleText(style, text, { validateStream: false }) : text;
  }

  /** A value as an indented JSON document on stdout. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value, undefined, 2));
  }

  /** A value as one line of JSON on stdout, for streams. */
  printJsonLine(value: unknown): void {
    this.print(JSON.stringify(value));
  }
}
