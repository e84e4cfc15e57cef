import { instant, wallTime } from '@warren/core/base/instant';
import type { Endpoint } from '@warren/core/ip/address';
import type { NatVerdict, Verified } from '@warren/core/netcheck/nat-class';
import { ReportBuilder } from '@warren/core/netcheck/report';
import type { NetworkSummary } from '@warren/core/netcheck/summary';
import { relayMap, relayNode, relayRegion } from '@warren/core/netcheck/testing/netcheck-drive';
import { type FamilyDescription, UNKNOWN_NAT } from '@warren/core/netmap/nat-description';
import { EndpointType } from '@warren/core/netmap/own';
import { expect, test } from 'vitest';
import { netcheckJson } from './report-json.js';

const MAPPED = '203.0.113.9:41641' as Endpoint;
const map = relayMap(
  ...[1, 2, 3].map((id) => relayRegion(id, [relayNode(id, `198.51.100.${id}`)])),
);
const easy: NatVerdict = {
  class: 'easy',
  mapping: 'endpoint-independent',
  rule: 'mappings-agree',
  family: 4,
};

/** As known after a first report. */
function ipv4Of(mapping: NatVerdict['mapping'], works: boolean): FamilyDescription {
  return { ...UNKNOWN_NAT.ipv4, works, mapping };
}

/** A report with answers of regions 2 and 1. */
function summary(nat: NatVerdict, verified: Verified, isSilent = false): NetworkSummary {
  const builder = new ReportBuilder(instant(0), true, true);
  for (const [regionId, latencyMs] of isSilent
    ? []
    : ([
        [2, 8.4211],
        [1, 21.9],
      ] as const)) {
    const server = `198.51.100.${regionId}:3478` as Endpoint;
    builder.add({ regionId, family: 4, server, mapped: MAPPED, latencyMs });
  }
  const http = {
    httpsLatencyMs: new Map(isSilent ? [[3, 31]] : []),
    captivePortal: undefined,
    reached: (family: number) => isSilent && family === 4,
  };
  return {
    report: builder.finish(instant(100), isSilent ? 3 : 2, http),
    nat,
    description: { ...UNKNOWN_NAT, class: nat.class, ipv4: ipv4Of(nat.mapping, !isSilent) },
    dialBack: undefined,
    osHasIpv6: true,
    udpPort: 41641,
    endpoints: [{ endpoint: MAPPED, type: EndpointType.stun, verified }],
  };
}

const json = (of: NetworkSummary) => netcheckJson(of, map, wallTime(1_000));

test('the shape that scripts read', () => {
  expect(json(summary(easy, 'no'))).toEqual({
    at: '1970-01-01T00:00:01.000Z',
    udp: true,
    ipv4: true,
    ipv6: false,
    osHasIPv6: true,
    globalV4: MAPPED,
    globalV6: null,
    mappingVariesByDestIP: false,
    nat: {
      class: 'easy',
      mapping: 'endpoint-independent',
      filtering: null,
      portAllocation: 'preserving',
      portDelta: 0,
      portRange: null,
      hairpin: null,
      lifetimeMs: null,
      tablePressure: null,
      cgnat: null,
      nat64: null,
      ipv6: null,
    },
    portMapping: { upnp: null, natpmp: null, pcp: null, external: null, errors: {} },
    captivePortal: null,
    proxy: null,
    relays: [
      { region: 'r2', name: 'Region 2', latencyMs: 8.42, method: 'stun' },
      { region: 'r1', name: 'Region 1', latencyMs: 21.9, method: 'stun' },
      { region: 'r3', name: 'Region 3', latencyMs: null, method: null },
    ],
    preferredRelay: 'r2',
    endpoints: [{ addr: MAPPED, type: 'stun', verified: 'no' }],
    advice: [],
  });
});

test('without UDP what is not known is null, and HTTPS says that it is', () => {
  const unknown = {
    class: 'unknown',
    mapping: undefined,
    rule: 'no-udp',
    family: undefined,
  } as const;
  const report = json(summary(unknown, undefined, true));
  expect(report).toMatchObject({
    udp: false,
    ipv4: true,
    globalV4: null,
    mappingVariesByDestIP: null,
    nat: { class: 'unknown', mapping: null, portAllocation: null },
    preferredRelay: 'r3',
  });
  expect(report.relays[0]).toEqual({
    region: 'r3',
    name: 'Region 3',
    latencyMs: 31,
    method: 'https',
  });
  expect(report.advice.join()).toContain('No UDP gets out');
});

test('where nobody answers no relay is near, and the firewall is not blamed', () => {
  const silent = summary({ ...easy, class: 'unknown', rule: 'no-udp' }, undefined, true);
  const report = json({
    ...silent,
    report: { ...silent.report, ipv4: false, regionHttpsLatencyMs: new Map() },
  });
  expect(report.preferredRelay).toBeNull();
  expect(report.advice).toHaveLength(1);
  expect(report.advice[0]).toContain('No relay answers');
});

