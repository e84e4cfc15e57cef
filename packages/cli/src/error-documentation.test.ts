/** docs/errors.md against the code: every code of every package has its row, and no row is a leftover. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as exitCodes from './exit-codes.js';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const page = readFileSync(`${repository}/docs/errors.md`, 'utf8');

interface Row {
  readonly code: string;
  readonly exit: number;
  readonly packages: readonly string[];
  readonly cells: readonly string[];
}

function cellsOf(line: string): string[] {
  return line
    .replace(/^\||\|$/g, '')
    .split('|')
    .map((cell) => cell.trim());
}

const tableLines = page.split('\n').filter((line) => line.startsWith('|'));
const rows: readonly Row[] = tableLines
  .map(cellsOf)
  .filter(([code]) => /^[A-Z][A-Z0-9_]+$/.test(code ?? ''))
  .map((cells) => ({
    code: cells[0] ?? '',
    exit: Number(cells[1]),
    packages: (cells[2] ?? '').split(', '),
    cells,
  }));

/** Where each package keeps its codes; core's only code is that of BugError. */
function sourceOf(name: string): string | undefined {
  const file = name === 'core' ? 'base/assert.ts' : 'errors.ts';
  const path = `${repository}/packages/${name}/src/${file}`;
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** Code → packages that can report it: every literal in capitals outside comments. */
const declared = new Map<string, string[]>();
for (const name of readdirSync(`${repository}/packages`)) {
  const source = sourceOf(name)?.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '') ?? '';
  for (const [, code = ''] of source.matchAll(/'([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)*)'/g)) {
    const packages = declared.get(code) ?? [];
    if (!packages.includes(name)) declared.set(code, [...packages, name]);
  }
}

test('the search finds the codes of each package that has any', () => {
  expect(declared.get('BUG')).toEqual(['core']);
  expect(declared.get('USAGE')).toEqual(['cli']);
  expect(declared.get('TUN_RIGHTS')).toEqual(['node']);
  expect(declared.get('FILE_CORRUPT')).toContain('shell');
  expect(declared.get('LAB_UNSUPPORTED')).toEqual(['lab']);
});

test('every code has exactly one row, and every row a code', () => {
  expect(rows.map(({ code }) => code)).toEqual([...declared.keys()].sort());
});

describe.each(rows)('$code', ({ code, exit, packages, cells }) => {
  test('has the exit code that commands end with', () => {
    expect(exit).toBe(exitCodes.exitCodeOf(code));
  });
  test('names the packages that report it', () => {
    expect([...packages].sort()).toEqual([...(declared.get(code) ?? [])].sort());
  });
  test('says what it means and what to do', () => {
    expect(cells).toHaveLength(5);
    for (const cell of cells) expect(cell).not.toBe('');
  });
});

test('every exit code of the commands is explained', () => {
  const explained = tableLines.map((line) => Number(cellsOf(line)[0])).filter((exit) => exit >= 0);
  const used = Object.values(exitCodes).filter((value) => typeof value === 'number');
  for (const exit of used) expect(explained).toContain(exit);
});
