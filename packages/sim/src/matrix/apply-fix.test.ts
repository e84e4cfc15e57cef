import type { FamilyDescription, NatDescription } from '@warren/core/netmap/nat-description';
import { UNKNOWN_NAT } from '@warren/core/netmap/nat-description';
import type { Evidence } from '@warren/core/why/evidence';
import { explain } from '@warren/core/why/explain';
import { expect, test } from 'vitest';
import { socket } from '../topology/literals.js';
import { cellName, cellsOf, type MatrixCell } from './cell.js';
import { repairedCell } from './explain-cell.js';
import { isCertain, judgePair } from './oracle.js';
import type { FamilyTruth, Profile } from './profile.js';
import { PROFILES } from './profiles.js';
import { relayRuleOf } from './relay-rule.js';

/** What a perfect netcheck would say of a place. */
function described({ truth }: Profile, address: string): NatDescription {
  const family = (udp: FamilyTruth | null, mapped: string): FamilyDescription =>
    udp === null
      ? UNKNOWN_NAT.ipv4
      : {
          ...UNKNOWN_NAT.ipv4,
          ...udp,
          works: true,
          portRange: udp.portRange ?? undefined,
          mapped: socket(mapped),
        };
  const here = socket(`${address}:41641`);
  const has = (protocol: 'pcp' | 'natpmp' | 'upnp'): boolean =>
    truth.portMapping.includes(protocol);
  return {
    ...UNKNOWN_NAT,
    class: truth.class,
    ipv4: family(truth.ipv4, here),
    ipv6: family(truth.ipv6, '[2001:db8::7]:41641'),
    cgnat: truth.cgnat,
    portMapping: {
      ...{ pcp: has('pcp'), natpmp: has('natpmp'), upnp: has('upnp') },
      external: truth.wayIn === 'portmap' ? here : undefined,
    },
    reachable: truth.wayIn !== null || truth.class === 'none' ? [here] : [],
  };
}

function evidence({ left, right }: MatrixCell): Evidence {
  return {
    self: { nat: described(left, '52.20.10.11'), endpoints: [], hasRelay: true },
    peer: {
      ...{ name: 'right', online: true, expired: false, isPlain: false, endpoints: [] },
      nat: described(right, '54.200.8.11'),
    },
    ...{ path: { kind: 'relay', regionId: 901 }, portMethod: undefined, hasSession: true },
    attempts: { candidates: [], callsSent: 1, callsReceived: 1, searchingMs: 60_000 },
  };
}

const uncertain = cellsOf(PROFILES).filter(({ left, right }) => !isCertain(judgePair(left, right)));

test('with the truth known, the rule of every pair that may be relayed is the right one', () => {
  for (const cell of uncertain) {
    expect(explain(evidence(cell)).rule, cellName(cell)).toBe(relayRuleOf(cell.left, cell.right));
  }
});

test('with the truth known, what is advised first makes every such pair certain by the oracle', () => {
  expect(uncertain.length).toBeGreaterThan(100);
  for (const cell of uncertain) {
    const [fix] = explain(evidence(cell)).fixes;
    const repaired = fix === undefined ? undefined : repairedCell(cell, fix);
    expect(repaired, cellName(cell)).toBeDefined();
    if (repaired === undefined) continue;
    const after = judgePair(repaired.left, repaired.right);
    expect(isCertain(after), `${cellName(cell)}: ${fix?.code ?? ''} ${after.reason}`).toBe(true);
  }
});

test('a change that a place has no use for is refused', () => {
  const named = (name: string): Profile => {
    const profile = PROFILES.find((each) => each.name === name);
    if (profile === undefined) throw new Error(`${name} is a profile`);
    return profile;
  };
  const cell = { left: named('public'), right: named('easy') };
  const fix = { do: '', effect: null } as const;
  expect(
    repairedCell(cell, { ...fix, code: 'enable-port-mapping', where: 'self' }),
  ).toBeUndefined();
  expect(repairedCell(cell, { ...fix, code: 'open-firewall', where: 'peer' })).toBeUndefined();
  expect(repairedCell(cell, { ...fix, code: 'use-warren', where: 'peer' })).toBeUndefined();
});
