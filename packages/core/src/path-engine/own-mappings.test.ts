import { NetworkMemory } from '@warren/core/path-engine/network-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { instant } from '../base/instant.js';
import { SeededRandom } from '../base/seeded-random.js';
import type { Endpoint, IpAddress } from '../ip/address.js';
import type { NetcheckReport } from '../netcheck/report.js';
import { EndpointType } from '../netmap/own.js';
import type { PortMapping, PortMapServices } from '../portmap/io.js';
import { EndpointProving } from './endpoint-proving.js';
import { NetInfoReporter } from './net-info-reporter.js';
import { EngineOutputs } from './outputs.js';
import { OwnEndpoints } from './own-endpoints.js';
import { OwnMappings } from './own-mappings.js';
import { OwnNat } from './own-nat.js';
import { OwnNatDescription } from './own-nat-description.js';

const now = instant(0);
const mapped = '5.6.7.8:41641' as Endpoint;
const server = '52.20.10.11:3478' as Endpoint;
const services: PortMapServices = {
  pcp: true,
  natpmp: true,
  upnp: undefined,
  routerAddress: undefined,
  errors: {},
};

function mapping(external: Endpoint, isPublic = true): PortMapping {
  return { protocol: 'pcp', internalPort: 41_641, external, isPublic, lifetimeMs: 7_200_000 };
}

/** A report of servers that saw us under `seen`, one by one. */
function seenAs(...seen: readonly Endpoint[]): NetcheckReport {
  const observations = seen.map((one) => ({ family: 4, server, mapped: one }));
  return { observations } as unknown as NetcheckReport;
}

describe('what a mapping is worth', () => {
  const parts = () => {
    const outputs = new EngineOutputs();
    const options = { outputs, random: new SeededRandom(1), counters: new Counters() };
    const endpoints = new OwnEndpoints({
      ...{ listenPort: 41_641, staticEndpoints: [], portOf: () => undefined },
    });
    const proving = new EndpointProving({ ...options, earlierUses: [] });
    const nat = new OwnNat();
    const memory = new NetworkMemory(outputs, [], now);
    const description = new OwnNatDescription({ ...options, memory, onQuiet: () => undefined });
    const netInfo = new NetInfoReporter(outputs);
    const mappings = new OwnMappings({
      ...{ outputs, proving, nat, netInfo, endpoints, description },
      onChange: () => undefined,
    });
    return { outputs, endpoints, proving, nat, description, mappings };
  };
  let world: ReturnType<typeof parts>;
  beforeEach(() => {
    world = parts();
  });

  test('a public one is an endpoint of its own type, evidence and part of the description', () => {
    const { mappings, endpoints, nat, description } = world;
    mappings.update([mapping(mapped)], services, now);
    expect(endpoints.list(now)).toEqual([{ endpoint: mapped, type: EndpointType.portmap }]);
    expect(nat.portMapped).toEqual([mapped]);
    expect(description.portMapping).toEqual({
      ...{ pcp: true, natpmp: true, upnp: undefined, external: mapped },
    });
    mappings.update([], services, now);
    expect(endpoints.list(now)).toEqual([]);
  });

  test('one with a private or a carrier address is told to nobody, and described', () => {
    const { mappings, endpoints, description } = world;
    const inner = '100.64.0.2:41641' as Endpoint;
    mappings.update([mapping(inner, false)], services, now);
    expect(endpoints.list(now)).toEqual([]);
    expect(description.portMapping.external).toBe(inner);
  });

  test('the address that STUN servers see counts against the router that tells another one', () => {
    const { mappings, endpoints } = world;
    mappings.update([mapping(mapped)], services, now);
    mappings.report(seenAs('9.9.9.9:41641' as Endpoint));
    expect(endpoints.list(now)).toEqual([]);
    mappings.report(seenAs('5.6.7.8:2000' as Endpoint));
    expect(endpoints.list(now)).toHaveLength(1);
    mappings.report(seenAs('9.9.9.9:41641' as Endpoint));
    mappings.networkChanged();
    expect(endpoints.list(now)).toHaveLength(1);
  });

  test('a router that translates to several addresses may hold the mapping at yet another one', () => {
    const { mappings, endpoints } = world;
    mappings.update([mapping(mapped)], services, now);
    mappings.report(seenAs('5.6.7.9:2000' as Endpoint, '5.6.7.10:2001' as Endpoint));
    expect(endpoints.list(now)).toEqual([{ endpoint: mapped, type: EndpointType.portmap }]);
    mappings.report(seenAs('5.6.7.9:2000' as Endpoint, '5.6.7.9:2001' as Endpoint));
    expect(endpoints.list(now)).toEqual([]);
  });

  test('what the router says of itself tells of a carrier’s NAT, also when its mapping is given up', () => {
    const { mappings, description } = world;
    const behindCarrier = { ...services, routerAddress: '100.72.3.4' as IpAddress };
    const isCarrier = () => description.describe(new OwnNat().verdict, undefined, []).cgnat;
    expect(isCarrier()).toBeUndefined();
    mappings.update([mapping('100.72.3.4:41641' as Endpoint, false)], behindCarrier, now);
    expect(isCarrier()).toBe(true);
    mappings.update([], behindCarrier, now);
    expect(isCarrier()).toBe(true);
    mappings.update([], services, now);
    expect(isCarrier()).toBeUndefined();
  });

  test('proofs of mapped endpoints go to the port mapper, others do not', () => {
    const { proving, outputs } = world;
    proving.onDead({ endpoint: mapped, type: EndpointType.static }, now);
    proving.onVerdict({ endpoint: mapped, type: EndpointType.stun }, 'yes', now);
    proving.onVerdict({ endpoint: mapped, type: EndpointType.portmap }, 'no', now);
    expect(outputs.poll()).toBeUndefined();
    proving.onVerdict({ endpoint: mapped, type: EndpointType.portmap }, 'yes', now);
    proving.onDead({ endpoint: mapped, type: EndpointType.portmap }, now);
    const told = { type: 'mapping-verified', external: mapped };
    expect(outputs.poll()).toEqual({ ...told, works: true });
    expect(outputs.poll()).toEqual({ ...told, works: false });
  });

  test('the router is asked for what the sockets are bound to, once', () => {
    const { mappings, outputs } = world;
    const sockets = { port: (family: 4 | 6) => (family === 4 ? 41_641 : undefined) };
    mappings.want(sockets);
    mappings.want(sockets);
    expect(outputs.poll()).toEqual({ type: 'udp-ports', ipv4: 41_641, ipv6: undefined });
    expect(outputs.poll()).toBeUndefined();
  });
});
