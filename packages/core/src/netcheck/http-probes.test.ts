import type { Endpoint, IpAddress } from '@warren/core/ip/address';
import {
  NetcheckDrive,
  relayMap,
  relayNode,
  relayRegion,
} from '@warren/core/netcheck/testing/netcheck-drive';
import { describe, expect, test } from 'vitest';

const MAPPED = '203.0.113.9:54321' as Endpoint;

/** Regions 1 to 3 whose relays serve port 80, and a socket; STUN is silent until told otherwise. */
function threeRegions(): NetcheckDrive {
  const drive = new NetcheckDrive();
  const regions = [1, 2, 3].map((id) =>
    relayRegion(id, [relayNode(id, `198.51.100.${id}`, { canPort80: true })]),
  );
  drive.input({ type: 'socket', family: 4, open: true });
  drive.input({ type: 'relay-map', relayMap: relayMap(...regions) });
  return drive;
}

const asked = (drive: NetcheckDrive, word: string): string[] =>
  drive.probes.filter(({ what }) => what.startsWith(word)).map(({ at, what }) => `${at} ${what}`);

describe('without any STUN answer', () => {
  test('latencies come over HTTPS after 3 s, and home is chosen by them', () => {
    const drive = threeRegions();
    drive.https.set(1, 90).set(2, 40).set(3, 120);
    for (const id of [1, 2, 3]) drive.captive.set(`198.51.100.${id}`, 'clear');
    drive.pass(10_000);
    expect(asked(drive, 'https')).toEqual(['3000 https 1', '3000 https 2', '3000 https 3']);
    expect(drive.report).toMatchObject({
      finishedAt: 3360,
      udp: false,
      ipv4: true,
      ipv6: false,
      homeRegion: 2,
      mappingVariesByDestIp: undefined,
    });
    expect([...(drive.report?.regionHttpsLatencyMs ?? [])]).toEqual([
      [2, 40],
      [1, 90],
      [3, 120],
    ]);
    expect(drive.report?.regionLatencyMs.size).toBe(0);
  });

  test('the report comes after 5 s whatever hangs, and what hangs is given up', () => {
    const drive = threeRegions();
    drive.https.set(1, 90).set(2, 100_000);
    drive.pass(10_000);
    expect(drive.report?.finishedAt).toBe(5000);
    expect(asked(drive, 'cancel').slice(0, 1)).toEqual(['5000 cancel 3']);
    expect(drive.report?.homeRegion).toBe(1);
    drive.pass(400_000);
    expect(drive.reports).toHaveLength(1);
  });

  test('every region is asked again after five minutes or when a person asks, home and the near ones between', () => {
    const drive = new NetcheckDrive();
    const regions = [1, 2, 3, 4, 5].map((id) =>
      relayRegion(id, [relayNode(id, `198.51.100.${id}`)]),
    );
    for (const { id } of regions) drive.https.set(id, 20 * id);
    drive.input({ type: 'socket', family: 4, open: true });
    drive.input({ type: 'relay-map', relayMap: relayMap(...regions) });
    drive.pass(10_000);
    expect(asked(drive, 'https')).toHaveLength(5);
    drive.input({ type: 'check', full: false });
    drive.pass(10_000);
    expect(asked(drive, 'https').slice(5)).toEqual([
      '13000 https 1',
      '13000 https 2',
      '13000 https 3',
    ]);
    drive.input({ type: 'check', full: true });
    drive.pass(10_000);
    expect(asked(drive, 'https')).toHaveLength(13);
  });

  test('STUN that comes back takes the word from HTTPS', () => {
    const drive = threeRegions();
    drive.https.set(1, 90).set(2, 40);
    drive.pass(10_000);
    const answers = { latencyMs: 10, mapped: MAPPED };
    drive.servers.set('198.51.100.1:3478' as Endpoint, answers);
    drive.input({ type: 'check', full: true });
    drive.pass(10_000);
    expect(drive.report).toMatchObject({ udp: true, homeRegion: 1 });
    expect(drive.report?.regionHttpsLatencyMs.size).toBe(0);
  });
});

