import { Counters } from '@warren/core/base/counters';
import { instant } from '@warren/core/base/instant';
import { SeededRandom } from '@warren/core/base/seeded-random';
import type { NodeKey } from '@warren/core/keys/keys';
import { EngineOutputs } from '@warren/core/path-engine/outputs';
import {
  eagerBackOffMaxMs,
  idleCloseMs,
  maxQueuedPackets,
  queueLifetimeMs,
  RelayLinks,
  stableMs,
} from '@warren/core/path-engine/relay-links';
import { beforeEach, describe, expect, test } from 'vitest';

const peer = 'cd'.repeat(32) as NodeKey;
const packet = (number: number): Uint8Array => Uint8Array.of(number);
const at = instant;

let outputs: EngineOutputs;
let counters: Counters;
let links: RelayLinks;

beforeEach(() => {
  outputs = new EngineOutputs();
  counters = new Counters();
  links = new RelayLinks({ outputs, counters, random: new SeededRandom(3) });
  links.setRegions(new Set([1, 2]));
});

/** What came out, as `type region[ detail]`. */
function out(): string[] {
  const lines: string[] = [];
  for (let output = outputs.poll(); output !== undefined; output = outputs.poll()) {
    if (output.type === 'relay-transmit') lines.push(`send ${output.regionId} ${output.packet[0]}`);
    else if (output.type === 'relay-prefer') lines.push(`home ${output.regionId} ${output.home}`);
    else if (output.type === 'relay-dial') lines.push(`dial ${output.regionId}`);
    else if (output.type === 'relay-hangup') lines.push(`hangup ${output.regionId}`);
    else lines.push(output.type);
  }
  return lines;
}

describe('home', () => {
  test('is dialled at once, named to the relay, and kept for ever', () => {
    links.setHome(1, at(0));
    expect(out()).toEqual(['dial 1']);
    links.connected(1, at(100));
    expect(out()).toEqual(['home 1 true']);
    links.runTimers(at(3_600_000));
    expect([links.isConnected(1), out(), links.nextTimeout()]).toEqual([true, [], undefined]);
  });

  test('moves: the new one is told when it is there, the old one stays open while used', () => {
    links.setHome(1, at(0));
    links.connected(1, at(100));
    out();
    links.setHome(2, at(1000));
    expect(out()).toEqual(['home 1 false', 'dial 2']);
    links.connected(2, at(1100));
    expect(out()).toEqual(['home 2 true']);
    links.heard(1, at(30_000));
    links.runTimers(at(61_000));
    expect(links.isConnected(1)).toBe(true);
    links.runTimers(at(30_000 + idleCloseMs));
    expect(out()).toEqual(['hangup 1']);
  });

  test('is dialled again after min(n squared x 10 ms, 5 s), spread by half', () => {
    links.setHome(1, at(0));
    out();
    let now = 0;
    for (let failures = 1; failures <= 40; failures++) {
      links.closed(1, at(now));
      const pauseMs = (links.nextTimeout() ?? 0) - now;
      const middle = Math.min(failures ** 2 * 10, 5000);
      expect(pauseMs).toBeGreaterThanOrEqual(0.5 * middle);
      expect(pauseMs).toBeLessThan(1.5 * middle);
      now += pauseMs;
      links.runTimers(at(now));
      expect(out()).toEqual(['dial 1']);
    }
  });

  test('a connection that lasted clears the failures before it, a short one does not', () => {
    links.setHome(1, at(0));
    for (let i = 0; i < 20; i++) links.closed(1, at(0));
    for (let i = 0; i < 20; i++) {
      links.runTimers(links.nextTimeout() ?? at(0));
      links.closed(1, at(i * 10_000));
    }
    links.connected(1, at(300_000));
    links.closed(1, at(300_001));
    expect((links.nextTimeout() ?? 0) - 300_001).toBeGreaterThan(1000);
    links.runTimers(at(400_000));
    links.connected(1, at(400_000));
    links.closed(1, at(400_000 + stableMs));
    expect((links.nextTimeout() ?? 0) - 400_000 - stableMs).toBeLessThan(16);
  });
});

describe('other regions', () => {
  test('are dialled by the first packet, which waits for them', () => {
    links.transmit(2, peer, packet(1), at(0));
    links.transmit(2, peer, packet(2), at(10));
    expect(out()).toEqual(['dial 2']);
    links.connected(2, at(200));
    expect(out()).toEqual(['send 2 1', 'send 2 2']);
    links.transmit(2, peer, packet(3), at(300));
    expect(out()).toEqual(['send 2 3']);
  });

  test('are closed 60 s after the last packet in either direction', () => {
    links.transmit(2, peer, packet(1), at(0));
    links.connected(2, at(100));
    links.heard(2, at(50_000));
    out();
    expect(links.nextTimeout()).toBe(50_000 + idleCloseMs);
    links.runTimers(at(50_000 + idleCloseMs));
    expect(out()).toEqual(['hangup 2']);
    expect(links.nextTimeout()).toBeUndefined();
  });

  test('keep 32 packets while they are dialled, the newest, and none that is old', () => {
    for (let i = 0; i < maxQueuedPackets + 8; i++) links.transmit(2, peer, packet(i), at(0));
    links.transmit(2, peer, packet(99), at(4000));
    out();
    links.connected(2, at(queueLifetimeMs + 1));
    expect(out()).toEqual(['send 2 99']);
    expect(counters.get('relay-queue-full')).toBe(9);
    expect(counters.get('relay-queue-stale')).toBe(maxQueuedPackets - 1);
  });

  test('are not dialled for ever when nobody needs them any more', () => {
    links.transmit(2, peer, packet(1), at(0));
    for (let now = 0; now < 120_000; now += 1000) {
      links.closed(2, at(now));
      links.runTimers(at(now + 999));
    }
    expect(links.states().has(2)).toBe(false);
    expect(links.nextTimeout()).toBeUndefined();
  });
});

