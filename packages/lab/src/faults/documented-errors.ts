/** What docs/errors.md promises of each error, and a check that a command keeps it in both of its voices. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { RunResult } from '../world/world.js';

export interface ExpectedFailure {
  readonly code: string;
  /** Something that its message must say. */
  readonly says?: RegExp;
  /** Where the documented exit code has an exception, as for lack of rights. */
  readonly exit?: number;
}

const ROW = /^\| ([A-Z][A-Z0-9_]+) \| (\d+) \|/gm;

/** The exit code that docs/errors.md gives to an error code. */
function documentedExit(code: string): number {
  const page = readFileSync(new URL('../../../../docs/errors.md', import.meta.url), 'utf8');
  const row = [...page.matchAll(ROW)].find(([, name]) => name === code);
  ok(row, `docs/errors.md has no ${code}`);
  return Number(row[2]);
}

/** As {@link expectFailure}, with the voice for people alone: for commands that take half a minute. */
export async function expectFailureAsText(
  run: () => Promise<RunResult>,
  expected: ExpectedFailure,
): Promise<void> {
  checkText(await run(), expected.exit ?? documentedExit(expected.code), expected);
}

/**
 * Runs a command twice, as text and with --json, and checks the one error that it ends with: code, message,
 * hint and documented exit code, and nothing else where a person or a script would take it for an answer.
 */
export async function expectFailure(
  run: (flags: readonly string[]) => Promise<RunResult>,
  expected: ExpectedFailure,
): Promise<void> {
  const exit = expected.exit ?? documentedExit(expected.code);
  checkText(await run([]), exit, expected);
  checkJson(await run(['--json']), exit, expected);
}

function checkText(result: RunResult, exit: number, { code, says }: ExpectedFailure): void {
  const said = `${result.stdout}${result.stderr}`;
  equal(result.code, exit, said);
  equal(result.stdout, '', said);
  const errors = result.stderr.split('\n').filter((line) => line.startsWith('error: '));
  equal(errors.length, 1, said);
  match(errors[0] ?? '', new RegExp(`^error: \\S.*\\(${code}\\)$`));
  match(result.stderr, /^ {2}hint: \S/m);
  ok(!/^\s+at \S/m.test(result.stderr), `a stack: ${said}`);
  if (says !== undefined) match(errors[0] ?? '', says);
}

function checkJson(result: RunResult, exit: number, { code, says }: ExpectedFailure): void {
  const said = `${result.stdout}${result.stderr}`;
  equal(result.code, exit, said);
  const last = result.stdout.trim().split('\n').at(-1) ?? '';
  const { error, ...rest } = JSON.parse(last) as { readonly error: Record<string, unknown> };
  deepEqual(rest, {}, said);
  deepEqual(Object.keys(error), ['code', 'message', 'hint'], said);
  equal(error['code'], code, said);
  match(String(error['message']), says ?? /\S/);
  match(String(error['hint']), /\S/);
}