describe('a captive portal', () => {
  test('is one when a relay cannot be heard through it', () => {
    const drive = threeRegions();
    drive.captive.set('198.51.100.1', 'captive');
    drive.pass(10_000);
    expect(asked(drive, 'captive')).toEqual([
      '200 captive 198.51.100.1 relay1.example.com',
      '200 captive 198.51.100.2 relay2.example.com',
      '200 captive 198.51.100.3 relay3.example.com',
    ]);
    expect(drive.report?.captivePortal).toBe(true);
  });

  test('is none when relays echo, and unknown when nobody answers at all', () => {
    const open = threeRegions();
    for (const id of [1, 2, 3]) open.captive.set(`198.51.100.${id}`, 'clear');
    open.pass(10_000);
    expect(open.report?.captivePortal).toBe(false);
    const dead = threeRegions();
    dead.captive.set('198.51.100.2', 'failed');
    dead.pass(10_000);
    expect(dead.report?.captivePortal).toBeUndefined();
    expect(dead.report?.finishedAt).toBe(5000);
  });

  test('is not looked for once STUN answered, unless a person asks', () => {
    const drive = threeRegions();
    for (const id of [1, 2, 3]) {
      drive.captive.set(`198.51.100.${id}`, 'clear');
      const server = { latencyMs: 20 * id, mapped: MAPPED };
      drive.servers.set(`198.51.100.${id}:3478` as Endpoint, server);
    }
    drive.input({ type: 'network-changed' });
    drive.pass(10_000);
    expect(asked(drive, 'captive')).toEqual([]);
    expect(drive.report?.captivePortal).toBeUndefined();
    drive.input({ type: 'check', full: true, thorough: true });
    drive.pass(10_000);
    expect(asked(drive, 'captive')).toHaveLength(3);
    expect(drive.report).toMatchObject({ thorough: true, captivePortal: false, udp: true });
  });

  test('is looked for at most at five relays, home first, by IPv4 address', () => {
    const drive = new NetcheckDrive();
    const regions = [1, 2, 3, 4, 5, 6, 7].map((id) =>
      relayRegion(id, [relayNode(id, `198.51.100.${id}`, { canPort80: true })]),
    );
    const named = relayNode(8, 'x', { canPort80: true, ipv4: undefined });
    const v6 = relayNode(9, 'x', { canPort80: true, hostName: '2001:db8::1', ipv4: null });
    drive.https.set(6, 10);
    drive.input({ type: 'socket', family: 4, open: true });
    const map = relayMap(relayRegion(8, [named]), relayRegion(9, [v6]), ...regions);
    drive.names.set('relay8.example.com', ['198.51.100.8' as IpAddress]);
    drive.input({ type: 'relay-map', relayMap: map });
    drive.pass(10_000);
    expect(asked(drive, 'captive')).toHaveLength(5);
    drive.input({ type: 'check', full: true });
    drive.pass(10_000);
    const later = asked(drive, 'captive').slice(5);
    expect(later).toHaveLength(5);
    expect(later[0]).toContain('198.51.100.6');
  });
});

test('a network that changes in the middle gets a check of its own; a person still gets theirs', () => {
  const drive = threeRegions();
  drive.input({ type: 'check', full: true, thorough: true });
  drive.pass(6000);
  drive.input({ type: 'network-changed' });
  drive.pass(20_000);
  expect(drive.report?.thorough).toBe(true);
});

test('results of probes that nobody waits for change nothing', () => {
  const drive = threeRegions();
  drive.input({ type: 'https-result', probe: 1, result: { latencyMs: 5, family: 6 } });
  drive.input({ type: 'captive-result', probe: 1, result: 'captive' });
  drive.pass(10_000);
  expect(drive.report).toMatchObject({ captivePortal: undefined, ipv6: false });
});
