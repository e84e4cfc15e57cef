/**
 * What --install-deps does, on a copy of this computer's file system that vanishes: overlayfs on a tmpfs, in
 * a mount namespace, without network. Needs Debian and root.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { skipsLab } from './testing/lab-ring.js';

const skips = (await skipsLab()) || process.geteuid?.() !== 0 || !existsSync('/usr/bin/apt-get');

const repository = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** Runs a script on the copy, as a module with the lab's functions in scope; gives what it printed. */
function onCopy(prepare: string, body: string): unknown {
  const module = `
    const { requireLab } = await import('${repository}/packages/lab/dist/requirements.js');
    const { installPackages } = await import('${repository}/packages/lab/dist/install.js');
    const { existsSync, readFileSync, writeFileSync } = await import('node:fs');
    const lines = [];
    const onProgress = (line) => lines.push(line);
    const outcome = async (promise) => promise.then(() => 'done', ({ code, message, hint }) => ({ code, message, hint }));
    const result = await (async () => { ${body} })();
    console.log(JSON.stringify(result));`;
  const script = `
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/upper /mnt/work /mnt/root
    mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
    for shared in proc dev sys; do mount --rbind /$shared /mnt/root/$shared; done
    mkdir -p "/mnt/root$REPOSITORY"
    mount --rbind "$REPOSITORY" "/mnt/root$REPOSITORY"
    cd /mnt/root
    rm -f usr/sbin/policy-rc.d
    # apt tells what it found when it began.
    echo 'APT::Update::Pre-Invoke {"cp /usr/sbin/policy-rc.d /policy-seen";};' > etc/apt/apt.conf.d/99-seen
    echo 'Acquire::Retries "0";' >> etc/apt/apt.conf.d/99-seen
    ${prepare}
    exec chroot /mnt/root "$NODE" --input-type=module -e "$MODULE"`;
  const { status, stdout, stderr } = spawnSync('unshare', ['-mn', '--', 'sh', '-ec', script], {
    encoding: 'utf8',
    timeout: 120_000,
    env: { ...process.env, REPOSITORY: repository, NODE: process.execPath, MODULE: module },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as unknown;
}

const withoutNft = 'rm -f usr/sbin/nft sbin/nft';

describe.skipIf(skips)('missing packages', () => {
  test('are named with the command that installs them', () => {
    const result = onCopy(withoutNft, 'return outcome(requireLab({ install: false }));');
    expect(result).toMatchObject({
      code: 'LAB_REQUIREMENTS',
      message: expect.stringContaining('missing: nft (for NATs and firewalls)'),
      hint: expect.stringMatching(/--install-deps, or install the packages nftables/),
    });
  });

  test('are installed while services may not start, and that ban is lifted afterwards', () => {
    const result = onCopy(
      '',
      `const end = await outcome(installPackages(['nftables'], onProgress));
       return { end, lines, seen: readFileSync('/policy-seen', 'utf8'), left: existsSync('/usr/sbin/policy-rc.d') };`,
    );
    expect(result).toMatchObject({
      end: 'done', // it is installed already, which apt finds out without a network
      seen: expect.stringMatching(/^#!\/bin\/sh\n(#.*\n)*exit 101\n$/),
      left: false,
    });
  });

  test('that can’t be installed are an error with apt’s words, and the ban is lifted too', () => {
    const result = onCopy(
      '',
      `const end = await outcome(installPackages(['no-such-package-warren'], onProgress));
       return { end, left: existsSync('/usr/sbin/policy-rc.d') };`,
    );
    expect(result).toMatchObject({
      end: { code: 'LAB_INSTALL', message: expect.stringContaining('Unable to locate package') },
      left: false,
    });
  });

  test('leave an administrator’s own ban alone', () => {
    const result = onCopy(
      'echo mine > usr/sbin/policy-rc.d',
      `const end = await outcome(installPackages(['nftables'], onProgress));
       return { end, left: readFileSync('/usr/sbin/policy-rc.d', 'utf8') };`,
    );
    expect(result).toEqual({ end: 'done', left: 'mine\n' });
  });

  test('that apt says it has brought, but that are still missing, are still an error', () => {
    const result = onCopy(withoutNft, 'return outcome(requireLab({ install: true, onProgress }));');
    expect(result).toMatchObject({ code: 'LAB_REQUIREMENTS' });
  });

  test('are never installed on another system', () => {
    const result = onCopy(
      'rm -f etc/os-release && echo ID=fedora > etc/os-release',
      "return outcome(installPackages(['nftables'], onProgress));",
    );
    expect(result).toMatchObject({
      code: 'LAB_INSTALL',
      hint: expect.stringContaining('nftables'),
    });
  });
});
