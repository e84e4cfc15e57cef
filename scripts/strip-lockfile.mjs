/**
 * Takes the registry's addresses out of package-lock.json: every machine asks the registry it is set up
 * for, and integrity hashes say that the answer is right. (npm's own switch for this also drops the
 * packages of other platforms.) Run by `npm run lock`.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8'));
for (const entry of Object.values(lock.packages)) {
  if (/^https?:/.test(entry.resolved ?? '')) delete entry.resolved;
}
writeFileSync(path, `${JSON.stringify(lock, undefined, 2)}\n`);
