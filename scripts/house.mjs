/**
 * The house at a glance: writes docs/house.md, the import graph and the largest files (`npm run house`).
 * With --json it only prints the figures, for house.test.ts.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const LARGEST = 20;
/** Where single files grow without end in this field: these stay small by decree. */
const GUARDED = /^packages\/core\/src\/(paths|path-engine|packet-engine)\//;

/** Source files that ship: no tests, no declarations. */
function sourceFiles() {
  const found = [];
  for (const name of readdirSync(join(root, 'packages')).sort()) {
    const source = join('packages', name, 'src');
    for (const file of readdirSync(join(root, source), { recursive: true, encoding: 'utf8' })) {
      if (/\.tsx?$/.test(file) && !/\.test\.tsx?$/.test(file)) found.push(posix.join(source, file));
    }
  }
  return found;
}

/** The room of a file: a package, or a folder of core. */
function roomOf(file) {
  const [, name, , folder, rest] = file.split('/');
  if (name !== 'core') return name;
  return rest === undefined ? 'core/ports' : `core/${folder}`;
}

function importsOf(file, text) {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'((?:\.|@warren\/)[^']*)'/g)].map(([, to]) => {
    if (to.startsWith('.')) return posix.join(dirname(file), to.replace(/\.js$/, '.ts'));
    const [, name, path] = /^@warren\/([^/]+)\/(.*)$/.exec(to);
    return `packages/${name}/src/${path}.ts`;
  });
}

function survey() {
  const sizes = [];
  const edges = new Set();
  for (const file of sourceFiles()) {
    const text = readFileSync(join(root, file), 'utf8');
    sizes.push({ file, lines: text.trimEnd().split('\n').length, guarded: GUARDED.test(file) });
    for (const target of importsOf(file, text)) {
      const [from, to] = [roomOf(file), roomOf(target)];
      if (from !== to && to !== 'core/ports') edges.add(`${from} --> ${to}`);
    }
  }
  sizes.sort((a, b) => b.lines - a.lines || (a.file < b.file ? -1 : 1));
  return { sizes, edges: [...edges].sort() };
}

/** One picture of the packages, one of the folders of core without what all of them use. */
function render({ sizes, edges }) {
  const vocabulary = /--> core\/(base|ip|keys|crypto|engines)$/;
  const folder = (text) => text.replaceAll(/core\/([\w-]+)/g, '$1');
  const inside = edges.filter((edge) => edge.startsWith('core/') && !vocabulary.test(edge));
  const packages = new Set(
    edges
      .map((edge) => edge.replaceAll(/core\/[\w-]+/g, 'core'))
      .filter((edge) => edge !== 'core --> core'),
  );
  const picture = (lines) => ['```mermaid', 'flowchart TD', ...lines, '```'].join('\n');
  const rows = sizes.slice(0, LARGEST).map(({ file, lines }) => `| ${lines} | \`${file}\` |`);
  const guarded = sizes.filter((size) => size.guarded);
  return `# The house at a glance

Written by \`npm run house\`; a test compares the graphs with the code, and holds the limits.

## Packages

${picture([...packages].sort().map((edge) => `  ${edge}`))}

## Folders of core

Without \`base\`, \`ip\`, \`keys\`, \`crypto\` and \`engines\`, the vocabulary that all of them use.

${picture(inside.map((edge) => `  ${folder(edge)}`))}

## The largest files

${sizes.length} source files without tests, ${Math.round(sizes.reduce((sum, { lines }) => sum + lines, 0) / sizes.length)} lines on average. No file in \`paths/\` or one of the two engines may exceed
400 lines; the largest there has ${guarded[0]?.lines ?? 0} (\`${guarded[0]?.file ?? ''}\`).

| lines | file |
| ---: | --- |
${rows.join('\n')}
`;
}

const figures = survey();
if (process.argv.includes('--json')) process.stdout.write(JSON.stringify(figures));
else writeFileSync(join(root, 'docs/house.md'), render(figures));
