/** Which program this is. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The commit of this checkout, with a plus sign when files differ from it; null outside of git. `digits`: of the commit's name. */
export async function currentCommit(digits = 40): Promise<string | null> {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const git = (...args: string[]) => promisify(execFile)('git', ['-C', here, ...args]);
  try {
    const { stdout: commit } = await git('rev-parse', `--short=${digits}`, 'HEAD');
    const { stdout: changes } = await git('status', '--porcelain', '--untracked-files=no');
    return `${commit.trim()}${changes === '' ? '' : '+'}`;
  } catch {
    return null;
  }
}
