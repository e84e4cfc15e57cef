/** `why` on every profile of the matrix, in running worlds; about a second per profile. */
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { expect, test } from 'vitest';
import { explainCell, repairedCell } from './explain-cell.js';
import { brokenPromise } from './fixes.js';
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
    // By luck of the ports, or by more than its profile asks for: there is nothing to advise.
    if (why.left.verdict === 'direct') {
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

test('the two ends advise the same change, each from its own side', () => {
  const [left, right] = [profileNamed('carrier-hard-upnp'), profileNamed('hard')];
  if (left === undefined || right === undefined) throw new Error('both are profiles');
  const why = explainCell({ left, right }, crypto);
  expect(why.left.fixes[0]).toMatchObject({ code: 'enable-port-mapping', where: 'peer' });
  expect(why.right.fixes[0]).toMatchObject({ code: 'enable-port-mapping', where: 'self' });
}, 60_000);
