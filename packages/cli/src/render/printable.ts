/**
 * Text of other machines (names, reasons) on its way to a terminal: control characters could move the
 * cursor, change colours or hide text, so they are shown as `?`.
 */

// C0, DEL, C1, and Unicode's direction overrides, which reorder what a person reads.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** `text` with everything that isn't plain print replaced. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '?');
}
