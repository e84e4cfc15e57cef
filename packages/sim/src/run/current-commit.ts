/** Which program this is. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface Checkout {
  /** The commit's name, or its beginning. */
  readonly commit: string;
  /** Files that git knows differ from it. */
  readonly isChanged: boolean;
}

/** This checkout; null outside of git. `digits`: of the commit's name; `within`: the files that count, as git names them. */
export async function readCheckout(digits = 40, within = ':/'): Promise<Checkout | null> {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const git = (...args: string[]) => promisify(execFile)('git', ['-C', here, ...args]);
  try {
    const { stdout: commit } = await git('rev-parse', `--short=${digits}`, 'HEAD');
    const { stdout: changes } = await git('status', '--porcelain', '-uno', '--', within);
    return { commit: commit.trim(), isChanged: changes !== '' };
  } catch {
    return null;
  }
}

/** In a word, with a plus sign when files differ. */
export async function currentCommit(digits?: number): Promise<string | null> {
  const checkout = await readCheckout(digits);
  return checkout && `${checkout.commit}${checkout.isChanged ? '+' : ''}`;
}
