import { expect, test } from 'vitest';
import { easyNetcheck } from '../testing/reports.js';
import { renderNetcheck } from './netcheck-report.js';

const render = (change: Partial<typeof easyNetcheck> = {}, verbose = false): string =>
  renderNetcheck({ ...easyNetcheck, ...change }, verbose).join('\n');

test('the fields of a common home, in the order that people know', () => {
  expect(render()).toBe(`Report
  time              2031-03-04T05:06:07.500Z
  udp               yes
  ipv4              yes, 203.0.113.9:54321
  ipv6              no, but supported by the system
  mapping varies    no
  nat               easy (one mapping for all destinations)
  nat details       mapping independent of the endpoint, filtering by address and port, ports kept, no hairpin
  port mapping      not checked
  nearest relay     Harbour Town
  relay latency
     hbt   8.4ms  Harbour Town
     nvl  21.9ms  North Valley
     isl          Island`);
});

test('a network without UDP: latencies say how they were measured, and advice follows', () => {
  const { nat } = easyNetcheck;
  const text = render({
    udp: false,
    globalV4: null,
    mappingVariesByDestIP: null,
    captivePortal: true,
    nat: { ...nat, class: 'unknown', mapping: null },
    relays: [{ region: 'hbt', name: 'Harbour Town', latencyMs: 31, method: 'https' }],
    advice: ['Sign in.'],
  });
  expect(text).toContain('  ipv4              yes, no address\n');
  expect(text).toContain('  mapping varies    unknown\n');
  expect(text).toContain('  nat               unknown (no UDP)\n');
  expect(text).toContain('  captive portal    yes\n');
  expect(text).toContain('     hbt  31.0ms  Harbour Town (HTTPS)\n');
  expect(text.endsWith('\n\n# Sign in.')).toBe(true);
});

test.each([
  ['none', 'none', 'none (strangers reach this machine)'],
  ['hard', 'endpoint-dependent', 'hard (another mapping for every destination)'],
  ['easy', 'none', 'easy (public address behind a firewall)'],
  ['unknown', null, 'unknown (one STUN server alone)'],
] as const)('a NAT of class %s with mapping %s is "%s"', (kind, mapping, words) => {
  expect(render({ nat: { ...easyNetcheck.nat, class: kind, mapping } })).toContain(
    `  nat               ${words}\n`,
  );
});

test.each([
  [{ portAllocation: 'sequential', portDelta: 2 }, 'ports in sequence (+2)'],
  [{ portAllocation: 'sequential', portDelta: -1 }, 'ports in sequence (-1)'],
  [{ portAllocation: 'random' }, 'random ports,'],
  [{ portAllocation: 'random', portRange: { low: 40, high: 99 } }, 'random ports 40-99'],
  [{ lifetimeMs: 120_000, hairpin: true }, 'hairpin, idle mappings last 120 s'],
  [{ tablePressure: true }, 'few flows fit'],
  [{ cgnat: true, nat64: '64:ff9b::' }, '  carrier nat       yes\n  nat64             64:ff9b::\n'],
] as const)('of a NAT with %j is said: %s', (change, words) => {
  expect(render({ nat: { ...easyNetcheck.nat, ...change } })).toContain(words);
});

test('what is not known of a NAT is not mentioned', () => {
  const nothing = { mapping: null, filtering: null, portAllocation: null, hairpin: null } as const;
  const text = render({ nat: { ...easyNetcheck.nat, ...nothing } });
  expect(text).not.toContain('nat details');
  expect(text).not.toContain('ipv6 details');
});

test('IPv6 is described apart where it differs, and a proxy is named', () => {
  const { nat } = easyNetcheck;
  const ipv6 = { ...nat, mapping: 'none', portAllocation: null, hairpin: null } as const;
  const text = render({ nat: { ...nat, ipv6 }, proxy: 'http://proxy:3128' });
  expect(text).toContain('  ipv6 details      mapping none, filtering by address and port\n');
  expect(text).toContain('  proxy             http://proxy:3128\n');
});

test('--verbose lists endpoints with what is proven of them', () => {
  expect(render({}, true)).toContain(
    '  endpoints\n     203.0.113.9:54321  stun, strangers do not reach it',
  );
});

test('port mapping services are named, with the mapping, and with what is wrong', () => {
  const found = { upnp: true, natpmp: false, pcp: true, external: '203.0.113.9:41641', errors: {} };
  expect(render({ portMapping: found })).toContain(
    '  port mapping      UPnP, PCP, mapped to 203.0.113.9:41641\n',
  );
  const errors = {
    upnp: 'the router refuses (606, not authorised)',
    pcp: 'the router does not answer over PCP',
  };
  const refused = { upnp: true, natpmp: false, pcp: false, external: null, errors };
  expect(render({ portMapping: refused })).toContain(
    '  port mapping      UPnP; UPnP: the router refuses (606, not authorised)\n',
  );
  const none = { upnp: false, natpmp: false, pcp: false, external: null, errors: {} };
  expect(render({ portMapping: none })).toContain('  port mapping      none\n');
});

test("another machine's words can't move the cursor", () => {
  const relays = [{ region: 'a\u001b[2J', name: 'b\u0007', latencyMs: 1, method: 'stun' }] as const;
  expect(render({ relays, preferredRelay: null })).toMatch(/ {5}a\?\[2J {2}1\.0ms {2}b\?$/);
});

test('no relay is nearest when none answered', () => {
  expect(render({ preferredRelay: null })).toContain(
    '  nearest relay     unknown (no response to latency probes)\n',
  );
});
