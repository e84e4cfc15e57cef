import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Endpoint, IpAddress } from '../ip/address.js';
import {
  type FamilyDescription,
  type NatDescription,
  UNKNOWN_NAT,
} from '../netmap/nat-description.js';
import type {
  Attempt,
  Evidence,
  OwnEndpointEvidence,
  PeerEvidence,
  PortSearchEvidence,
} from './evidence.js';
import { attemptsMax, explain } from './explain.js';
import type { Verdict } from './verdict.js';

const at = (text: string): Endpoint => text as Endpoint;
const nothing: FamilyDescription = UNKNOWN_NAT.ipv4;

function family(changes: Partial<FamilyDescription>): FamilyDescription {
  return { ...nothing, works: true, ...changes };
}

function nat(changes: Partial<NatDescription>): NatDescription {
  return { ...UNKNOWN_NAT, ...changes };
}

const easy = nat({
  class: 'easy',
  ipv4: family({
    mapping: 'endpoint-independent',
    filtering: 'address-and-port-dependent',
    mapped: at('73.1.2.3:41641'),
  }),
});
const hard = nat({
  class: 'hard',
  ipv4: family({ mapping: 'endpoint-dependent', mapped: at('52.1.2.3:1025') }),
});
const none = nat({
  class: 'none',
  ipv4: family({ mapping: 'none', filtering: 'none', mapped: at('3.4.5.6:41641') }),
  reachable: [at('3.4.5.6:41641')],
});
const firewalled = nat({
  class: 'easy',
  ipv4: family({ mapping: 'none', mapped: at('3.4.5.6:41641') }),
});
const blocked = UNKNOWN_NAT;
const ipv6Only = nat({ class: 'easy', ipv6: family({ mapping: 'none' }) });
const carrier = { ...hard, cgnat: true };
const strict = (of: NatDescription): NatDescription => ({
  ...of,
  ipv4: { ...of.ipv4, filtering: 'address-and-port-dependent' },
});

interface Scene {
  readonly self?: NatDescription | undefined;
  readonly peer?: NatDescription | undefined;
  readonly about?: Partial<PeerEvidence>;
  readonly own?: readonly OwnEndpointEvidence[];
  readonly tried?: readonly Partial<Attempt>[];
  readonly changes?: Partial<Evidence>;
  readonly hasRelay?: boolean;
  readonly searchingMs?: number | undefined;
}

function evidence(scene: Scene): Evidence {
  const { self, peer, about, own = [], tried = [], changes, hasRelay = true } = scene;
  return {
    self: { nat: self, endpoints: own, hasRelay },
    peer: {
      ...{ name: 'printer', nat: peer, online: true, expired: false, isPlain: false },
      endpoints: [],
      ...about,
    },
    path: { kind: 'relay', regionId: 901 },
    portMethod: undefined,
    hasSession: true,
    attempts: {
      candidates: tried.map((attempt) => ({
        ...{ endpoint: at('73.9.9.9:41641'), sources: ['map'], pingsSent: 4, pongs: 0 },
        ...{ latencyMs: undefined, error: undefined, inUse: false },
        ...attempt,
      })),
      callsSent: 3,
      callsReceived: 3,
      searchingMs: 'searchingMs' in scene ? scene.searchingMs : 60_000,
    },
    ...changes,
  };
}

const why = (scene: Scene): Verdict => explain(evidence(scene));

/** The codes and places of the fixes, such as `forward-port self`. */
const codes = ({ fixes }: Verdict): string[] => fixes.map(({ code, where }) => `${code} ${where}`);

const direct = (remote: string): Partial<Evidence> => ({
  path: { kind: 'direct', socketId: 1, remote: at(remote) },
});

