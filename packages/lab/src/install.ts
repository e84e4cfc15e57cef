/**
 * Installs Debian packages, for --install-deps. Only when asked, only on Debian and its descendants, only as
 * root; services that the packages bring are kept from starting.
 *
 * Debian's maintainer scripts ask /usr/sbin/policy-rc.d whether they may start a service; exit code 101 says
 * no. One that exists already is the administrator's and stays; ours is removed when we are done.
 */
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { LabError } from './errors.js';
import { toolPath } from './world/channel.js';

const policyPath = '/usr/sbin/policy-rc.d';

const policyText = `#!/bin/sh
# Made by warren while it installs packages: their services must not start. Removed afterwards.
exit 101
`;

/** The lines of apt that tell a person something. */
const interestingLine = /^(Get:|Unpacking|Setting up|E:|W:)/;

/** True for the text of an /etc/os-release of Debian, Ubuntu or another descendant. */
export function isDebianFamily(osRelease: string): boolean {
  return osRelease.split('\n').some((line) => {
    const match = /^(ID|ID_LIKE)="?([^"]*)"?$/.exec(line);
    return match?.[2]?.split(' ').some((id) => id === 'debian' || id === 'ubuntu') ?? false;
  });
}

function requireDebianRoot(packages: readonly string[]): void {
  const list = packages.join(' ');
  let osRelease = '';
  try {
    osRelease = readFileSync('/etc/os-release', 'utf8');
  } catch {
    // A system without it is not Debian.
  }
  if (!isDebianFamily(osRelease)) {
    throw new LabError(
      'LAB_INSTALL',
      'this is neither Debian nor Ubuntu: packages can only be installed there',
      `install what these Debian packages bring: ${list}`,
    );
  }
  if (process.geteuid?.() !== 0) {
    throw new LabError(
      'LAB_INSTALL',
      'installing packages needs root',
      `run it with sudo, or first: sudo apt-get install ${list}`,
    );
  }
}

/** Forbids services to start; the result removes what this made. */
function forbidServices(): () => void {
  try {
    writeFileSync(policyPath, policyText, { mode: 0o755, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // One of ours can be left when an earlier run was killed.
    if (readFileSync(policyPath, 'utf8') !== policyText) return () => undefined;
  }
  const remove = (): void => rmSync(policyPath, { force: true });
  process.once('exit', remove);
  return () => {
    process.off('exit', remove);
    remove();
  };
}

/** Runs apt-get; its last words when it failed, else undefined. */
async function aptGet(
  args: readonly string[],
  onProgress: (line: string) => void,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn('apt-get', args, {
      env: {
        ...process.env,
        PATH: toolPath(),
        DEBIAN_FRONTEND: 'noninteractive',
        LC_ALL: 'C',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let last = 'it said nothing';
    const follow = (line: string): void => {
      if (line.startsWith('E:')) last = line;
      if (interestingLine.test(line)) onProgress(line);
    };
    createInterface({ input: child.stdout }).on('line', follow);
    createInterface({ input: child.stderr }).on('line', follow);
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => resolve(code === 0 ? undefined : last));
  });
}

/** Installs packages. Throws LAB_INSTALL. */
export async function installPackages(
  packages: readonly string[],
  onProgress: (line: string) => void,
): Promise<void> {
  requireDebianRoot(packages);
  onProgress(`installing with apt-get: ${packages.join(' ')}`);
  const allowServices = forbidServices();
  try {
    // Old lists may still do: only the installation decides.
    await aptGet(['update', '-q'], onProgress);
    const failure = await aptGet(
      ['install', '-q', '-y', '--no-install-recommends', ...packages],
      onProgress,
    );
    if (failure === undefined) return;
    throw new LabError(
      'LAB_INSTALL',
      `apt-get could not install ${packages.join(' ')}: ${failure}`,
      'install these packages by hand, then run it again',
    );
  } finally {
    allowServices();
  }
}
