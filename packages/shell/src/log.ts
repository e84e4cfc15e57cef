/**
 * Logs behind a small port, on pino. A terminal gets one readable line per event, everything else JSON.
 *
 * Secrets never reach a line: fields whose name says secret are hidden, byte arrays show only their length,
 * and private keys, auth keys and bearer tokens are cut out of any text.
 */
import { WarrenError } from '@warren/core/base/errors';
import { type DestinationStream, type Level, type Logger as PinoLogger, pino } from 'pino';
import { type LogSink, TerminalStream } from './log-terminal.js';

export type { LogSink } from './log-terminal.js';

export type LogFields = Readonly<Record<string, unknown>>;
export type LogLevel = Level | 'silent';

/** What everything in Warren logs to. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every line; `part` names the component in a terminal. */
  child(fields: LogFields): Logger;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Default: process.stderr. */
  readonly sink?: LogSink;
  /** Default: `text` on a terminal, else `json`. */
  readonly format?: 'text' | 'json';
}

/** Longer strings are cut: a log line is no place for documents of a peer. */
const TEXT_MAX_CHARACTERS = 2048;
const LIST_MAX_ENTRIES = 64;
const DEPTH_MAX = 4;

const HIDDEN = '[hidden]';
const SECRET_NAME =
  /(private|secret|auth|mesh|pre-?shared|session|api)_?-?key|secret|password|token|cookie|authorization/i;
const SECRET_TEXT = [
  /privkey:[0-9a-fA-F]+/g,
  /\b[a-z]{1,12}key-[A-Za-z0-9_-]{8,}/g, // tskey-auth-..., warren's own auth keys
  /\b(?:Bearer|Basic) [A-Za-z0-9._~+/=-]{8,}/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END [A-Z ]*PRIVATE KEY-----/g,
];

/** `text` without secrets, at a bounded length. */
export function redactText(text: string): string {
  let clean = text.slice(0, TEXT_MAX_CHARACTERS + 256);
  for (const pattern of SECRET_TEXT) clean = clean.replace(pattern, HIDDEN);
  return clean.length > TEXT_MAX_CHARACTERS ? `${clean.slice(0, TEXT_MAX_CHARACTERS)}…` : clean;
}

function redactError(error: Error, depth: number): LogFields {
  const shown: Record<string, unknown> = { message: redactText(error.message) };
  if (error instanceof WarrenError) {
    shown['code'] = error.code;
    shown['hint'] = redactText(error.hint);
  } else if (error.stack !== undefined) {
    shown['stack'] = redactText(error.stack);
  }
  if (error.cause !== undefined) shown['cause'] = redactValue(error.cause, depth + 1);
  return shown;
}

/** A copy of `value` that is fit for a line. */
function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) return '[deep]';
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    return `[${value.byteLength} bytes]`;
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Map) return redactFields(Object.fromEntries(value) as LogFields, depth);
  if (Array.isArray(value) || value instanceof Set) {
    return [...value].slice(0, LIST_MAX_ENTRIES).map((entry) => redactValue(entry, depth + 1));
  }
  return redactFields(value as LogFields, depth);
}

function redactFields(fields: LogFields, depth: number): LogFields {
  const clean: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields).slice(0, LIST_MAX_ENTRIES)) {
    const secret = SECRET_NAME.test(name) && value !== undefined && typeof value !== 'boolean';
    clean[name] = secret ? HIDDEN : redactValue(value, depth + 1);
  }
  return clean;
}

function wrap(target: PinoLogger): Logger {
  const at =
    (level: Level) =>
    (message: string, fields: LogFields = {}): void => {
      if (target.isLevelEnabled(level)) target[level](redactFields(fields, 0), redactText(message));
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => wrap(target.child(redactFields(fields, 0))),
  };
}

/** A logger. Writing is synchronous, so that the last line before a crash is there. */
export function createLogger(options: LogOptions): Logger {
  const sink: LogSink = options.sink ?? process.stderr;
  const format = options.format ?? (sink.isTTY === true ? 'text' : 'json');
  const stream: DestinationStream =
    format === 'text' ? new TerminalStream(sink) : { write: (line) => void sink.write(line) };
  return wrap(
    pino(
      {
        level: options.level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      stream,
    ),
  );
}

/** Says nothing; for tests and embedding. */
export const silentLogger: Logger = createLogger({ level: 'silent', format: 'json' });