/** Rule by rule: what decides, and what would change it most surely. */
const RELAYED: readonly (readonly [string, Scene, string | undefined, string | undefined])[] = [
  ['both-hard', { self: hard, peer: hard }, 'enable-port-mapping both', 'portmap'],
  ['hard-and-easy', { self: hard, peer: easy }, 'enable-port-mapping both', 'portmap'],
  ['hard-and-easy', { self: carrier, peer: easy }, 'enable-port-mapping peer', 'portmap'],
  ['both-hard', { self: carrier, peer: carrier }, 'enable-ipv6 both', 'ipv6'],
  ['hard-and-easy', { self: hard, peer: firewalled }, 'open-firewall peer', 'open'],
  ['udp-blocked', { self: blocked, peer: none }, 'allow-udp self', 'open'],
  ['udp-blocked', { self: blocked, peer: hard }, 'allow-udp-and-forward self', 'static'],
  ['udp-blocked', { self: easy, peer: blocked }, 'allow-udp-and-forward peer', 'static'],
  ['udp-blocked', { self: blocked, peer: blocked }, 'allow-udp-and-forward both', 'static'],
  ['udp-blocked', { self: blocked, peer: undefined }, 'allow-udp-and-forward self', 'static'],
  ['udp-blocked', { self: blocked, peer: ipv6Only }, 'allow-udp-and-ipv6 self', 'ipv6'],
  ['udp-blocked', { self: firewalled, peer: blocked }, 'allow-udp-and-forward peer', 'open'],
  ['no-common-family', { self: ipv6Only, peer: hard }, 'enable-ipv6 peer', 'ipv6'],
  ['no-common-family', { self: none, peer: ipv6Only }, 'enable-ipv6 self', 'ipv6'],
  ['peer-not-warren', { self: hard, peer: undefined }, 'enable-port-mapping self', 'portmap'],
  ['peer-not-warren', { self: carrier, peer: undefined }, 'use-warren peer', undefined],
  ['firewall-drops', { self: easy, peer: easy }, 'enable-port-mapping both', 'portmap'],
  ['reachable-unanswered', { self: hard, peer: none }, 'allow-udp self', 'open'],
  ['not-measured', { self: undefined, peer: hard }, 'wait self', undefined],
  [
    'nat-unknown',
    { self: easy, peer: nat({ ipv4: family({}) }) },
    'enable-port-mapping both',
    'portmap',
  ],
  ['discovery-running', { self: hard, peer: hard, searchingMs: 900 }, 'wait self', undefined],
  [
    'idle-never-used',
    { self: easy, peer: easy, searchingMs: undefined },
    'send-something self',
    undefined,
  ],
];

test.each(RELAYED)('%s', (rule, scene, fix, effect) => {
  const verdict = why(scene);
  expect(verdict).toMatchObject({ verdict: 'relayed', rule });
  expect(verdict.reason).toMatch(/^[A-Za-z].*\.$/);
  expect(codes(verdict)[0]).toBe(fix);
  expect(verdict.fixes[0]?.effect ?? undefined).toBe(effect);
});

const UNREACHABLE: readonly (readonly [string, Scene])[] = [
  ['peer-offline', { self: easy, peer: easy, about: { online: false } }],
  ['peer-expired', { self: easy, peer: easy, about: { expired: true, online: false } }],
  ['no-relay', { self: easy, peer: easy, hasRelay: false }],
  ['no-relay', { self: easy, peer: easy, changes: { path: undefined } }],
  [
    'plain-wireguard-silent',
    {
      self: easy,
      about: { isPlain: true },
      changes: { ...direct('9.9.9.9:51820'), hasSession: false },
    },
  ],
];

test.each(UNREACHABLE)('%s', (rule, scene) => {
  expect(why(scene)).toMatchObject({ verdict: 'unreachable', rule });
  expect(why(scene).fixes).toHaveLength(1);
});

const portMapped = (external: string, reachable: boolean): NatDescription => ({
  ...hard,
  portMapping: { ...hard.portMapping, upnp: true, external: at(external) },
  reachable: reachable ? [at(external)] : [],
});

