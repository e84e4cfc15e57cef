import { instant } from '@warren/core/base/instant';
import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import type { NetcheckReport } from '@warren/core/netcheck/report';
import {
  endpointLifetimeMs,
  maxEndpointsPerIp,
  OwnEndpoints,
} from '@warren/core/path-engine/own-endpoints';
import { describe, expect, test } from 'vitest';

const ip = (text: string): IpAddress => text as IpAddress;

function report(more: Partial<NetcheckReport> & { v4?: string; v6?: string } = {}): NetcheckReport {
  const { v4, v6, ...rest } = more;
  return {
    startedAt: instant(0),
    finishedAt: instant(0),
    full: true,
    thorough: false,
    regionHttpsLatencyMs: new Map(),
    captivePortal: undefined,
    udp: true,
    ipv4: v4 !== undefined,
    ipv6: v6 !== undefined,
    mappingVariesByDestIp: false,
    globalV4: v4 as Endpoint | undefined,
    globalV6: v6 as Endpoint | undefined,
    addressCounts: new Map(),
    observations: [],
    regionLatencyMs: new Map(),
    regionV4LatencyMs: new Map(),
    regionV6LatencyMs: new Map(),
    homeRegion: undefined,
    ...rest,
  };
}

function own(listenPort = 41_641, staticEndpoints: string[] = []): OwnEndpoints {
  const endpoints = new OwnEndpoints({
    listenPort,
    staticEndpoints: staticEndpoints as Endpoint[],
    portOf: (family) => (family === 4 ? 41_641 : 41_642),
  });
  endpoints.setLocalAddresses(['192.168.1.20', '2001:db8::20', 'fe80::20'].map(ip));
  return endpoints;
}

const shown = (of: OwnEndpoints, at = 0): string[] =>
  of.list(instant(at)).map(({ endpoint, type }) => `${endpoint} ${type}`);

describe('the list', () => {
  test('is in the order of worth, typed, and without link-local IPv6', () => {
    const endpoints = own(41_641, ['198.51.100.5:41641']);
    endpoints.report(report({ v4: '203.0.113.9:54321', v6: '[2001:db8::20]:41642' }), instant(0));
    expect(shown(endpoints)).toEqual([
      '203.0.113.9:54321 2',
      '[2001:db8::20]:41642 2',
      '198.51.100.5:41641 5',
      '192.168.1.20:41641 1',
    ]);
  });

  test('static endpoints are what was said last, and told at once', () => {
    const endpoints = own(41_641, ['198.51.100.5:41641']);
    endpoints.report(report({ v4: '203.0.113.9:54321' }), instant(0));
    endpoints.takeChange(instant(0));
    endpoints.setStaticEndpoints(['198.51.100.6:1', '[2001:db8::6]:2'] as Endpoint[]);
    expect(endpoints.takeChange(instant(1))?.map(({ endpoint }) => endpoint)).toEqual([
      '203.0.113.9:54321',
      '198.51.100.6:1',
      '[2001:db8::6]:2',
      '192.168.1.20:41641',
      '[2001:db8::20]:41642',
    ]);
    endpoints.setStaticEndpoints([]);
    expect(shown(endpoints).filter((line) => line.endsWith(' 5'))).toEqual([]);
  });

  test('guesses at a forwarded port behind a hard NAT, if a port is configured', () => {
    const varies = report({ v4: '203.0.113.9:54321', mappingVariesByDestIp: true });
    const [fixed, any] = [own(41_641), own(0)];
    fixed.report(varies, instant(0));
    any.report(varies, instant(0));
    expect(shown(fixed)).toContain('203.0.113.9:41641 4');
    expect(shown(any).some((line) => line.endsWith(' 4'))).toBe(false);
  });

  test('has loopback only when there is nothing else', () => {
    const endpoints = own();
    expect(endpoints.onlyLoopback).toBe(false);
    const untold = new OwnEndpoints({
      listenPort: 0,
      staticEndpoints: [],
      portOf: () => 41_641,
    });
    expect([untold.onlyLoopback, shown(untold)]).toEqual([false, []]);
    endpoints.setLocalAddresses([]);
    expect(endpoints.onlyLoopback).toBe(true);
    expect(shown(endpoints)).toEqual(['127.0.0.1:41641 1', '[::1]:41642 1']);
  });

  test('keeps addresses of earlier reports for 5 min 10 s, six for each IP', () => {
    const endpoints = own();
    for (let i = 0; i < 10; i++) {
      endpoints.report(report({ v4: `203.0.113.9:${1000 + i}` }), instant(i * 1000));
    }
    const public4 = (at: number): string[] =>
      shown(endpoints, at).filter((line) => line.startsWith('203'));
    expect(public4(9000)).toHaveLength(maxEndpointsPerIp);
    expect(public4(9000)[0]).toBe('203.0.113.9:1009 2');
    expect(public4(4000 + endpointLifetimeMs)).toHaveLength(maxEndpointsPerIp - 1);
    expect(public4(9000 + endpointLifetimeMs)).toEqual(['203.0.113.9:1009 2']);
  });
});

describe('what is told', () => {
  test('nothing before the first report, then every change of the set, not of its order', () => {
    const endpoints = own();
    expect(endpoints.takeChange(instant(0))).toBeUndefined();
    endpoints.report(report({ v4: '203.0.113.9:1' }), instant(0));
    expect(endpoints.takeChange(instant(0))).toHaveLength(3);
    expect(endpoints.takeChange(instant(0))).toBeUndefined();
    endpoints.report(report({ v4: '203.0.113.9:2' }), instant(1000));
    expect(
      endpoints
        .takeChange(instant(1000))
        ?.map(({ endpoint }) => endpoint)
        .slice(0, 2),
    ).toEqual(['203.0.113.9:2', '203.0.113.9:1']);
    endpoints.report(report({ v4: '203.0.113.9:1' }), instant(2000));
    expect(endpoints.takeChange(instant(2000))).toBeUndefined();
  });

  test('that an old address ran out', () => {
    const endpoints = own();
    endpoints.report(report({ v4: '203.0.113.9:1' }), instant(0));
    endpoints.report(report({ v4: '203.0.113.9:2' }), instant(1000));
    endpoints.takeChange(instant(1000));
    const at = endpoints.nextTimeout();
    expect(at).toBe(endpointLifetimeMs);
    endpoints.expire(instant(endpointLifetimeMs));
    expect(endpoints.takeChange(instant(endpointLifetimeMs))).toHaveLength(3);
  });

  test('nothing from a change of network until the next report', () => {
    const endpoints = own();
    endpoints.report(report({ v4: '203.0.113.9:1' }), instant(0));
    endpoints.takeChange(instant(0));
    endpoints.networkChanged();
    endpoints.setLocalAddresses([ip('10.0.0.5')]);
    expect(endpoints.takeChange(instant(10))).toBeUndefined();
    endpoints.report(report({ v4: '198.51.100.7:9' }), instant(20));
    expect(endpoints.takeChange(instant(20))?.map(({ endpoint }) => endpoint)).toEqual([
      '198.51.100.7:9',
      '10.0.0.5:41641',
    ]);
  });
});
