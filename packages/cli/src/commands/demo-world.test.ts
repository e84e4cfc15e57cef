import type { Missing } from '@warren/lab/requirements';
import { expect, test } from 'vitest';
import { CliError, RightsError } from '../errors.js';
import { chooseDemoWorld, type DemoHost, type DemoWish } from './demo-world.js';

const wish: DemoWish = { sim: false, keep: false, installDeps: false };
const namespaces: Missing = {
  what: 'network namespaces',
  purpose: 'machines and NATs',
  remedy: { action: 'run it as root: this computer lets only root make them' },
};
const tun: Missing = {
  what: '/dev/net/tun',
  purpose: 'the interface',
  remedy: { action: 'load the kernel module: modprobe tun' },
};
const nft: Missing = { what: 'nft', purpose: 'NATs', remedy: { package: 'nftables' } };

function host(changes: Partial<DemoHost>, ...missing: Missing[]): DemoHost {
  return { isRoot: true, canAskSudo: false, missing: () => Promise.resolve(missing), ...changes };
}

test('with namespaces it is the lab, unless the simulator is asked for', async () => {
  expect(await chooseDemoWorld(wish, host({}))).toEqual({ kind: 'lab' });
  const world = await chooseDemoWorld({ ...wish, sim: true }, host({}));
  expect(world).toEqual({ kind: 'sim', reason: undefined });
});

test('without namespaces it is the simulator, and it says what is missing', async () => {
  expect(await chooseDemoWorld(wish, host({}, tun))).toEqual({
    kind: 'sim',
    reason: 'this computer has no /dev/net/tun',
  });
  const unprivileged = host({ isRoot: false }, namespaces);
  expect(await chooseDemoWorld(wish, unprivileged)).toMatchObject({ kind: 'sim' });
});

test('a person who can become root is asked to', async () => {
  const sudoer = host({ isRoot: false, canAskSudo: true }, namespaces);
  await expect(chooseDemoWorld(wish, sudoer)).rejects.toBeInstanceOf(RightsError);
  const installing = host({ isRoot: false }, nft);
  const order = { ...wish, installDeps: true };
  await expect(chooseDemoWorld(order, installing)).rejects.toBeInstanceOf(RightsError);
});

test('missing packages are named by the lab to whom can install them', async () => {
  expect(await chooseDemoWorld(wish, host({}, nft))).toEqual({ kind: 'lab' });
  expect(await chooseDemoWorld(wish, host({ isRoot: false }, nft))).toMatchObject({ kind: 'sim' });
});

test('who asks for what only the lab has gets the lab or its error', async () => {
  expect(await chooseDemoWorld({ ...wish, keep: true }, host({}, tun))).toEqual({ kind: 'lab' });
});

test('no Linux and no lab package are reasons, other errors are errors', async () => {
  const fails = (error: Error): DemoHost => host({ missing: () => Promise.reject(error) });
  const unsupported = Object.assign(new Error('this is not Linux'), { code: 'LAB_UNSUPPORTED' });
  expect(await chooseDemoWorld(wish, fails(unsupported))).toEqual({
    kind: 'sim',
    reason: 'this is not Linux',
  });
  const absent = new CliError('PACKAGE_MISSING', 'no lab', 'install it');
  expect(await chooseDemoWorld(wish, fails(absent))).toMatchObject({ kind: 'sim' });
  await expect(chooseDemoWorld(wish, fails(new Error('broken')))).rejects.toThrow('broken');
});
