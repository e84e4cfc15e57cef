import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { sevenMachines } from '../topology/seven-machines.js';
import { SimWorld } from './sim-world.js';

// Seconds of an idle core; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** The first round of proofs and its second try. */
const PROVEN_MS = 60_000;

describe('in the demo’s world', () => {
  let world: SimWorld;

  beforeAll(() => {
    world = new SimWorld({ topology: sevenMachines, seed: 5, crypto: createNodeCrypto() });
    expect(world.join(20_000)).toBe(true);
    world.clock.run(PROVEN_MS);
  });

  /** The verdict about the first endpoint of a machine that begins so. */
  function verdict(machine: string, start: string): string | undefined {
    const { engine } = world.node(machine);
    const endpoints = engine?.status(world.clock.now).endpoints ?? [];
    const own = endpoints.find(({ endpoint }) => endpoint.startsWith(start));
    if (own === undefined) throw new Error(`${machine} has no endpoint ${start}`);
    return own.verified;
  }

  test('a public address is proven, and one behind a NAT is not', () => {
    expect(verdict('nonat-east', '52.20.10.11:')).toBe('yes');
    expect(verdict('hardnat-west', '52.41.2.13:')).toBe('no');
  });

  test('a port that the router maps lets in what comes from ports never sent to', () => {
    const endpoints = world.node('easynat-west').engine?.status(world.clock.now).endpoints ?? [];
    const mapped = endpoints.find(({ endpoint }) => endpoint.startsWith('34.210.30.13:'));
    expect(mapped?.verified).toBe('port-only');
  });

  test('a balancer in front is proven by a peer that reached the machine there, and told first', () => {
    const balanced = 'hardnat-west-lb';
    expect(verdict(balanced, '35.80.4.21:41641')).toBeUndefined();
    const { key } = world.node(balanced);
    if (key === undefined) throw new Error('it has joined');
    world.node('hardnat-east').ping(key, 1);
    world.clock.run(2_000);
    expect(verdict(balanced, '35.80.4.21:41641')).toBe('yes');
    const status = world.node(balanced).engine?.status(world.clock.now);
    expect(status?.endpoints[0]?.endpoint).toBe('35.80.4.21:41641');
    expect(status?.description.reachable).toEqual(['35.80.4.21:41641']);
  });
});
