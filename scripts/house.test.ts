/** The giants of this field are its connection objects: ours stay many small files, and the map stays true. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
/** In paths/ and the two engines. */
const GUARDED_LINES_MAX = 400;
/** Anywhere else: more is surely two things. */
const LINES_MAX = 500;

interface Figures {
  readonly sizes: readonly {
    readonly file: string;
    readonly lines: number;
    readonly guarded: boolean;
  }[];
  readonly edges: readonly string[];
}

const figures = JSON.parse(
  execFileSync(process.execPath, [join(root, 'scripts/house.mjs'), '--json'], { encoding: 'utf8' }),
) as Figures;

test('no file of paths/ or an engine is over 400 lines, none anywhere over 500', () => {
  const guarded = figures.sizes.filter((size) => size.guarded);
  expect(guarded.length).toBeGreaterThan(50);
  expect(guarded.filter(({ lines }) => lines > GUARDED_LINES_MAX)).toEqual([]);
  expect(figures.sizes.filter(({ lines }) => lines > LINES_MAX)).toEqual([]);
});

test('docs/house.md draws the imports as they are (npm run house)', () => {
  const drawn = readFileSync(join(root, 'docs/house.md'), 'utf8');
  const lines = [...drawn.matchAll(/^ {2}(\S+ --> \S+)$/gm)].map((match) => match[1]);
  const vocabulary = /--> core\/(base|ip|keys|crypto|engines)$/;
  const expected = new Set<string>();
  for (const edge of figures.edges) {
    const packages = edge.replaceAll(/core\/[\w-]+/g, 'core');
    if (packages !== 'core --> core') expected.add(packages);
    if (edge.startsWith('core/') && !vocabulary.test(edge)) {
      expected.add(edge.replaceAll('core/', ''));
    }
  }
  expect(lines.toSorted()).toEqual([...expected].sort());
});
