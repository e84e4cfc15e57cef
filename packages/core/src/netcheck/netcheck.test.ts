import { isFailure } from '@warren/core/base/failure';
import { instant } from '@warren/core/base/instant';
import { mutations } from '@warren/core/base/mutations';
import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import { advertisedAddresses } from '@warren/core/netcheck/report';
import {
  NetcheckDrive,
  relayMap,
  relayNode,
  relayRegion,
} from '@warren/core/netcheck/testing/netcheck-drive';
import { encodeBindingRequest } from '@warren/core/stun/binding';
import { answerBindingRequest } from '@warren/core/stun/server';
import { describe, expect, test } from 'vitest';

const ep = (text: string): Endpoint => text as Endpoint;
const MAPPED = ep('203.0.113.9:54321');

/** Three IPv4 regions at 10, 30 and 50 ms that all see the same mapping. */
function threeRegions(): NetcheckDrive {
  const drive = new NetcheckDrive();
  const regions = [1, 2, 3].map((id) => relayRegion(id, [relayNode(id, `198.51.100.${id}`)]));
  for (const id of [1, 2, 3]) {
    drive.servers.set(ep(`198.51.100.${id}:3478`), { latencyMs: 20 * id - 10, mapped: MAPPED });
  }
  drive.input({ type: 'socket', family: 4, open: true });
  drive.input({ type: 'relay-map', relayMap: relayMap(...regions) });
  return drive;
}

describe('one check', () => {
  test('tells our address, the latencies, the kind of mapping and the nearest home', () => {
    const drive = threeRegions();
    drive.pass(200);
    expect(drive.report).toMatchObject({
      full: true,
      udp: true,
      ipv4: true,
      ipv6: false,
      mappingVariesByDestIp: false,
      globalV4: MAPPED,
      homeRegion: 1,
    });
    expect([...(drive.report?.regionLatencyMs ?? [])]).toEqual([
      [1, 10],
      [2, 30],
      [3, 50],
    ]);
    expect(drive.report?.addressCounts.get(MAPPED)).toBe(3);
  });

  test('ends when all answered; an answered region is not asked again', () => {
    const drive = threeRegions();
    drive.pass(5000);
    expect(drive.report?.finishedAt).toBe(50);
    expect(drive.sent).toHaveLength(3);
  });

  test('does not wait for a fourth region longer than twice the slowest of three', () => {
    const drive = threeRegions();
    const regions = [1, 2, 3, 4].map((id) => relayRegion(id, [relayNode(id, `198.51.100.${id}`)]));
    drive.input({ type: 'network-changed' });
    drive.input({ type: 'relay-map', relayMap: relayMap(...regions) });
    drive.pass(5000);
    expect(drive.reports.map(({ finishedAt }) => finishedAt)).toEqual([50, 200]);
  });

  test('retries a silent server at 100 and 200 ms and gives up after 3 s', () => {
    const drive = new NetcheckDrive();
    drive.input({ type: 'socket', family: 4, open: true });
    const region = relayRegion(1, [relayNode(1, '198.51.100.1')]);
    drive.input({ type: 'relay-map', relayMap: relayMap(region) });
    drive.pass(5000);
    expect(drive.sent.map(({ at }) => at)).toEqual([0, 100, 200]);
    expect(drive.report).toMatchObject({
      finishedAt: 3000,
      udp: false,
      globalV4: undefined,
      mappingVariesByDestIp: undefined,
    });
  });

  test('gives a silent family up early once the other one answered', () => {
    const drive = new NetcheckDrive();
    drive.input({ type: 'socket', family: 4, open: true });
    drive.input({ type: 'socket', family: 6, open: true });
    const node = relayNode(1, '198.51.100.1', { ipv6: '2001:db8::1' as IpAddress });
    drive.servers.set(ep('198.51.100.1:3478'), { latencyMs: 20, mapped: MAPPED });
    drive.input({ type: 'relay-map', relayMap: relayMap(relayRegion(1, [node])) });
    drive.pass(5000);
    expect(drive.report).toMatchObject({ finishedAt: 700, ipv4: true, ipv6: false });
  });

  test('stops asking where the operating system refuses to send', () => {
    const drive = new NetcheckDrive();
    drive.input({ type: 'socket', family: 4, open: true });
    drive.input({ type: 'socket', family: 6, open: true });
    const node = relayNode(1, '198.51.100.1', { ipv6: '2001:db8::1' as IpAddress });
    drive.servers.set(ep('198.51.100.1:3478'), { latencyMs: 20, mapped: MAPPED });
    drive.input({ type: 'relay-map', relayMap: relayMap(relayRegion(1, [node])) });
    drive.input({ type: 'unreachable', remote: ep('[2001:db8::1]:3478') });
    drive.pass(5000);
    expect(drive.report?.finishedAt).toBe(20);
  });

  test('asks both families and reports both addresses', () => {
    const drive = new NetcheckDrive();
    drive.input({ type: 'socket', family: 4, open: true });
    drive.input({ type: 'socket', family: 6, open: true });
    const node = relayNode(1, '198.51.100.1', { ipv6: '2001:db8::1' as IpAddress });
    drive.servers.set(ep('198.51.100.1:3478'), { latencyMs: 20, mapped: MAPPED });
    const mappedV6 = ep('[2001:db8:9::9]:41641');
    drive.servers.set(ep('[2001:db8::1]:3478'), { latencyMs: 12, mapped: mappedV6 });
    drive.input({ type: 'relay-map', relayMap: relayMap(relayRegion(1, [node])) });
    drive.pass(100);
    expect(drive.report).toMatchObject({ globalV4: MAPPED, globalV6: mappedV6 });
    expect(drive.report?.regionLatencyMs.get(1)).toBe(12);
    expect(drive.report?.regionV4LatencyMs.get(1)).toBe(20);
    expect(advertisedAddresses(drive.report ?? neverReport())).toEqual([MAPPED, mappedV6]);
  });

  test('with no relay at all there is a report at once', () => {
    const drive = new NetcheckDrive();
    drive.input({ type: 'socket', family: 4, open: true });
    drive.input({ type: 'relay-map', relayMap: relayMap() });
    expect(drive.report).toMatchObject({ udp: false, homeRegion: undefined });
  });
});

