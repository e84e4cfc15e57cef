import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isCertain, judgePair, type OracleVerdict } from './oracle.js';
import { probesMax } from './oracle-sides.js';
import type { FamilyTruth, Profile, ProfileTruth } from './profile.js';
import { PROFILES, profileNamed } from './profiles.js';
import { relayRuleOf } from './relay-rule.js';

function named(name: string): Profile {
  const profile = profileNamed(name);
  if (profile === undefined) throw new Error(`${name} is a profile`);
  return profile;
}

function kindOf(a: string, b: string): string {
  return judgePair(named(a), named(b)).kind ?? '-';
}

// The columns are the profiles in the order of the rows; capitals need luck.
const GRID = `
public                  a
public-firewalled       ab
one-to-one              aaa
one-to-one-firewalled   abab
full-cone               aaaaa
cone-other-ports        aaaaaa
restricted-cone         ababaab
easy                    ababaabb
easy-hairpin            ababaabbb
easy-range              ababaabbbb
easy-rejecting          ababaabbbbb
easy-banning            ababaabbbbbb
easy-portmap            aaaaaaaaaaaaa
easy-liar               ababaabbbbbbab
easy-dead-mapping       ababaabbbbbbabb
carrier-easy            ababaabbbbbbabbb
carrier-hard            acacaaeccccCaccc-
carrier-hard-upnp       acacaaeccccCaccc--
hard                    acacaaeccccCaccc---
hard-range              aeaeaaeeeeeEaeee---c
hard-pool               aCaCaaECCCCCaCCC-----
port-block              aeaeaaeeeeeEaeee---c-c
port-parity             acacaaeccccCaccc-------
address-dependent-loose acacaaeccccCacccffffFfff
address-dependent       acacaaeccccCaccc-------f-
sequential              adadaaddddddaddd---e---f-d
sequential-3            adadaaddddddaddd---e---f-dd
sequential-10           adadaaddddddaddd---e---f-ddd
sequential-shared       adadaaddddddaddd---e---f-dddd
sequential-busy         aeaeaaeeeeeEaeee-------f------
hard-upnp               aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
hard-natpmp             aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
hard-pcp                aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
hard-balancer           aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
dual-stack              acacaaeccccCaccc-------f------aaaab
dual-stack-open         acacaaeccccCaccc-------f------aaaaaa
ipv6-only               ----------------------------------bab
nat64                   ababaabbbbbbabbbccceCecccddddeaaaababb
udp-blocked             ---------------------------------------
`;

/** The lower left half, a letter for each pair: the kind, or a dash where none is possible. */
function grid(): string[] {
  return PROFILES.map((row, index) => {
    const cells = PROFILES.slice(0, index + 1).map((column) => letterOf(judgePair(row, column)));
    return `${row.name.padEnd(24)}${cells.join('')}`;
  });
}

function letterOf({ kind, luck }: OracleVerdict): string {
  if (kind === null) return '-';
  return luck ? kind.toUpperCase() : kind;
}

test('the whole oracle', () => {
  expect(grid()).toEqual(GRID.trim().split('\n'));
});

const EXAMPLES: readonly (readonly [string, string, string, string])[] = [
  ['public', 'hard', 'a', 'anybody reaches public'],
  ['hard', 'full-cone', 'a', 'anybody reaches the port that full-cone has mapped'],
  ['hard', 'hard-balancer', 'a', 'anybody reaches the static endpoint of hard-balancer'],
  ['hard', 'hard-pcp', 'a', 'anybody reaches the mapped port of hard-pcp'],
  ['easy', 'easy', 'b', 'both keep one port for all destinations'],
  ['public-firewalled', 'carrier-easy', 'b', 'both keep one port for all destinations'],
  ['nat64', 'easy', 'b', 'both keep one port for all destinations'],
  ['dual-stack', 'ipv6-only', 'b', 'both keep one port for all destinations'],
  ['sequential', 'easy', 'd', 'the next port of each can be told beforehand'],
  ['sequential', 'sequential-shared', 'd', 'the next port of each can be told beforehand'],
  ['sequential-busy', 'easy', 'e', '201 probes at most find the port'],
  ['hard-range', 'easy', 'e', '64 probes at most find the port'],
  ['hard-range', 'sequential', 'e', '512 probes at most find the port'],
  ['restricted-cone', 'hard', 'e', 'one probe finds the port'],
  ['hard', 'easy', 'c', 'many sockets of hard against guesses of the other'],
  ['easy-liar', 'carrier-hard', 'c', 'many sockets of carrier-hard against guesses of the other'],
  [
    'hard',
    'hard',
    '-',
    'both take a new port for each destination, and there are too many to guess',
  ],
  [
    'carrier-hard-upnp',
    'hard',
    '-',
    'both take a new port for each destination, and there are too many to guess',
  ],
  ['hard-range', 'hard-range', 'c', 'both guess from many sockets: 64 ports and 64'],
  ['address-dependent-loose', 'hard', 'f', 'the filter of address-dependent-loose lets guesses in'],
  ['ipv6-only', 'public', '-', 'no address family works at both ends'],
  ['udp-blocked', 'public', '-', 'no UDP gets through at udp-blocked'],
  ['udp-blocked', 'udp-blocked', '-', 'no UDP gets through at udp-blocked'],
];