const DIRECT: readonly (readonly [string, Scene])[] = [
  ['direct-punch', { self: easy, peer: easy, changes: direct('73.9.9.9:41641') }],
  ['direct-punch', { self: easy, peer: undefined, changes: direct('73.9.9.9:41641') }],
  ['direct-open', { self: hard, peer: none, changes: direct('3.4.5.6:41641') }],
  ['direct-open', { self: none, peer: hard, changes: direct('52.1.2.3:31025') }],
  ['direct-lan', { self: hard, peer: hard, changes: direct('192.168.1.7:41641') }],
  ['direct-ipv6', { self: hard, peer: hard, changes: direct('[2001:db8::7]:41641') }],
  [
    'direct-portmap',
    { self: hard, peer: portMapped('52.1.2.3:7000', true), changes: direct('52.1.2.3:7000') },
  ],
  [
    'direct-portmap',
    { self: portMapped('52.1.2.3:7000', true), peer: hard, changes: direct('52.9.9.9:31025') },
  ],
  [
    'direct-static',
    {
      self: hard,
      peer: { ...hard, reachable: [at('8.1.1.1:41641')] },
      changes: direct('8.1.1.1:41641'),
    },
  ],
  [
    'direct-static',
    {
      self: hard,
      own: [{ endpoint: at('8.1.1.1:41641'), type: 'static', verified: true }],
      peer: hard,
      changes: direct('52.9.9.9:31025'),
    },
  ],
  // Forwarded to the peer, which answers from its NAT's own port and has proven nothing itself.
  [
    'direct-static',
    {
      self: strict(easy),
      peer: strict(hard),
      about: { endpoints: [at('8.1.1.1:41641')] },
      changes: direct('8.1.1.1:41641'),
    },
  ],
  [
    'direct-predict',
    { self: hard, peer: easy, changes: { ...direct('73.9.9.9:41641'), portMethod: 'predict' } },
  ],
  [
    'direct-birthday',
    { self: easy, peer: hard, changes: { ...direct('52.9.9.9:31025'), portMethod: 'birthday' } },
  ],
  ['direct-open', { self: easy, peer: hard, changes: direct('52.9.9.9:31025') }],
  // Met by the other side's search: neither filter lets in what was not sent to.
  [
    'direct-birthday',
    { self: strict(easy), peer: strict(hard), changes: direct('52.9.9.9:31025') },
  ],
  [
    'direct-predict',
    {
      ...{ self: strict(easy), changes: direct('52.9.9.9:31025') },
      peer: strict({ ...hard, ipv4: { ...hard.ipv4, portAllocation: 'sequential' } }),
    },
  ],
  [
    'direct-punch',
    {
      self: { ...ipv6Only, class: 'easy', nat64: '64:ff9b::' as IpAddress },
      ...{ peer: easy, changes: direct('[64:ff9b::3409:909]:31025') },
    },
  ],
  [
    'direct-open',
    {
      self: { ...easy, ipv4: { ...easy.ipv4, filtering: 'address-dependent' } },
      peer: hard,
      changes: direct('52.9.9.9:31025'),
    },
  ],
];

test.each(DIRECT)('%s', (rule, scene) => {
  const verdict = why(scene);
  expect(verdict).toMatchObject({ verdict: 'direct', rule, fixes: [] });
  expect(verdict.reason).toMatch(/^[A-Za-z].*\.$/);
});

test('what the search for ports tried, how it ended and when it goes on stands behind the reason', () => {
  const search: PortSearchEvidence = {
    method: 'birthday',
    attempts: 3,
    outcome: 'not-reached',
    action: 'guesses',
    pings: 1500,
    callsWithGuesses: 0,
    againInMs: 31_500,
  };
  const base = evidence({ self: easy, peer: hard });
  const reason = (portSearch: PortSearchEvidence): string =>
    explain({ ...base, attempts: { ...base.attempts, portSearch } }).reason;
  expect(reason(search)).toMatch(/ Tried: birthday, 1,500 guesses, not reached; again in 32 s\.$/);
  expect(reason({ ...search, againInMs: 600_000, pings: 0, outcome: 'no-answer' })).toMatch(
    / Tried: birthday, no answer; again in 10 min\.$/,
  );
  expect(reason({ ...search, attempts: 0, outcome: 'off' })).toMatch(/switched off here\.$/);
});

test('a direct path counts also when control has lost the peer', () => {
  const verdict = why({
    self: easy,
    peer: easy,
    about: { online: false },
    changes: direct('9.9.9.9:1'),
  });
  expect(verdict.verdict).toBe('direct');
});

test('neighbours that an access point keeps apart', () => {
  const verdict = why({
    self: hard,
    peer: { ...hard, ipv4: { ...hard.ipv4, mapped: at('52.1.2.3:2000') } },
    own: [{ endpoint: at('192.168.7.2:41641'), type: 'local', verified: undefined }],
    about: { endpoints: [at('192.168.7.9:41641')] },
  });
  expect(verdict.rule).toBe('same-lan-isolated');
  expect(verdict.fixes).toMatchObject([{ code: 'allow-lan', effect: 'lan', where: 'both' }]);
});

test('two homes with the same subnet are no neighbours', () => {
  const verdict = why({
    self: easy,
    peer: hard,
    own: [{ endpoint: at('192.168.7.2:41641'), type: 'local', verified: undefined }],
    about: { endpoints: [at('192.168.7.9:41641')] },
  });
  expect(verdict.rule).toBe('hard-and-easy');
});

