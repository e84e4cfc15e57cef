import type { Endpoint } from '@warren/core/ip/address';
import {
  classifyNat,
  keepsPorts,
  type NatMapping,
  type NatRule,
  type Verified,
} from '@warren/core/netcheck/nat-class';
import type { MappingObservation } from '@warren/core/netcheck/report';
import type { NatClass } from '@warren/core/netmap/nat-description';
import { describe, expect, test } from 'vitest';

const ep = (text: string): Endpoint => text as Endpoint;
const SERVER_A = '3.210.5.10:3478';
const SERVER_B = '52.12.5.10:3478';
const SERVER_6 = '[2001:db8::a]:3478';
const MINE = '203.0.113.9:41641';
const PRIVATE = '192.168.1.20:41641';

const seen = (server: string, mapped: string): MappingObservation => ({
  regionId: 1,
  family: server.startsWith('[') ? 6 : 4,
  server: ep(server),
  mapped: ep(mapped),
  latencyMs: 10,
});

interface Case {
  readonly name: string;
  readonly seen: readonly MappingObservation[];
  readonly local?: readonly string[];
  readonly verified?: Readonly<Record<string, Verified>>;
  readonly portMapped?: readonly string[];
  readonly class: NatClass;
  readonly mapping: NatMapping | undefined;
  readonly rule: NatRule;
}

const agreeing = [seen(SERVER_A, MINE), seen(SERVER_B, MINE)];

