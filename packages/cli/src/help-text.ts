/** The parts of every command's help that commander doesn't write: examples and exit codes. */
import type { Command } from 'commander';
import { renderTable } from './render/table.js';

export type Example = readonly [line: string, why: string];
export type Meaning = readonly [code: number, meaning: string];

/** A command's examples, and what its exit codes from 0 to 9 mean. */
export function helpText(examples: readonly Example[], meanings: readonly Meaning[] = []): string {
  const lines = ['', 'Examples:'];
  for (const line of renderTable(examples.map(([line, why]) => [`  $ ${line}`, why]))) {
    lines.push(line);
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
): Command {
  return command.addHelpText('after', helpText(examples, meanings));
}