function neverReport(): never {
  throw new Error('no report came');
}

describe('the mapping', () => {
  function twoServers(first: string, second: string): NetcheckDrive {
    const drive = new NetcheckDrive();
    drive.servers.set(ep('198.51.100.1:3478'), { latencyMs: 10, mapped: ep(first) });
    drive.servers.set(ep('198.51.100.2:3478'), { latencyMs: 30, mapped: ep(second) });
    const regions = [1, 2].map((id) => relayRegion(id, [relayNode(id, `198.51.100.${id}`)]));
    drive.input({ type: 'socket', family: 4, open: true });
    drive.input({ type: 'relay-map', relayMap: relayMap(...regions) });
    drive.pass(1000);
    return drive;
  }

  test('varies when two servers see different ports; such ports are not advertised', () => {
    const { report } = twoServers('203.0.113.9:54321', '203.0.113.9:62000');
    expect(report?.mappingVariesByDestIp).toBe(true);
    expect(advertisedAddresses(report ?? neverReport())).toEqual(['203.0.113.9:54321']);
    expect(report?.observations.map(({ server, mapped }) => [server, mapped])).toEqual([
      ['198.51.100.1:3478', '203.0.113.9:54321'],
      ['198.51.100.2:3478', '203.0.113.9:62000'],
    ]);
  });

  test('does not vary when they agree', () => {
    const { report } = twoServers('203.0.113.9:54321', '203.0.113.9:54321');
    expect(report?.mappingVariesByDestIp).toBe(false);
  });

  test('is unknown when only one server address was heard, however often', () => {
    const drive = new NetcheckDrive();
    for (const port of [3478, 3479]) {
      const mapped = ep(`203.0.113.9:${port}`);
      drive.servers.set(ep(`198.51.100.1:${port}`), { latencyMs: 10, mapped });
    }
    const nodes = [3478, 3479].map((stunPort) => relayNode(1, '198.51.100.1', { stunPort }));
    const regions = nodes.map((node, i) => relayRegion(i + 1, [node]));
    drive.input({ type: 'socket', family: 4, open: true });
    drive.input({ type: 'relay-map', relayMap: relayMap(...regions) });
    drive.pass(1000);
    expect(drive.report?.observations).toHaveLength(2);
    expect(drive.report?.mappingVariesByDestIp).toBeUndefined();
  });
});

