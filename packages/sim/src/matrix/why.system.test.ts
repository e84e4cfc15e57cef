/** `why` on every profile of the matrix, in running worlds; about a second per profile. */
import type { DirectMethod } from '@warren/core/why/verdict';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { expect, test } from 'vitest';
import { ip } from '../topology/literals.js';
import { cellTopology } from './cell-topology.js';
import { explainCell, repairedCell } from './explain-cell.js';
import { brokenPromise } from './fixes.js';
import { isCertain, judgePair } from './oracle.js';
import { PROFILES, profileNamed } from './profiles.js';
import { runSimCell } from './sim-cell.js';

const crypto = createNodeCrypto();
/** Seconds of an idle core; a busy machine takes its time. */
const timeoutMs = 120_000;

test.each(PROFILES.map(({ name, relayed }) => [name, relayed.with, relayed.rule] as const))(
  '%s towards %s: %s from both ends, and what is advised first gives what it promises',
  (name, other, rule) => {
    const [left, right] = [profileNamed(name), profileNamed(other)];
    if (left === undefined || right === undefined) throw new Error('both are profiles');
    const cell = { left, right };
    const why = explainCell(cell, crypto);
    expect(why.right.verdict).toBe(why.left.verdict);
    expect(why.right.rule).toBe(why.left.rule);
    // By luck of the ports: there is nothing to advise.
    if (why.left.verdict === 'direct') {
      expect(judgePair(left, right)).toMatchObject({ possible: true, luck: true });
      expect(why.left.rule).toBe('direct-birthday');
      expect(why.left.fixes).toEqual([]);
      return;
    }
    const knowsNat64 = why.left.self?.nat64 !== undefined || !left.truth.nat64;
    expect(why.left.rule).toBe(knowsNat64 ? rule : 'no-common-family');
    for (const end of [why.left, why.right]) expect(end.fixes[0]?.effect).not.toBeNull();
    const [fix] = why.left.fixes;
    const repaired = fix === undefined ? undefined : repairedCell(cell, fix);
    if (fix === undefined || repaired === undefined) throw new Error(`${name} can be repaired`);
    const outcome = runSimCell(repaired, { crypto });
    expect([fix.code, outcome.actual]).toEqual([fix.code, 'direct']);
    expect(brokenPromise(fix, repaired, outcome)).toBeNull();
  },
  timeoutMs,
);

/** Whom a profile surely meets, and by what: an easy NAT, where nothing else is said. */
const PARTNERS: Readonly<Record<string, readonly [string, DirectMethod]>> = {
  public: ['hard', 'open'],
  'one-to-one': ['hard', 'open'],
  'carrier-hard': ['easy', 'birthday'],
  'carrier-hard-upnp': ['easy', 'birthday'],
  hard: ['easy', 'birthday'],
  'hard-range': ['easy', 'birthday'],
  'hard-pool': ['public', 'open'],
  'port-block': ['easy', 'birthday'],
  'port-parity': ['easy', 'birthday'],
  'address-dependent-loose': ['easy', 'birthday'],
  'address-dependent': ['easy', 'birthday'],
  sequential: ['sequential', 'predict'],
  'sequential-3': ['easy', 'predict'],
  'sequential-10': ['easy', 'predict'],
  'sequential-shared': ['easy', 'predict'],
  'sequential-busy': ['easy', 'predict'],
  'easy-portmap': ['hard', 'portmap'],
  'hard-upnp': ['hard', 'portmap'],
  'hard-natpmp': ['hard', 'portmap'],
  'hard-pcp': ['hard', 'portmap'],
  'hard-balancer': ['hard', 'static'],
  'dual-stack': ['dual-stack', 'ipv6'],
  'dual-stack-open': ['ipv6-only', 'ipv6'],
  'ipv6-only': ['dual-stack', 'ipv6'],
};
/** No UDP at all. */
const WITHOUT_PARTNER = ['udp-blocked'];
/**
 * The right end sends to a port that a router has granted, and can't tell that it would have come in there without: the
 * NAT keeps the same port for all. Nor does it hear that nobody comes through the mapping.
 */
const SAME_PORT_MAPPED = ['easy-dead-mapping'];

const partnersOf = PROFILES.filter(({ name }) => !WITHOUT_PARTNER.includes(name)).map(
  ({ name }) => [name, ...(PARTNERS[name] ?? (['easy', 'punch'] as const))] as const,
);

test.each(partnersOf)(
  '%s towards %s: direct-%s from both ends',
  (name, other, method) => {
    const [left, right] = [profileNamed(name), profileNamed(other)];
    if (left === undefined || right === undefined) throw new Error('both are profiles');
    expect(isCertain(judgePair(left, right))).toBe(true);
    const why = explainCell({ left, right }, crypto);
    const seen = SAME_PORT_MAPPED.includes(name) ? 'portmap' : method;
    expect([why.left.rule, why.right.rule]).toEqual([`direct-${method}`, `direct-${seen}`]);
    expect([why.left.fixes, why.right.fixes]).toEqual([[], []]);
  },
  timeoutMs,
);

test('two machines of one LAN: direct-lan from both ends', () => {
  const easy = profileNamed('easy');
  if (easy === undefined) throw new Error('it is a profile');
  const cell = { left: easy, right: easy };
  const topology = cellTopology(cell);
  const machines = topology.machines.map((machine) =>
    machine.name === 'right'
      ? {
          ...machine,
          at: { kind: 'lan', network: 'left-lan', address: ip('192.168.11.20') } as const,
        }
      : machine,
  );
  const why = explainCell(cell, crypto, { ...topology, machines });
  expect([why.left.rule, why.right.rule]).toEqual(['direct-lan', 'direct-lan']);
}, 60_000);

test('the two ends advise the same change, each from its own side', () => {
  const [left, right] = [profileNamed('carrier-hard-upnp'), profileNamed('hard')];
  if (left === undefined || right === undefined) throw new Error('both are profiles');
  const why = explainCell({ left, right }, crypto);
  expect(why.left.fixes[0]).toMatchObject({ code: 'enable-port-mapping', where: 'peer' });
  expect(why.right.fixes[0]).toMatchObject({ code: 'enable-port-mapping', where: 'self' });
}, 60_000);