test.each(EXAMPLES)('%s and %s: %s, %s', (a, b, kind, reason) => {
  const verdict = judgePair(named(a), named(b));
  expect(verdict.kind ?? '-').toBe(kind);
  expect(verdict.reason).toBe(reason);
});

test('IPv6 is used where it needs nothing that IPv4 would', () => {
  expect(judgePair(named('dual-stack'), named('dual-stack'))).toMatchObject({
    kind: 'b',
    family: 6,
  });
  expect(judgePair(named('dual-stack'), named('nat64'))).toMatchObject({ kind: 'b', family: 6 });
  expect(judgePair(named('dual-stack'), named('public'))).toMatchObject({ kind: 'a', family: 4 });
  expect(judgePair(named('dual-stack-open'), named('ipv6-only'))).toMatchObject({
    kind: 'a',
    family: 6,
  });
  expect(kindOf('dual-stack', 'hard')).toBe('-');
});

test('a filter of a hard NAT that lets everybody of an address in permits guesses from anywhere', () => {
  const loose = withUdp(named('address-dependent'), { filtering: 'address-dependent' });
  expect(judgePair(loose, named('hard'))).toMatchObject({ kind: 'f', luck: false });
  expect(judgePair(loose, named('sequential'))).toMatchObject({ kind: 'f', luck: false });
  expect(judgePair(loose, named('easy'))).toMatchObject({ kind: 'c' });
  // With a mapping of its own for each port, what answers a guess leaves from another one.
  const narrow = withUdp(named('hard'), { filtering: 'address-dependent' });
  expect(judgePair(narrow, named('hard'))).toMatchObject({ possible: false });
});

test('a guess that finds nothing once in a hundred times is luck, and so is any of several addresses', () => {
  expect(judgePair(named('easy'), named('hard'))).toMatchObject({ kind: 'c', luck: false });
  expect(judgePair(named('easy'), named('hard-pool'))).toMatchObject({ kind: 'c', luck: true });
  expect(judgePair(named('restricted-cone'), named('hard-pool'))).toMatchObject({ luck: true });
  expect(judgePair(named('full-cone'), named('hard-pool'))).toMatchObject({ luck: false });
});

test('two small ranges meet when both sides guess from many sockets', () => {
  const block = named('port-block');
  expect(judgePair(block, block)).toMatchObject({ kind: 'c', luck: false });
  expect(judgePair(block, named('hard-range'))).toMatchObject({ kind: 'c', luck: false });
  const wider = withUdp(block, { portRange: { low: 40_448, high: 41_471 } });
  expect(judgePair(block, wider)).toMatchObject({ kind: 'c', luck: true });
  expect(judgePair(wider, withUdp(wider, { addresses: 4 })).possible).toBe(false);
});

test('a firewall that bans makes luck of guesses, and of nothing else', () => {
  const strict = named('easy-banning');
  for (const other of ['hard', 'port-block', 'hard-range', 'address-dependent-loose']) {
    expect(judgePair(strict, named(other)), other).toMatchObject({ possible: true, luck: true });
  }
  for (const other of ['easy', 'restricted-cone', 'sequential-10', 'hard-pcp', 'public']) {
    expect(judgePair(strict, named(other)), other).toMatchObject({ possible: true, luck: false });
  }
  const patient = withTruth(strict, { bansAfter: 2000 });
  expect(judgePair(patient, named('hard'))).toMatchObject({ luck: false });
});

test('a delta beyond eight is guessed within the budget, not predicted', () => {
  const wide = withUdp(named('sequential'), { portDelta: 9 });
  expect(judgePair(wide, named('easy'))).toMatchObject({ kind: 'e' });
  const backwards = withUdp(named('sequential'), { portDelta: -8 });
  expect(judgePair(backwards, named('easy'))).toMatchObject({ kind: 'd' });
});

const profile = fc.constantFrom(...PROFILES);
const udp: fc.Arbitrary<FamilyTruth | null> = fc.option(
  fc.record({
    mapping: fc.constantFrom(
      'none',
      'endpoint-independent',
      'address-dependent',
      'address-and-port-dependent',
    ),
    filtering: fc.constantFrom(
      'none',
      'endpoint-independent',
      'address-dependent',
      'address-and-port-dependent',
    ),
    portAllocation: fc.constantFrom('preserving', 'sequential', 'random'),
    portDelta: fc.integer({ min: -20, max: 20 }),
    portRange: fc.constantFrom(null, { low: 40_000, high: 40_063 }, { low: 40_448, high: 40_959 }),
    addresses: fc.constantFrom(1, 4),
  }),
);
const invented: fc.Arbitrary<Profile> = fc
  .record({
    of: profile,
    ipv4: udp,
    ipv6: udp,
    wayIn: fc.constantFrom(null, 'portmap', 'static'),
    crossTrafficPerSecond: fc.constantFrom(0, 3, 20, 200),
    bansAfter: fc.constantFrom(null, 20),
  })
  .map(({ of, ...truth }) => ({ ...of, truth: { ...of.truth, ...truth } }));