describe('answers that are not what they claim', () => {
  test('from another address than the asked one are refused and counted', () => {
    const drive = new NetcheckDrive();
    drive.servers.set(ep('198.51.100.1:3478'), {
      latencyMs: 10,
      mapped: MAPPED,
      answersFrom: ep('203.0.113.66:3478'),
    });
    const region = relayRegion(1, [relayNode(1, '198.51.100.1')]);
    drive.input({ type: 'socket', family: 4, open: true });
    drive.input({ type: 'relay-map', relayMap: relayMap(region) });
    drive.pass(4000);
    expect(drive.report?.udp).toBe(false);
    expect(drive.counters.get('stun-wrong-source')).toBe(3);
  });

  test('from another port of the asked address are taken', () => {
    const drive = new NetcheckDrive();
    drive.servers.set(ep('198.51.100.1:3478'), {
      latencyMs: 10,
      mapped: MAPPED,
      answersFrom: ep('198.51.100.1:9999'),
    });
    const region = relayRegion(1, [relayNode(1, '198.51.100.1')]);
    drive.input({ type: 'socket', family: 4, open: true });
    drive.input({ type: 'relay-map', relayMap: relayMap(region) });
    drive.pass(4000);
    expect(drive.report?.globalV4).toBe(MAPPED);
  });

  test('to nobody, twice, late or damaged never change a report', () => {
    const drive = threeRegions();
    const reply = answerBindingRequest(encodeBindingRequest(new Uint8Array(12)), MAPPED);
    if (isFailure(reply)) throw new Error(reply.reason);
    let delivered = 0;
    for (const bytes of mutations(reply)) {
      drive.input({
        type: 'datagram',
        source: ep('198.51.100.1:3478'),
        bytes,
        receivedAt: drive.now,
      });
      delivered++;
    }
    drive.pass(200);
    drive.input({
      type: 'datagram',
      source: ep('198.51.100.1:3478'),
      bytes: reply,
      receivedAt: drive.now,
    });
    expect(drive.report?.observations).toHaveLength(3);
    const counted = Object.values(drive.counters.snapshot()).reduce((sum, count) => sum + count, 0);
    expect(counted).toBe(delivered + 1);
  });
});

describe('names', () => {
  test('literals are never looked up', () => {
    const drive = threeRegions();
    drive.pass(100);
    expect(drive.lookups).toEqual([]);
  });

  test('probes wait for a look-up and keep their distance', () => {
    const drive = new NetcheckDrive();
    const node = relayNode(1, '', { ipv4: undefined });
    drive.names.set(node.hostName, ['198.51.100.1' as IpAddress]);
    drive.input({ type: 'socket', family: 4, open: true });
    drive.input({ type: 'relay-map', relayMap: relayMap(relayRegion(1, [node])) });
    drive.pass(5000);
    expect(drive.lookups).toEqual([node.hostName]);
    expect(drive.sent.map(({ at }) => at)).toEqual([50, 150, 250]);
  });

  test('a name without address is asked again with a later report', () => {
    const drive = new NetcheckDrive();
    const node = relayNode(1, '', { ipv4: undefined });
    drive.names.set(node.hostName, []);
    drive.input({ type: 'socket', family: 4, open: true });
    drive.input({ type: 'periodic', on: true });
    drive.input({ type: 'relay-map', relayMap: relayMap(relayRegion(1, [node])) });
    drive.pass(1000);
    expect(drive.report?.udp).toBe(false);
    drive.names.set(node.hostName, ['198.51.100.1' as IpAddress]);
    drive.servers.set(ep('198.51.100.1:3478'), { latencyMs: 10, mapped: MAPPED });
    drive.pass(27_000);
    expect(drive.lookups).toHaveLength(2);
    expect(drive.report?.globalV4).toBe(MAPPED);
  });

  test('an unanswered look-up holds a report up for 3 s at most', () => {
    const drive = new NetcheckDrive();
    const node = relayNode(1, '', { ipv4: undefined });
    drive.input({ type: 'socket', family: 4, open: true });
    drive.input({ type: 'relay-map', relayMap: relayMap(relayRegion(1, [node])) });
    drive.pass(10_000);
    expect(drive.reports.map(({ finishedAt }) => finishedAt)).toEqual([3000]);
  });
});

