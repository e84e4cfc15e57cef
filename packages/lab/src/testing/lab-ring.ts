/**
 * When a lab test runs: always, unless this computer lacks what the lab needs and nobody insists. Under
 * CI=true a lab test fails there instead of being skipped, so a broken runner can't pass for a green one.
 */
import { checkRequirements, type Missing } from '../requirements.js';

/** Where tests insist. */
function isInsisting(): boolean {
  return process.env['CI'] === 'true';
}

/**
 * Tells whether to skip the lab tests of this file. Says on stderr what is missing; throws that under
 * CI=true.
 */
export async function skipsLab(): Promise<boolean> {
  let missing: Missing[];
  try {
    missing = await checkRequirements();
  } catch (error) {
    if (isInsisting()) throw error;
    process.stderr.write(`lab tests are skipped: ${String(error)}\n`);
    return true;
  }
  if (missing.length === 0) return false;
  const list = missing.map(({ what }) => what).join(', ');
  if (isInsisting()) throw new Error(`CI=true insists on the lab tests, but missing is: ${list}`);
  process.stderr.write(`lab tests are skipped; missing: ${list}\n`);
  return true;
}
