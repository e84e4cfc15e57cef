/** What the engine keeps for people: bounded, newest last. */
import { instant } from '@warren/core/base/instant';
import type { Endpoint } from '@warren/core/ip/address';
import type { NodeKey } from '@warren/core/keys/keys';
import type { NetcheckReport } from '@warren/core/netcheck/report';
import { MappingSamples, maxMappingSamples } from '@warren/core/path-engine/mapping-samples';
import { NetInfoReporter } from '@warren/core/path-engine/net-info-reporter';
import { EngineOutputs } from '@warren/core/path-engine/outputs';
import { maxPathChanges, PathHistory } from '@warren/core/path-engine/path-history';
import { describe, expect, test } from 'vitest';

const peer = 'aa'.repeat(32) as NodeKey;
const remote = (port: number): Endpoint => `203.0.113.9:${port}` as Endpoint;

test('of mapping samples the latest of each destination is kept, up to a limit', () => {
  const samples = new MappingSamples();
  for (let i = 0; i < 3 * maxMappingSamples; i++) {
    samples.add(peer, remote(1000 + i), remote(1), instant(i));
  }
  samples.add(peer, remote(1000 + 3 * maxMappingSamples - 2), remote(2), instant(9999));
  expect(samples.list()).toHaveLength(maxMappingSamples);
  expect(samples.list().at(-1)).toMatchObject({ observed: remote(2), at: 9999 });
  samples.clear();
  expect(samples.list()).toEqual([]);
});

test('the history keeps the latest changes', () => {
  const history = new PathHistory();
  for (let i = 0; i < maxPathChanges + 10; i++) {
    history.add({ at: instant(i), peer, from: undefined, to: undefined, cause: 'pong' });
  }
  expect(history.list()).toHaveLength(maxPathChanges);
  expect(history.list()[0]?.at).toBe(10);
});

describe('what control hears of the network', () => {
  const report: NetcheckReport = {
    startedAt: instant(0),
    finishedAt: instant(0),
    full: true,
    thorough: false,
    regionHttpsLatencyMs: new Map(),
    captivePortal: undefined,
    udp: true,
    ipv4: true,
    ipv6: false,
    mappingVariesByDestIp: true,
    globalV4: undefined,
    globalV6: undefined,
    addressCounts: new Map(),
    observations: [],
    regionLatencyMs: new Map([[1, 10]]),
    regionV4LatencyMs: new Map([[1, 12]]),
    regionV6LatencyMs: new Map([[1, 10]]),
    homeRegion: 1,
  };

  test('is the first report, then every change but latency', () => {
    const outputs = new EngineOutputs();
    const reporter = new NetInfoReporter(outputs);
    const told = (): unknown => {
      const output = outputs.poll();
      return output?.type === 'net-info' ? output.netInfo : undefined;
    };
    reporter.osHasIpv6(true);
    expect(told()).toBeUndefined();
    reporter.report(report);
    expect(told()).toMatchObject({ homeRegion: 1, workingUdp: true, osHasIpv6: true });
    reporter.report({ ...report, regionV4LatencyMs: new Map([[1, 90]]) });
    expect(told()).toBeUndefined();
    reporter.report({ ...report, homeRegion: 2 });
    expect(told()).toMatchObject({ homeRegion: 2 });
    reporter.report({ ...report, homeRegion: 2, mappingVariesByDestIp: undefined });
    expect(told()).toBeUndefined();
    reporter.networkChanged();
    reporter.report({ ...report, homeRegion: 2, mappingVariesByDestIp: undefined });
    expect(told()).toMatchObject({ mappingVariesByDestIp: undefined });
  });
});