describe('when it runs', () => {
  test('not before there is a socket and a map, then at once', () => {
    const drive = new NetcheckDrive();
    drive.input({ type: 'check', full: true });
    expect([drive.netcheck.busy, drive.netcheck.nextTimeout()]).toEqual([true, undefined]);
    const region = relayRegion(1, [relayNode(1, '198.51.100.1')]);
    drive.input({ type: 'relay-map', relayMap: relayMap(region) });
    expect(drive.sent).toEqual([]);
    drive.input({ type: 'socket', family: 4, open: true });
    expect(drive.sent).toHaveLength(1);
  });

  test('every 20 to 26 s while periodic, in full every 5 minutes, else not at all', () => {
    const drive = threeRegions();
    drive.pass(60_000);
    expect(drive.reports).toHaveLength(1);
    drive.input({ type: 'periodic', on: true });
    drive.pass(600_000);
    const gaps = drive.reports
      .slice(2)
      .map((report, i) => report.startedAt - (drive.reports[i + 1]?.finishedAt ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(20_000);
    expect(Math.max(...gaps)).toBeLessThan(26_000);
    const full = drive.reports.filter((report) => report.full).map(({ startedAt }) => startedAt);
    expect(full).toHaveLength(3);
    for (const [i, at] of full.slice(1).entries()) {
      expect(at - (full[i] ?? 0)).toBeGreaterThanOrEqual(300_000);
      expect(at - (full[i] ?? 0)).toBeLessThan(327_000);
    }
    drive.input({ type: 'periodic', on: false });
    expect(drive.netcheck.nextTimeout()).toBeUndefined();
  });

  test('a check wanted during another one follows it, once', () => {
    const drive = threeRegions();
    drive.input({ type: 'check', full: false });
    drive.input({ type: 'check', full: false });
    drive.pass(10_000);
    expect(drive.reports.map(({ full }) => full)).toEqual([true, false]);
  });

  test('a change of network starts over, in full, and drops what is under way', () => {
    const drive = threeRegions();
    drive.pass(20);
    drive.servers.set(ep('198.51.100.1:3478'), { latencyMs: 15, mapped: ep('192.0.2.1:7') });
    drive.servers.set(ep('198.51.100.2:3478'), { latencyMs: 15, mapped: ep('192.0.2.1:7') });
    drive.servers.set(ep('198.51.100.3:3478'), { latencyMs: 15, mapped: ep('192.0.2.1:7') });
    drive.input({ type: 'network-changed' });
    drive.pass(1000);
    expect(drive.reports).toHaveLength(1);
    expect([...(drive.report?.addressCounts ?? [])]).toEqual([['192.0.2.1:7', 3]]);
    expect(drive.report?.full).toBe(true);
  });
});

describe('home', () => {
  test('moves to a clearly nearer region, not to a slightly nearer one', () => {
    const drive = threeRegions();
    drive.pass(100);
    drive.servers.set(ep('198.51.100.1:3478'), { latencyMs: 36, mapped: MAPPED });
    drive.input({ type: 'network-changed' });
    drive.pass(1000);
    expect(drive.report?.homeRegion).toBe(1);
    drive.servers.set(ep('198.51.100.1:3478'), { latencyMs: 90, mapped: MAPPED });
    drive.input({ type: 'network-changed' });
    drive.pass(1000);
    expect(drive.report?.homeRegion).toBe(2);
  });

  test('stays while its relay is heard although its STUN is silent', () => {
    const drive = threeRegions();
    drive.pass(100);
    drive.servers.delete(ep('198.51.100.1:3478'));
    drive.input({ type: 'relay-heard', regionId: 1 });
    drive.input({ type: 'check', full: true });
    drive.pass(4000);
    expect(drive.report?.homeRegion).toBe(1);
    drive.pass(30_000);
    drive.input({ type: 'check', full: true });
    drive.pass(4000);
    expect(drive.report?.homeRegion).toBe(2);
  });

  test('without any UDP it is always the same region, and one with a relay', () => {
    const drive = new NetcheckDrive();
    const regions = [
      relayRegion(1, [relayNode(1, '198.51.100.1', { stunOnly: true })]),
      relayRegion(2, [relayNode(2, '198.51.100.2')]),
      relayRegion(3, [relayNode(3, '198.51.100.3')], { noMeasureNoHome: true }),
      relayRegion(4, [relayNode(4, '198.51.100.4')]),
    ];
    drive.input({ type: 'socket', family: 4, open: true });
    drive.input({ type: 'relay-map', relayMap: relayMap(...regions) });
    drive.pass(10_000);
    drive.input({ type: 'check', full: false });
    drive.pass(10_000);
    expect(drive.reports.map(({ homeRegion }) => homeRegion)).toEqual([2, 2]);
  });

  test('is left for a minute when its relay refuses connections, if there is another one', () => {
    const drive = threeRegions();
    drive.pass(100);
    drive.input({ type: 'avoid-home', regionId: 1 });
    drive.pass(1000);
    expect(drive.report?.homeRegion).toBe(2);
    for (const regionId of [2, 3]) drive.input({ type: 'avoid-home', regionId });
    drive.pass(1000);
    expect(drive.report?.homeRegion).toBe(1);
  });

  test('is left for twice as long when its relay refuses again, not when it was heard between', () => {
    const drive = threeRegions();
    drive.pass(100);
    const homeAfter = (ms: number): number | undefined => {
      drive.pass(ms);
      drive.input({ type: 'check', full: true });
      drive.pass(1000);
      return drive.report?.homeRegion;
    };
    drive.input({ type: 'avoid-home', regionId: 1 });
    expect([homeAfter(50_000), homeAfter(10_000)]).toEqual([2, 1]);
    drive.input({ type: 'avoid-home', regionId: 1 });
    expect([homeAfter(110_000), homeAfter(10_000)]).toEqual([2, 1]);
    drive.input({ type: 'relay-heard', regionId: 1 });
    drive.input({ type: 'avoid-home', regionId: 1 });
    expect([homeAfter(50_000), homeAfter(10_000)]).toEqual([2, 1]);
  });

  test('is never a region that only does STUN, nor one that left the map', () => {
    const drive = threeRegions();
    drive.pass(100);
    const regions = [
      relayRegion(2, [relayNode(2, '198.51.100.2', { stunOnly: true })]),
      relayRegion(3, [relayNode(3, '198.51.100.3')]),
    ];
    drive.input({ type: 'relay-map', relayMap: relayMap(...regions) });
    drive.pass(1000);
    expect(drive.report?.homeRegion).toBe(3);
  });
});

test('latency is never negative, even when clocks disagree', () => {
  const drive = threeRegions();
  drive.now = instant(5);
  drive.pass(100);
  for (const ms of drive.report?.regionLatencyMs.values() ?? []) {
    expect(ms).toBeGreaterThanOrEqual(0);
  }
});
