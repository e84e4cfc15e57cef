/** One line of text for one event: `12:03:04.567 WARN  relay: slow reader closed  peer=5869aff4 ms=10000`. */
import { styleText } from 'node:util';
import type { DestinationStream } from 'pino';

/** Where lines go: process.stderr, or anything that takes text. */
export interface LogSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

const STYLES: Readonly<Record<string, Parameters<typeof styleText>[0]>> = {
  debug: 'gray',
  info: 'green',
  warn: 'yellow',
  error: 'red',
};

const CONTROL_CHARACTERS = /\p{Cc}/gu;

/** Peer text must not move the cursor or colour the terminal. */
function harmless(text: string): string {
  return text.replace(
    CONTROL_CHARACTERS,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}

/** Turns pino's JSON lines into text. Colours only where the sink is a terminal. */
export class TerminalStream implements DestinationStream {
  readonly #sink: LogSink;

  constructor(sink: LogSink) {
    this.#sink = sink;
  }

  write(line: string): void {
    const { time, level, part, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const label = String(level).toUpperCase().padEnd(5);
    const style = STYLES[String(level)];
    const colour = this.#sink.isTTY === true && style !== undefined;
    const rest = Object.entries(fields).map(([name, value]) => `${name}=${formatValue(value)}`);
    const text = harmless(
      `${typeof part === 'string' ? `${part}: ` : ''}${String(msg)}${rest.length > 0 ? '  ' : ''}${rest.join(' ')}`,
    );
    const clock = String(time).slice(11, 23);
    this.#sink.write(`${clock} ${colour ? styleText(style, label) : label} ${text}\n`);
  }
}