test('a region that left the map is hung up and refuses packets', () => {
  links.transmit(2, peer, packet(1), at(0));
  links.connected(2, at(10));
  out();
  links.setRegions(new Set([1]));
  links.transmit(2, peer, packet(2), at(20));
  expect(out()).toEqual(['hangup 2']);
  expect(counters.get('relay-unknown-region')).toBe(1);
});

test('a connection that nobody wants any more is hung up', () => {
  links.connected(2, at(0));
  expect(out()).toEqual(['hangup 2']);
});

test('a lost address dials everything in use anew, without a pause; a kept one asks who is connected for a pong', () => {
  links.setHome(1, at(0));
  links.connected(1, at(100));
  links.transmit(2, peer, packet(1), at(100));
  out();
  links.probe(at(150));
  expect(out()).toEqual(['relay-probe', 'hangup 2', 'dial 2']);
  links.redial(at(200));
  expect(out()).toEqual(['hangup 1', 'dial 1', 'hangup 2', 'dial 2']);
  links.connected(2, at(300));
  expect(out()).toEqual(['send 2 1']);
});

test('a changed network ends the pause before the next dial', () => {
  links.setHome(1, at(0));
  for (let failures = 0; failures < 30; failures++) {
    links.closed(1, at(failures));
    links.runTimers(links.nextTimeout() ?? at(0));
  }
  links.closed(1, at(1000));
  out();
  links.probe(at(1001));
  expect(out()).toEqual(['dial 1']);
});

describe('a network that works again', () => {
  test('ends pauses and dials that hang, and leaves young dials and connections alone', () => {
    links.setRegions(new Set([1, 2, 3, 4]));
    for (const region of [1, 2, 3, 4]) links.use(region, at(0));
    links.connected(1, at(100));
    links.closed(4, at(19_900));
    links.runTimers(at(19_950));
    links.closed(2, at(19_990));
    expect(out().at(-1)).toBe('dial 4');
    links.retry(at(19_991));
    expect(out()).toEqual(['dial 2', 'hangup 3', 'dial 3']);
    links.retry(at(19_992));
    expect(out()).toEqual([]);
  });
});

describe('packets that only a relay carries', () => {
  /** As after half an hour out of reach. */
  function failLong(): void {
    links.setHome(1, at(0));
    for (let failures = 0; failures < 40; failures++) {
      links.closed(1, at(0));
      links.runTimers(links.nextTimeout() ?? at(0));
    }
    out();
  }

  test('shorten the pause before the next dial to a second and its spread', () => {
    failLong();
    links.closed(1, at(100_000));
    expect((links.nextTimeout() ?? 0) - 100_000).toBeGreaterThanOrEqual(2500);
    links.transmit(1, peer, packet(1), at(100_050));
    expect((links.nextTimeout() ?? 0) - 100_000).toBeLessThanOrEqual(eagerBackOffMaxMs * 1.5);
    links.runTimers(links.nextTimeout() ?? at(0));
    expect(out()).toEqual(['dial 1']);
    links.closed(1, at(101_500));
    expect((links.nextTimeout() ?? 0) - 101_500).toBeLessThanOrEqual(eagerBackOffMaxMs * 1.5);
  });

  test('that came long ago shorten nothing', () => {
    failLong();
    links.transmit(1, peer, packet(1), at(100_000));
    links.runTimers(at(102_000));
    links.closed(1, at(100_000 + queueLifetimeMs));
    expect((links.nextTimeout() ?? 0) - 100_000 - queueLifetimeMs).toBeGreaterThanOrEqual(2500);
  });

  test('and that nothing came back for make us ask for a pong, once in ten seconds', () => {
    links.setHome(1, at(0));
    links.connected(1, at(0));
    out();
    for (let second = 0; second <= 25; second++) {
      links.transmit(1, peer, packet(1), at(second * 1000));
    }
    expect(out().filter((line) => line === 'relay-probe')).toHaveLength(2);
  });

  test('and home is asked too, where the answers would come', () => {
    links.setHome(1, at(0));
    links.connected(1, at(0));
    links.use(2, at(0));
    links.connected(2, at(0));
    out();
    // The other region is well: it brings something all the time.
    for (let second = 0; second <= 15; second++) {
      links.heard(2, at(second * 1000));
      links.transmit(2, peer, packet(1), at(second * 1000));
    }
    expect(out().filter((line) => line === 'relay-probe')).toHaveLength(1);
  });

  test('ask for nothing while packets come', () => {
    links.setHome(1, at(0));
    links.connected(1, at(0));
    out();
    for (let second = 0; second <= 60; second++) {
      links.transmit(1, peer, packet(1), at(second * 1000));
      if (second % 9 === 0) links.heard(1, at(second * 1000));
    }
    expect(out()).not.toContain('relay-probe');
  });
});

test('a stop hangs everything up and dials nothing more', () => {
  links.setHome(1, at(0));
  links.connected(1, at(0));
  links.transmit(2, peer, packet(1), at(0));
  out();
  links.stop();
  expect(out().sort()).toEqual(['hangup 1', 'hangup 2']);
  links.transmit(1, peer, packet(1), at(10));
  links.closed(1, at(20));
  expect([out(), links.nextTimeout()]).toEqual([[], undefined]);
});
