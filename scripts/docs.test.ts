/** The documents name files that exist: a moved file must not leave a dead pointer behind. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Where a path in a document may start, the most natural first. */
const STARTS = ['.', 'packages', 'packages/core/src', 'packages/core', 'docs'];
const DOCUMENTS = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`)
    .sort(),
];

/** `core/src/ports.ts` is written where `packages/core/src/ports.ts` is meant; so are `core/relay` and `control/x.ts`. */
function exists(path: string): boolean {
  const spelled = path.replace(/^(core|shell|node|servers|sim|lab|cli)\/src\//, 'packages/$1/src/');
  const room = path.replace(/^core\//, 'packages/core/src/');
  return [path, spelled, room].some((name) =>
    STARTS.some((start) => existsSync(join(root, start, name))),
  );
}

/** Paths that a document quotes or links. */
function pathsIn(document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8');
  const quoted = [...text.matchAll(/`([\w./-]+\/[\w./-]*)`/g)].map((match) => match[1] ?? '');
  const linked = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1] ?? '');
  return [...quoted, ...linked].filter((path) => !path.startsWith('/'));
}

test.each(DOCUMENTS)('%s points at files that exist', (document) => {
  expect(pathsIn(document).filter((path) => !exists(path))).toEqual([]);
});

test('the architecture is full of such pointers, and a dead one is seen', () => {
  expect(pathsIn('docs/ARCHITECTURE.md').length).toBeGreaterThan(20);
  expect(exists('core/src/ports.ts')).toBe(true);
  expect(exists('core/src/harbours.ts')).toBe(false);
});
