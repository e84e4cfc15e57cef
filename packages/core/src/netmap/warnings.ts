/**
 * What control warns people of: the older list of sentences (`Health`), and messages with a name of their own
 * (`DisplayMessages`), of which each can be changed and taken back.
 *
 *     Health            absent: as before; a list: these instead
 *     DisplayMessages   "*": null  forget all      "id": null  forget one      "id": {...}  set one
 *
 * They are shown and decide nothing: a server that warns of everything costs a person some lines of text.
 */
import type { Counters } from '../base/counters.js';
import { asDisplayText, asEntries, asObject } from '../base/json.js';
import { decodeList } from './bounded-list.js';
import {
  labelLengthMax,
  nameLengthMax,
  urlLengthMax,
  warningLengthMax,
  warningsMax,
} from './limits.js';

/** Most urgent first. */
const SEVERITIES = ['high', 'medium', 'low'] as const;

export interface DisplayMessage {
  readonly title: string;
  readonly text: string;
  readonly severity: (typeof SEVERITIES)[number];
  /** What a person may do about it: a label with an address to open; both empty: nothing. */
  readonly actionLabel: string;
  readonly actionUrl: string;
}

/** All that control warns of now. */
export interface Warnings {
  readonly sentences: readonly string[];
  readonly messages: ReadonlyMap<string, DisplayMessage>;
}

/** What one response changes of them. */
export interface WarningsChange {
  /** Undefined: as before. */
  readonly sentences: readonly string[] | undefined;
  readonly forgetsMessages: boolean;
  /** By name; null: forget it. */
  readonly messages: ReadonlyMap<string, DisplayMessage | null>;
}

const MALFORMED = 'netmap-warning-malformed';
const OVER_LIMIT = 'netmap-warnings-over-limit';
const SENTENCES = { max: warningsMax, malformed: MALFORMED, overLimit: OVER_LIMIT };
const EVERY_MESSAGE = '*';

function decodeMessage(value: unknown): DisplayMessage | undefined {
  const message = asObject(value);
  const title = asDisplayText(message?.['Title'], nameLengthMax);
  const text = asDisplayText(message?.['Text'], warningLengthMax);
  if (message === undefined || (title === '' && text === '')) return undefined;
  const action = asObject(message['PrimaryAction']);
  const actionUrl = asDisplayText(action?.['URL'], urlLengthMax);
  return {
    title,
    text,
    severity: SEVERITIES.find((severity) => severity === message['Severity']) ?? 'medium',
    // An address without a label is worth showing; a label without an address is not.
    actionLabel: actionUrl === '' ? '' : asDisplayText(action?.['Label'], labelLengthMax),
    actionUrl,
  };
}

function decodeMessages(
  value: unknown,
  counters: Counters,
): Pick<WarningsChange, 'forgetsMessages' | 'messages'> {
  const messages = new Map<string, DisplayMessage | null>();
  let forgetsMessages = false;
  for (const [id, given] of asEntries(value)) {
    if (id === EVERY_MESSAGE) {
      if (given === null) forgetsMessages = true;
      continue;
    }
    if (messages.size >= warningsMax) {
      counters.add(OVER_LIMIT);
      break;
    }
    const message = given === null ? null : decodeMessage(given);
    if (message === undefined || id.length > nameLengthMax) counters.add(MALFORMED);
    else messages.set(id, message);
  }
  return { forgetsMessages, messages };
}

/** Undefined: the response says nothing of it. */
export function decodeWarnings(
  response: Readonly<Record<string, unknown>>,
  counters: Counters,
): WarningsChange | undefined {
  const given = response['Health'];
  const sentences = Array.isArray(given)
    ? decodeList(given, SENTENCES, counters, (entry) => {
        const sentence = asDisplayText(entry, warningLengthMax);
        return sentence === '' ? undefined : sentence;
      })
    : undefined;
  const { forgetsMessages, messages } = decodeMessages(response['DisplayMessages'], counters);
  const saysNothing = sentences === undefined && !forgetsMessages && messages.size === 0;
  return saysNothing ? undefined : { sentences, forgetsMessages, messages };
}

/** `before` itself when nothing is said; undefined when nothing is left to warn of. */
export function applyWarnings(
  before: Warnings | undefined,
  change: WarningsChange | undefined,
  counters: Counters,
): Warnings | undefined {
  if (change === undefined) return before;
  const sentences = change.sentences ?? before?.sentences ?? [];
  const messages = new Map(change.forgetsMessages ? [] : before?.messages);
  for (const [id, message] of change.messages) {
    if (message === null) messages.delete(id);
    else if (messages.size >= warningsMax && !messages.has(id)) counters.add(OVER_LIMIT);
    else messages.set(id, message);
  }
  return sentences.length === 0 && messages.size === 0 ? undefined : { sentences, messages };
}

/** One line each, as people read them: the most urgent messages first, then control's sentences. */
export function warningLines(warnings: Warnings | undefined): readonly string[] {
  if (warnings === undefined) return [];
  const byUrgency = [...warnings.messages].sort(
    ([a, { severity: left }], [b, { severity: right }]) =>
      SEVERITIES.indexOf(left) - SEVERITIES.indexOf(right) || (a < b ? -1 : 1),
  );
  return [...byUrgency.map(([, message]) => lineOf(message)), ...warnings.sentences];
}

function lineOf({ title, text, actionLabel, actionUrl }: DisplayMessage): string {
  const said = [title, text].filter((part) => part !== '').join(': ');
  const action = [actionLabel, actionUrl].filter((part) => part !== '').join(': ');
  return action === '' ? said : `${said} (${action})`;
}
