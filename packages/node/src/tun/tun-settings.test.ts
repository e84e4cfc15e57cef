import type { Prefix } from '@warren/core/ip/prefix';
import { silentLogger } from '@warren/shell/log';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TunSettings } from './tun-settings.js';

const A = ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128'] as Prefix[];
const B = ['100.64.0.2/32'] as Prefix[];

/** A device that takes its time, and can refuse. */
function device() {
  const done: string[] = [];
  const waiting: (() => void)[] = [];
  const troubles: (string | undefined)[] = [];
  const state = { refuses: undefined as string | undefined, busy: 0, busiest: 0 };
  const settings = new TunSettings({
    name: 'warren0',
    log: silentLogger,
    onTrouble: (error) => troubles.push(error?.message),
    apply: async (_name, addresses) => {
      state.busiest = Math.max(state.busiest, ++state.busy);
      await new Promise<void>((resolve) => waiting.push(resolve));
      state.busy--;
      if (state.refuses !== undefined) throw new Error(state.refuses);
      done.push(addresses.join());
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
  return { settings, done, troubles, state, run };
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
