/** Builds what is missing or stale before the tests run; all decisions are in ensure-built.sh. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('ensure-built.sh', import.meta.url));
const { status, error } = spawnSync('bash', [script], { stdio: 'inherit' });
if (error !== undefined) console.error(`error: bash can't be started: ${error.message}`);
process.exit(status ?? 1);