test.each<[string, NatVerdict, Verified, string]>([
  [
    'a hard NAT',
    { ...easy, class: 'hard', mapping: 'endpoint-dependent', rule: 'ports-differ' },
    'no',
    'Forward UDP 41641',
  ],
  [
    'a public address that is shut',
    { ...easy, mapping: 'none', rule: 'own-address-seen' },
    'no',
    'open inbound UDP 41641',
  ],
  [
    'one server alone',
    { ...easy, class: 'unknown', mapping: undefined, rule: 'one-server' },
    undefined,
    'add a relay',
  ],
])('%s comes with what would help', (_name, nat, verified, words) => {
  expect(json(summary(nat, verified)).advice.join()).toContain(words);
});

test.each<[string, NatVerdict, Verified]>([
  ['no NAT', { ...easy, class: 'none', rule: 'reached-unasked' }, 'yes'],
  ['an easy NAT', easy, 'no'],
  [
    'a hard NAT with a forwarder that strangers reach',
    { ...easy, class: 'hard', mapping: 'endpoint-dependent', rule: 'ports-differ' },
    'yes',
  ],
])('%s needs no advice', (_name, nat, verified) => {
  expect(json(summary(nat, verified)).advice).toEqual([]);
});

const hard: NatVerdict = {
  ...easy,
  class: 'hard',
  mapping: 'endpoint-dependent',
  rule: 'ports-differ',
};

test('a hard NAT whose forwarder is configured already is not told to get one', () => {
  const found = summary(hard, undefined);
  const forwarder = { endpoint: MAPPED, type: EndpointType.static, verified: undefined };
  const { advice } = json({ ...found, endpoints: [...found.endpoints, forwarder] });
  expect(advice).toEqual([]);
});

test('the port to forward is the node’s, not that of the check', () => {
  const report = netcheckJson(summary(hard, undefined), map, wallTime(1_000), 7);
  expect(report.advice.join()).toContain('Forward UDP 7 ');
  expect(report.advice.join()).toContain('--static-endpoint 203.0.113.9:7,');
});

test('a port used lately matters where the address is our own', () => {
  const dialBack = {
    target: MAPPED,
    verified: undefined,
    reason: 'port-used-lately',
    regionId: undefined,
  } as const;
  const own: NatVerdict = { ...easy, mapping: 'none', rule: 'own-address-seen' };
  expect(json({ ...summary(easy, undefined), dialBack }).advice).toEqual([]);
  expect(json({ ...summary(own, undefined), dialBack }).advice.join()).toContain('ten minutes');
});

test('what was measured of both families is told, each by itself', () => {
  const base = summary(easy, 'no');
  const ipv4: FamilyDescription = {
    ...base.description.ipv4,
    filtering: 'address-dependent',
    portAllocation: 'sequential',
    portDelta: 2,
    portRange: { low: 1, high: 9 },
    lifetimeMs: 30_000,
    hairpin: true,
    tablePressure: false,
  };
  const ipv6: FamilyDescription = { ...ipv4, mapping: 'none', portAllocation: undefined };
  const description = { ...base.description, ipv4, ipv6, cgnat: false };
  const { nat } = json({ ...base, description });
  expect(nat).toMatchObject({
    filtering: 'address-dependent',
    portAllocation: 'sequential',
    portDelta: 2,
    portRange: { low: 1, high: 9 },
    lifetimeMs: 30_000,
    hairpin: true,
    cgnat: false,
  });
  expect(nat.ipv6).toMatchObject({ mapping: 'none', portAllocation: null });
  const alone = json({ ...base, description: { ...description, ipv4: UNKNOWN_NAT.ipv4 } });
  expect(alone.nat.mapping).toBe('none');
});

test('a carrier’s hard NAT is not opened by a port of the router, and a full table is named', () => {
  const hard = { ...easy, class: 'hard', mapping: 'endpoint-dependent' } as const;
  const base = summary(hard, 'no');
  const description = {
    ...base.description,
    cgnat: true,
    ipv4: { ...base.description.ipv4, tablePressure: true },
  };
  const { advice } = json({ ...base, description });
  expect(advice.join()).toContain('NAT of your provider');
  expect(advice.join()).not.toContain('--static-endpoint');
  expect(advice.join()).toContain('although few are open');
});

test('a router that maps no ports is told to', () => {
  const base = summary(easy, 'no');
  const portMapping = { pcp: false, natpmp: false, upnp: false, external: undefined };
  const of = (cgnat: boolean | undefined) =>
    json({ ...base, description: { ...base.description, portMapping, cgnat } }).advice.join();
  expect(of(undefined)).toContain('switch on UPnP');
  expect(of(true)).not.toContain('switch on UPnP');
});

test('where nobody answers a proxy that is named is, too', () => {
  const silent = summary({ ...easy, class: 'unknown', rule: 'no-udp' }, undefined, true);
  const nobody = {
    ...silent,
    report: { ...silent.report, ipv4: false, regionHttpsLatencyMs: new Map() },
  };
  const report = netcheckJson(nobody, map, wallTime(1_000), 41641, 'http://proxy:3128');
  expect(report.proxy).toBe('http://proxy:3128');
  expect(report.advice.join()).toContain('http://proxy:3128');
});
