import type { IpAddress } from '@warren/core/ip/address';
import type { Prefix } from '@warren/core/ip/prefix';
import { silentLogger } from '@warren/shell/log';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { OverlayPolicy } from './overlay-policy.js';
import { TunSettings } from './tun-settings.js';

const A = ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128'] as Prefix[];
const B = ['100.64.0.2/32'] as Prefix[];

/** A device that takes its time, and can refuse. */
function device() {
  const done: string[] = [];
  const waiting: (() => void)[] = [];
  const troubles: (string | undefined)[] = [];
  const policies: string[] = [];
  const state = {
    refuses: undefined as string | undefined,
    refusesPolicy: false,
    policyTrouble: undefined as string | undefined,
    busy: 0,
    busiest: 0,
  };
  const settings = new TunSettings({
    name: 'warren0',
    log: silentLogger,
    onTrouble: (error) => troubles.push(error?.message),
    applyPolicy: (policy) => {
      if (policy !== undefined && state.refusesPolicy) return Promise.reject(new Error('no rules'));
      policies.push(policy?.peers.join() ?? 'none');
      return Promise.resolve();
    },
    onPolicyTrouble: (error) => {
      state.policyTrouble = error?.message;
    },
    apply: async (_name, addresses, isShared) => {
      state.busiest = Math.max(state.busiest, ++state.busy);
      await new Promise<void>((resolve) => waiting.push(resolve));
      state.busy--;
      if (state.refuses !== undefined) throw new Error(state.refuses);
      done.push(`${addresses.join()}${isShared ? ' shared' : ''}`);
      return { withoutIpv6: undefined };
    },
  });
  /** Lets everything that waits, and what follows from it, come to its end. */
  const run = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      waiting.shift()?.();
      await vi.advanceTimersByTimeAsync(0);
    }
  };
  return { settings, done, troubles, policies, state, run };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('up, down, up in one breath end up, one change at a time', async () => {
  const { settings, done, state, run } = device();
  settings.want(A);
  settings.want([]);
  settings.want(B);
  const settled = settings.settled();
  await run();
  await settled;
  expect(done.at(-1)).toBe(B.join());
  expect(state.busiest).toBe(1);
});

test('what is there already is not set again', async () => {
  const { settings, done, run } = device();
  settings.want([]);
  settings.want(A);
  await run();
  settings.want([...A]);
  await run();
  expect(done).toEqual([A.join()]);
});

test('a refusal is told, tried again, and taken back when it works', async () => {
  const { settings, done, troubles, state, run } = device();
  state.refuses = 'another VPN';
  settings.want(A);
  const refused = expect(settings.settled()).rejects.toThrow('another VPN');
  await run();
  await refused;
  state.refuses = undefined;
  await vi.advanceTimersByTimeAsync(10_000);
  await run();
  await settings.settled();
  expect(done).toEqual([A.join()]);
  expect(troubles).toEqual(['another VPN', undefined]);
  expect(vi.getTimerCount()).toBe(0);
});

test('addresses that somebody took away are set again, but nobody is fought without a pause', async () => {
  const { settings, done, run } = device();
  settings.want(A);
  await run();
  const entry = { address: '100.64.0.1', netmask: '', mac: '', internal: false, cidr: null };
  settings.check({ warren0: [{ ...entry, family: 'IPv4' }] });
  await run();
  expect(done).toHaveLength(1);
  settings.check({});
  await run();
  expect(done).toHaveLength(2);
  settings.check({});
  await run();
  expect(done).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(10_000);
  settings.check({});
  await run();
  expect(done).toHaveLength(3);
});

test('a device that is down is left alone, and a closed one for good', async () => {
  const { settings, done, run } = device();
  settings.check({});
  settings.want(A);
  await run();
  settings.want([]);
  await run();
  settings.check({});
  settings.close();
  settings.want(B);
  await run();
  expect(done).toEqual([A.join(), '']);
});

describe('a machine whose own network lies in the range of the mesh', () => {
  const policy = (...peers: string[]): OverlayPolicy => ({
    peers: peers as IpAddress[],
    own: ['100.64.9.2' as IpAddress],
    udpPort: 41_641,
    servers: [],
  });

  test('gets rules instead of the whole range; other peers do not touch the device', async () => {
    const { settings, done, policies, run } = device();
    settings.setPolicy(policy('100.64.0.1'));
    settings.want(A);
    await run();
    settings.setPolicy(policy('100.64.0.1', '100.64.0.7'));
    await run();
    expect(done).toEqual([`${A.join()} shared`]);
    expect(policies.filter((peers) => peers !== 'none')).toEqual([
      '100.64.0.1',
      '100.64.0.1,100.64.0.7',
    ]);
    settings.setPolicy(undefined);
    await run();
    expect(done.at(-1)).toBe(A.join());
    expect(policies.at(-1)).toBe('none');
  });

  test('gets both when they are asked for in one breath, in either order', async () => {
    const { settings, done, policies, run } = device();
    settings.start();
    await run();
    settings.setPolicy(policy('100.64.0.1'));
    settings.want(A);
    await run();
    expect(done).toEqual([`${A.join()} shared`]);
    expect(policies.at(-1)).toBe('100.64.0.1');
    settings.want([]);
    settings.setPolicy(policy('100.64.0.7'));
    settings.want(B);
    await run();
    expect(done.at(-1)).toBe(`${B.join()} shared`);
    expect(policies.at(-1)).toBe('100.64.0.7');
  });

  test('has none of them left when it is down, or when the daemon ends', async () => {
    const { settings, policies, run } = device();
    settings.setPolicy(policy('100.64.0.1'));
    settings.want(A);
    await run();
    settings.want([]);
    await run();
    expect(policies.at(-1)).toBe('none');
    settings.want(B);
    await run();
    expect(policies.at(-1)).toBe('100.64.0.1');
    await settings.close();
    expect(policies.at(-1)).toBe('none');
  });

  test('is told when there can be no rules, and has the whole range as others have', async () => {
    const { settings, done, state, run } = device();
    state.refusesPolicy = true;
    settings.setPolicy(policy('100.64.0.1'));
    settings.want(A);
    await run();
    expect(done.at(-1)).toBe(A.join());
    expect(state.policyTrouble).toBe('no rules');
    await expect(settings.settled()).resolves.toBeUndefined();
    settings.setPolicy(undefined);
    await run();
    expect(state.policyTrouble).toBeUndefined();
  });
});

test('what an earlier process left is taken away at the start', async () => {
  const { settings, done, policies, run } = device();
  settings.start();
  await run();
  expect(policies).toEqual(['none']);
  expect(done).toEqual([]);
});
