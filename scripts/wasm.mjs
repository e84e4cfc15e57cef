/**
 * Writes each WebAssembly text (x.wat, anywhere under packages) as a module of bytes beside it, x-wasm.ts, which is
 * committed: `npm run wasm`. With --check it only says which of them are not what their text says.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import loadWabt from 'wabt';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Characters of base64 a line. */
const LINE_LENGTH = 96;

function texts() {
  const found = [];
  for (const name of readdirSync(join(root, 'packages')).sort()) {
    const source = join('packages', name, 'src');
    for (const file of readdirSync(join(root, source), { recursive: true, encoding: 'utf8' })) {
      if (file.endsWith('.wat')) found.push(join(source, file));
    }
  }
  return found;
}

function moduleOf(wabt, file) {
  const parsed = wabt.parseWat(file, readFileSync(join(root, file), 'utf8'), { simd: true });
  const base64 = Buffer.from(parsed.toBinary({}).buffer).toString('base64');
  parsed.destroy();
  const lines = base64.match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g'));
  return `/** ${basename(file)} as bytes in base64, written by \`npm run wasm\`. */
export const WASM_BASE64 = [
${lines.map((line) => `  '${line}',\n`).join('')}].join('');
`;
}

const isCheck = process.argv.includes('--check');
const wabt = await loadWabt();
for (const file of texts()) {
  const target = file.replace(/\.wat$/, '-wasm.ts');
  const text = moduleOf(wabt, file);
  if (!isCheck) writeFileSync(join(root, target), text);
  else if (readFileSync(join(root, target), 'utf8') !== text) {
    console.log(`${target} is not what ${file} says: run npm run wasm`);
    process.exitCode = 1;
  }
}