test('a mapping of no use is noted, and another way comes first', () => {
  const liar = portMapped('5.6.7.9:41641', false);
  expect(why({ self: liar, peer: carrier })).toMatchObject({
    notes: [
      { rule: 'mapping-dead', where: 'self' },
      { rule: 'carrier-nat', where: 'peer' },
    ],
    fixes: [{ code: 'forward-port' }, { code: 'repair-port-mapping' }, { code: 'enable-ipv6' }],
  });
  const inner = portMapped('100.70.1.2:41641', false);
  expect(why({ self: inner, peer: hard })).toMatchObject({
    notes: [{ rule: 'mapping-not-public', where: 'self' }],
    fixes: [{ code: 'enable-port-mapping', where: 'peer' }, {}, { code: 'enable-ipv6' }],
  });
});

test('a router that takes another address for its own is told with both', () => {
  const ipv4 = { ...hard.ipv4, mapped: '203.0.113.9:5000' as Endpoint };
  const portMapping = { ...hard.portMapping, external: '5.6.7.9:41641' as Endpoint };
  const noteOf = (self: NatDescription) =>
    why({ self, peer: hard }).notes.find(({ rule }) => rule === 'carrier-nat')?.text;
  expect(noteOf({ ...carrier, ipv4 })).toBe(
    "A carrier's NAT stands before the router of this machine.",
  );
  expect(noteOf({ ...carrier, ipv4, portMapping })).toBe(
    "The router of this machine takes 5.6.7.9 for its address, and the internet sees 203.0.113.9: a carrier's NAT stands before it, or it is mistaken.",
  );
});

test('of two routers the one that no carrier stands before is opened', () => {
  const sure = { ...hard, cgnat: false };
  expect(codes(why({ self: hard, peer: sure }))[0]).toBe('enable-port-mapping peer');
  expect(codes(why({ self: sure, peer: hard }))[0]).toBe('enable-port-mapping self');
});

test('a dead static endpoint of ours is named where it should have worked', () => {
  const verdict = why({
    self: easy,
    own: [{ endpoint: at('8.1.1.1:41641'), type: 'static', verified: false }],
    peer: easy,
  });
  expect(verdict.notes).toMatchObject([{ rule: 'static-dead', where: 'self' }]);
  expect(verdict.fixes[0]).toMatchObject({ code: 'repair-static-endpoint', effect: 'static' });
});

test('attempts are bounded, the telling ones first', () => {
  const tried = Array.from({ length: 80 }, (_, index) => ({
    endpoint: at(`9.9.9.9:${index + 1}`),
    pingsSent: index,
    pongs: index === 40 ? 2 : 0,
    inUse: index === 20,
  }));
  const { attempts } = why({ self: hard, peer: hard, tried });
  expect(attempts).toHaveLength(attemptsMax);
  expect(attempts.map(({ endpoint }) => endpoint).slice(0, 3)).toEqual([
    '9.9.9.9:21',
    '9.9.9.9:41',
    '9.9.9.9:80',
  ]);
});

const place = fc.constantFrom(
  ...[undefined, easy, hard, none, firewalled, blocked, ipv6Only, carrier],
  ...[portMapped('52.1.2.3:7000', true), portMapped('5.6.7.9:1', false)],
);
const dual = (of: NatDescription | undefined, has: boolean): NatDescription | undefined =>
  of === undefined || !has ? of : { ...of, ipv6: family({ mapping: 'none' }) };

test('law: whoever asks, a pair that both ends describe is relayed by one rule', () => {
  fc.assert(
    fc.property(place, place, fc.boolean(), fc.boolean(), (a, b, six, sixToo) => {
      const [left, right] = [dual(a, six), dual(b, sixToo)];
      if (left === undefined || right === undefined) return;
      const [there, back] = [why({ self: left, peer: right }), why({ self: right, peer: left })];
      expect(there.rule).toBe(back.rule);
      expect(there.fixes.length).toBeGreaterThan(0);
    }),
    { numRuns: 1000 },
  );
});

test('law: nothing of a peer that tells nothing is guessed', () => {
  fc.assert(
    fc.property(place, (self) => {
      const { peer, notes, rule } = why({ self, peer: undefined });
      expect(peer).toBeUndefined();
      expect(notes.filter(({ where }) => where === 'peer')).toEqual([]);
      expect(['peer-not-warren', 'udp-blocked', 'not-measured']).toContain(rule);
    }),
  );
});
