/** The parts of every command's help that commander doesn't write: examples and exit codes. */
import type { Command } from 'commander';
import { renderTable } from './render/table.js';

export type Example = readonly [line: string, why: string];
export type Meaning = readonly [code: number, meaning: string];
/** A word of a command's output. */
export type Word = readonly [word: string, meaning: string];

/** A command's examples, the words of its output, and what its exit codes from 0 to 9 mean. */
export function helpText(
  examples: readonly Example[],
  meanings: readonly Meaning[] = [],
  words: readonly Word[] = [],
): string {
  const lines = ['', 'Examples:'];
  for (const line of renderTable(examples.map(([line, why]) => [`  $ ${line}`, why]))) {
    lines.push(line);
  }
  if (words.length > 0) {
    lines.push('', 'Words:');
    for (const line of renderTable(words.map(([word, meaning]) => [`  ${word}`, meaning]))) {
      lines.push(line);
    }
  }
  if (meanings.length > 0) {
    lines.push('', 'Exit codes:');
    for (const [code, meaning] of meanings) lines.push(`  ${code}  ${meaning}`);
  }
  return lines.join('\n');
}

/** Adds {@link helpText} to `command`. */
export function describe(
  command: Command,
  examples: readonly Example[],
  meanings: readonly Meaning[] = [],
  words: readonly Word[] = [],
): Command {
  return command.addHelpText('after', helpText(examples, meanings, words));
}