/** The kinds of NAT as people describe them, and the talk's claims that don't hold. */
const CASES: readonly Case[] = [
  {
    name: 'the worked example: the same port from both servers is easy',
    seen: [seen(SERVER_A, '203.0.113.9:54321'), seen(SERVER_B, '203.0.113.9:54321')],
    local: ['192.168.1.20:12345'],
    class: 'easy',
    mapping: 'endpoint-independent',
    rule: 'mappings-agree',
  },
  {
    name: 'the worked example: another port for another server is hard',
    seen: [seen(SERVER_A, '203.0.113.9:54321'), seen(SERVER_B, '203.0.113.9:62000')],
    local: ['192.168.1.20:12345'],
    class: 'hard',
    mapping: 'endpoint-dependent',
    rule: 'ports-differ',
  },
  {
    name: 'a public address that strangers reach is no NAT',
    seen: agreeing,
    local: [MINE],
    verified: { [MINE]: 'yes' },
    class: 'none',
    mapping: 'none',
    rule: 'reached-unasked',
  },
  {
    name: 'an elastic IP (translated, one to one) that strangers reach is no NAT',
    seen: agreeing,
    local: ['10.1.0.7:41641'],
    verified: { [MINE]: 'yes' },
    class: 'none',
    mapping: 'endpoint-independent',
    rule: 'reached-unasked',
  },
  {
    name: 'a public address whose firewall lets nobody in is easy',
    seen: agreeing,
    local: [MINE],
    verified: { [MINE]: 'no' },
    class: 'easy',
    mapping: 'none',
    rule: 'own-address-seen',
  },
  {
    name: 'a public address of which nothing is proven is easy: the class never guesses reachability',
    seen: agreeing,
    local: [MINE],
    class: 'easy',
    mapping: 'none',
    rule: 'own-address-seen',
  },
  {
    name: 'a full cone that let nothing in unasked is easy',
    seen: agreeing,
    local: [PRIVATE],
    verified: { [MINE]: 'no' },
    class: 'easy',
    mapping: 'endpoint-independent',
    rule: 'mappings-agree',
  },
  {
    name: 'an arrival that a restart may explain is no proof',
    seen: agreeing,
    local: [PRIVATE],
    verified: { [MINE]: undefined },
    class: 'easy',
    mapping: 'endpoint-independent',
    rule: 'mappings-agree',
  },
  {
    name: 'corrected: a router without UPnP is not hard for that',
    seen: agreeing,
    local: [PRIVATE],
    portMapped: [],
    class: 'easy',
    mapping: 'endpoint-independent',
    rule: 'mappings-agree',
  },
  {
    name: 'corrected: a mapped port lets strangers in, and the NAT stays what it is',
    seen: agreeing,
    local: [PRIVATE],
    verified: { [MINE]: 'yes' },
    portMapped: [MINE],
    class: 'easy',
    mapping: 'endpoint-independent',
    rule: 'mappings-agree',
  },
  {
    name: 'corrected: a mapped port does not make a hard NAT easy',
    seen: [seen(SERVER_A, '203.0.113.9:1024'), seen(SERVER_B, '203.0.113.9:9999')],
    local: [PRIVATE],
    portMapped: [MINE],
    class: 'hard',
    mapping: 'endpoint-dependent',
    rule: 'ports-differ',
  },
  {
    name: 'corrected: a forwarder (static endpoint) that strangers reach leaves a hard NAT hard',
    seen: [seen(SERVER_A, '203.0.113.9:1024'), seen(SERVER_B, '203.0.113.9:9999')],
    local: [PRIVATE],
    verified: { [MINE]: 'yes' },
    class: 'hard',
    mapping: 'endpoint-dependent',
    rule: 'ports-differ',
  },
  {
    name: 'another address for another server is hard, with the same port too',
    seen: [seen(SERVER_A, '203.0.113.9:41641'), seen(SERVER_B, '203.0.113.10:41641')],
    class: 'hard',
    mapping: 'endpoint-dependent',
    rule: 'addresses-differ',
  },
  {
    name: 'reached at another port than servers see (a forwarded port) is judged by what they see',
    seen: [seen(SERVER_A, '203.0.113.9:1024'), seen(SERVER_B, '203.0.113.9:1024')],
    local: [PRIVATE],
    verified: { [MINE]: 'yes' },
    class: 'easy',
    mapping: 'endpoint-independent',
    rule: 'mappings-agree',
  },
  {
    name: 'one server behind a NAT tells nothing',
    seen: [seen(SERVER_A, MINE)],
    local: [PRIVATE],
    class: 'unknown',
    mapping: undefined,
    rule: 'one-server',
  },
  {
    name: 'one address asked twice is one server',
    seen: [seen(SERVER_A, MINE), seen('3.210.5.10:3479', MINE)],
    local: [PRIVATE],
    class: 'unknown',
    mapping: undefined,
    rule: 'one-server',
  },
  {
    name: 'one server that sees our own address is enough: nothing translates',
    seen: [seen(SERVER_A, MINE)],
    local: [MINE],
    class: 'easy',
    mapping: 'none',
    rule: 'own-address-seen',
  },
  {
    name: 'a mapping that was renewed between two answers of one server does not vary',
    seen: [seen(SERVER_A, '203.0.113.9:1024'), seen(SERVER_A, MINE), seen(SERVER_B, MINE)],
    local: [PRIVATE],
    class: 'easy',
    mapping: 'endpoint-independent',
    rule: 'mappings-agree',
  },
  {
    name: 'without UDP nothing is known',
    seen: [],
    local: [PRIVATE],
    class: 'unknown',
    mapping: undefined,
    rule: 'no-udp',
  },
  {
    name: 'IPv6 alone, behind a firewall, is easy',
    seen: [seen(SERVER_6, '[2001:db8:9::9]:41641')],
    local: ['[2001:db8:9::9]:41641'],
    verified: { '[2001:db8:9::9]:41641': 'no' },
    class: 'easy',
    mapping: 'none',
    rule: 'own-address-seen',
  },
  {
    name: 'IPv4 is judged when both were heard',
    seen: [
      seen(SERVER_6, '[2001:db8:9::9]:41641'),
      seen(SERVER_A, '203.0.113.9:1024'),
      seen(SERVER_B, '203.0.113.9:9999'),
    ],
    local: ['[2001:db8:9::9]:41641'],
    verified: { '[2001:db8:9::9]:41641': 'yes' },
    class: 'hard',
    mapping: 'endpoint-dependent',
    rule: 'ports-differ',
  },
];

describe('the class', () => {
  test.each(CASES)('$name', (wanted) => {
    const verdict = classifyNat({
      observations: wanted.seen,
      localSockets: (wanted.local ?? []).map(ep),
      verified: new Map(
        Object.entries(wanted.verified ?? {}).map(([of, proof]) => [ep(of), proof]),
      ),
      portMapped: (wanted.portMapped ?? []).map(ep),
    });
    expect(verdict).toMatchObject({
      class: wanted.class,
      mapping: wanted.mapping,
      rule: wanted.rule,
    });
  });
});

test('ports are kept when every server sees our own, not kept when one does not', () => {
  expect(keepsPorts(agreeing, 41641)).toBe(true);
  expect(keepsPorts(agreeing, 5000)).toBe(false);
  expect(keepsPorts([], 41641)).toBeUndefined();
  expect(keepsPorts(agreeing, undefined)).toBeUndefined();
});
