/**
 * The shell blocks of a Markdown document, each with the name that the comment before it gives:
 *
 *     <!-- block: start -->
 *     ```sh
 *     ./warren demo     # a comment
 *     ```
 *
 * Every one of them is run by somebody: `run-blocks.ts` on a computer, or a test inside a lab world.
 */

export interface ShellBlock {
  /** Undefined: nobody said what runs it. */
  readonly name: string | undefined;
  /** Commands, without comments and blank lines; a line that ends in a backslash goes on. */
  readonly commands: readonly string[];
}

const FENCED = /(?:<!-- block: ([a-z-]+) -->\n)?^```(?:sh|bash|shell|console)\n([\s\S]*?)^```$/gm;

/** A comment at the end of a line, or a line that is one. */
const COMMENT = /(^|\s+)#\s.*$/;

function commandsIn(text: string): string[] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(COMMENT, '').trim())
    .filter((line) => line !== '');
}

export function shellBlocks(markdown: string): ShellBlock[] {
  return [...markdown.matchAll(FENCED)].map(([, name, text]) => ({
    name,
    commands: commandsIn(text ?? ''),
  }));
}

/** The commands of the block with a name; throws when there is none. */
export function commandsOf(blocks: readonly ShellBlock[], name: string): readonly string[] {
  const block = blocks.find((candidate) => candidate.name === name);
  if (block === undefined) throw new Error(`there is no shell block "${name}"`);
  return block.commands;
}