test('law: the order of the two changes nothing', () => {
  fc.assert(
    fc.property(invented, invented, (a, b) => {
      const [there, back] = [judgePair(a, b), judgePair(b, a)];
      expect([there.possible, there.kind, there.family]).toEqual([
        back.possible,
        back.kind,
        back.family,
      ]);
      expect(relayRuleOf(a, b)).toBe(relayRuleOf(b, a));
    }),
  );
});

test('law: a way in that works takes nothing away, and with UDP over IPv4 it is enough', () => {
  fc.assert(
    fc.property(invented, invented, (a, b) => {
      const [before, after] = [judgePair(a, b), judgePair(withTruth(a, { wayIn: 'portmap' }), b)];
      if (before.possible) expect(after.possible).toBe(true);
      if (isCertain(before)) expect(isCertain(after)).toBe(true);
      if (a.truth.ipv4 !== null && b.truth.ipv4 !== null) expect(after.kind).toBe('a');
    }),
  );
});

test('law: a filter that opens takes nothing away', () => {
  fc.assert(
    fc.property(invented, invented, (a, b) => {
      const before = judgePair(a, b);
      if (before.possible)
        expect(judgePair(withUdp(a, { filtering: 'none' }), b).possible).toBe(true);
    }),
  );
});

test('law: without UDP, or without a family in common, nothing is possible', () => {
  fc.assert(
    fc.property(invented, invented, (a, b) => {
      const shares = (['ipv4', 'ipv6'] as const).some(
        (family) => a.truth[family] !== null && b.truth[family] !== null,
      );
      if (!shares) expect(judgePair(a, b).possible).toBe(false);
    }),
  );
});

test('law: what is not certain has a rule that explains its relay', () => {
  for (const a of PROFILES) {
    for (const b of PROFILES) {
      const verdict = judgePair(a, b);
      if (!isCertain(verdict)) expect(relayRuleOf(a, b), `${a.name} ${b.name}`).toBeDefined();
    }
  }
});

test('every profile is told apart by name, and its rule is that of a pair which may be relayed', () => {
  expect(new Set(PROFILES.map(({ name }) => name)).size).toBe(PROFILES.length);
  expect(PROFILES.length).toBeGreaterThanOrEqual(20);
  for (const each of PROFILES) {
    expect(each.name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    const other = named(each.relayed.with);
    expect(isCertain(judgePair(each, other)), each.name).toBe(false);
    expect(relayRuleOf(each, other), each.name).toBe(each.relayed.rule);
  }
});

test('a granted mapping that leads nowhere is no way in', () => {
  for (const { name, build, truth } of PROFILES) {
    if (build.at !== 'lan') continue;
    const mapped = build.portMapping;
    const works = mapped !== undefined && mapped.tells === undefined && mapped.dead !== true;
    expect(truth.portMapping, name).toEqual(mapped?.protocols ?? []);
    expect(truth.wayIn === 'portmap', name).toBe(works && build.carrier === undefined);
    expect(truth.wayIn === 'static', name).toBe(build.balancer === true);
    expect(truth.cgnat, name).toBe(build.carrier !== undefined);
    expect(truth.crossTrafficPerSecond, name).toBe(build.crossTrafficPerSecond ?? 0);
  }
});

test('a profile is built as its truth says', () => {
  for (const { name, build, truth } of PROFILES) {
    if (build.at !== 'lan') continue;
    expect(truth.bansAfter, name).toBe(build.bansAfter ?? null);
    expect(truth.ipv4?.addresses ?? 1, name).toBe(build.pool === true ? 4 : 1);
  }
});

test('no kind is granted beyond the budget of probes', () => {
  expect(probesMax).toBe(1500);
  expect(kindOf('sequential-busy', 'hard-range')).toBe('-');
  expect(kindOf('sequential-busy', 'sequential-busy')).toBe('-');
});

function withTruth(of: Profile, change: Partial<ProfileTruth>): Profile {
  return { ...of, truth: { ...of.truth, ...change } };
}

/** Changes both families where they work. */
function withUdp(of: Profile, change: Partial<FamilyTruth>): Profile {
  const { ipv4, ipv6 } = of.truth;
  return withTruth(of, {
    ipv4: ipv4 === null ? null : { ...ipv4, ...change },
    ipv6: ipv6 === null ? null : { ...ipv6, ...change },
  });
}
