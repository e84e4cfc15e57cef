import { instant } from '@warren/core/base/instant';
import { samePaths } from '@warren/core/engines/paths';
import { maxCandidates } from '@warren/core/paths/candidates';
import type { PeerPathInput } from '@warren/core/paths/peer-path-io';
import { directPath, observedEndpoint, PeerDrive } from '@warren/core/paths/testing/peer-drive';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const PUBLIC = '203.0.113.9:41641';
const PRIVATE = '192.168.1.5:41641';
const OTHER = '198.51.100.1:41641';
const THIRD = '198.51.100.2:41641';

describe('a session starts on the relay and looks for a direct path beside it', () => {
  test('the relay is set before anything is sent', () => {
    const drive = PeerDrive.withCandidates(PUBLIC);
    expect(drive.paths).toBe('relay(900)');
    expect(drive.peer.state).toBe('idle');
    expect(drive.outputs('ping')).toEqual([]);
  });

  test('the first packet pings every candidate and calls the peer', () => {
    const drive = PeerDrive.withCandidates(PUBLIC, PRIVATE);
    drive.input({ type: 'sent' });
    expect(drive.outputs('ping').map(({ output }) => output.path)).toEqual([
      directPath(PUBLIC),
      directPath(PRIVATE),
    ]);
    expect(drive.outputs('call-me-maybe')).toHaveLength(1);
    expect(drive.changes).toEqual(['activity: none -> relay(900)']);
  });

  test('without any candidate the peer is called all the same', () => {
    const drive = PeerDrive.withCandidates();
    drive.input({ type: 'sent' });
    expect(drive.outputs('call-me-maybe')).toHaveLength(1);
  });

  test('a search begins with rounds after 1 and 2 s, then there is one every 5 s, whatever is sent', () => {
    const drive = PeerDrive.withCandidates(PUBLIC);
    drive.pass(20_000, true);
    const rounds = [0, 1000, 3000, 8000, 13_000, 18_000];
    expect(drive.pingsTo(PUBLIC)).toEqual(rounds);
    expect(drive.outputs('call-me-maybe').map(({ at }) => at)).toEqual(rounds);
    expect(drive.paths).toBe('relay(900)');
  });

  test('the first pong makes the path direct, and the observed address is told', () => {
    const drive = PeerDrive.withCandidates(PUBLIC);
    drive.answers.set(PUBLIC, 40);
    drive.input({ type: 'sent' });
    drive.pass(40);
    expect(drive.paths).toBe(PUBLIC);
    expect(drive.peer.latencyMs).toBe(40);
    expect(drive.changes.at(-1)).toBe(`pong: relay(900) -> ${PUBLIC}`);
    expect(drive.outputs('observed').map(({ output }) => output.observed)).toEqual([
      observedEndpoint,
    ]);
  });

  test('an answer after more than a second has to come twice before data follows it', () => {
    const drive = PeerDrive.withCandidates('198.51.100.9:41641');
    drive.answers.set('198.51.100.9:41641', 1500);
    drive.input({ type: 'sent' });
    drive.pass(1600, true);
    expect(drive.peer.path?.kind).toBe('relay');
    expect(drive.counters.snapshot()).toMatchObject({ 'pong-late': 1 });
    drive.pass(1600, true);
    expect(drive.peer.path?.kind).toBe('direct');
  });

  test('a peer without a disco key stays on the relay and is not pinged', () => {
    const drive = PeerDrive.withCandidates(PUBLIC);
    drive.input({ type: 'can-ping', canPing: false });
    drive.pass(10_000, true);
    expect(drive.outputs('ping')).toEqual([]);
    expect(drive.outputs('call-me-maybe')).toEqual([]);
    expect(drive.paths).toBe('relay(900)');
  });
});

describe('a direct path is kept, and given up when it fails', () => {
  function direct(): PeerDrive {
    const drive = PeerDrive.withCandidates(PUBLIC);
    drive.answers.set(PUBLIC, 40);
    drive.input({ type: 'sent' });
    drive.pass(40);
    return drive;
  }

  test('it gets a heartbeat every 3 s until 45 s after the last packet, then silence', () => {
    const drive = direct();
    drive.pass(120_000);
    const pings = drive.pingsTo(PUBLIC);
    expect(pings.slice(0, 4)).toEqual([0, 3000, 6000, 9000]);
    expect(pings.at(-1)).toBe(42_000);
    expect(drive.peer.state).toBe('dormant');
    expect(drive.peer.nextTimeout()).toBeUndefined();
  });

  test('after a pause the first packet goes both ways, and one pong makes it direct again', () => {
    const drive = direct();
    drive.pass(300_000);
    expect(drive.paths).toBe(`${PUBLIC} + relay(900)`);
    drive.forget();
    drive.input({ type: 'sent' });
    expect(drive.peer.state).toBe('both');
    drive.pass(40);
    expect(drive.paths).toBe(PUBLIC);
    expect(drive.changes).toEqual([]);
  });

  test('two lost fast pings put data onto the relay too, long before trust runs out', () => {
    const drive = direct();
    drive.answers.clear();
    drive.forget();
    drive.pass(4000);
    // Heartbeat at 3000, unanswered at 3250, pings from then on, the second lost at 3600.
    expect(drive.pingsTo(PUBLIC).slice(0, 4)).toEqual([3000, 3250, 3350, 3450]);
    expect(drive.outputs('paths').map(({ at }) => at)).toEqual([3600]);
    expect(drive.paths).toBe(`${PUBLIC} + relay(900)`);
    expect(drive.changes).toEqual([`suspected-loss: ${PUBLIC} -> relay(900)`]);
  });

  test('one lost ping does no more than a few extra pings', () => {
    const drive = direct();
    drive.answers.clear();
    drive.pass(3100);
    drive.answers.set(PUBLIC, 40);
    drive.forget();
    drive.pass(5000);
    expect(drive.outputs('paths')).toEqual([]);
    expect(drive.pingsTo(PUBLIC).length).toBeLessThanOrEqual(4);
  });

  test('data that nothing comes back for is noticed between heartbeats', () => {
    const drive = direct();
    drive.answers.clear();
    drive.pass(460);
    drive.forget();
    drive.input({ type: 'sent' });
    drive.pass(1900);
    expect(drive.paths).toBe(`${PUBLIC} + relay(900)`);
  });

  test('data that is answered causes no pings', () => {
    const drive = direct();
    drive.forget();
    for (let second = 0; second < 2; second++) {
      drive.input({ type: 'sent' });
      drive.pass(900);
      drive.input({ type: 'authenticated', path: directPath(PUBLIC) });
    }
    expect(drive.outputs('ping')).toEqual([]);
  });

  test('a ping lost without trust clears the path', () => {
    const drive = direct();
    drive.answers.clear();
    drive.pass(12_000, true);
    expect(drive.paths).toBe('relay(900)');
    expect(drive.changes.at(-1)).toBe(`suspected-loss: ${PUBLIC} -> relay(900)`);
    expect(drive.peer.state).toBe('relayed');
  });

  test('without a session trust runs out 6.5 s after the last pong', () => {
    const drive = PeerDrive.withCandidates(PUBLIC);
    drive.answers.set(PUBLIC, 40);
    drive.input({ type: 'call-me-maybe', paths: [directPath(PUBLIC)] });
    drive.pass(40);
    expect([drive.peer.state, drive.paths]).toEqual(['lingering', PUBLIC]);
    drive.pass(6499);
    expect(drive.paths).toBe(PUBLIC);
    drive.pass(1);
    expect([drive.peer.state, drive.paths]).toEqual(['dormant', `${PUBLIC} + relay(900)`]);
  });

  test('an unreachable host is given up at once', () => {
    const drive = direct();
    drive.input({ type: 'unreachable', path: directPath(PUBLIC) });
    expect(drive.paths).toBe('relay(900)');
    expect(drive.changes.at(-1)).toBe(`unreachable: ${PUBLIC} -> relay(900)`);
  });

  test('another path that answered a moment ago takes over at once, beside the relay until proven', () => {
    const drive = PeerDrive.withCandidates(PUBLIC, OTHER);
    drive.answers.set(PUBLIC, 40).set(OTHER, 44);
    drive.input({ type: 'sent' });
    drive.pass(100);
    drive.answers.delete(PUBLIC);
    drive.forget();
    drive.pass(3700);
    expect(drive.changes).toEqual([
      `suspected-loss: ${PUBLIC} -> relay(900)`,
      `pong: relay(900) -> ${OTHER}`,
    ]);
    expect(drive.outputs('paths').map(({ at }) => at)).toEqual([3600, 3644]);
    drive.pass(20_000, true);
    expect(drive.paths).toBe(OTHER);
  });

  test('paths that died together are not trusted one after the other', () => {
    const drive = PeerDrive.withCandidates(PUBLIC, OTHER, THIRD);
    drive.answers.set(PUBLIC, 40).set(OTHER, 44).set(THIRD, 44);
    drive.input({ type: 'sent' });
    drive.pass(100);
    drive.answers.clear();
    drive.forget();
    // The others' last answers are as old as the trust that the first one has just lost.
    drive.pass(3700, true);
    expect(drive.paths).toBe(`${OTHER} + relay(900)`);
    drive.pass(10_000, true);
    expect(drive.changes).toEqual([`suspected-loss: ${PUBLIC} -> relay(900)`]);
  });

  test('a reset falls back to the relay, asks again at once and believes no earlier ping', () => {
    const drive = direct();
    drive.pass(2960);
    drive.forget();
    drive.input({ type: 'reset', cause: 'link-changed' });
    expect(drive.paths).toBe('relay(900)');
    expect(drive.changes).toEqual([`link-changed: ${PUBLIC} -> relay(900)`]);
    expect(drive.pingsTo(PUBLIC)).toEqual([3000]);
    drive.pass(40);
    expect(drive.paths).toBe(PUBLIC);
    expect(drive.counters.get('pong-unknown')).toBe(1);
  });
});

describe('the better path wins, with reluctance', () => {
  test('a private address that answers later replaces a public one', () => {
    const drive = PeerDrive.withCandidates(PUBLIC, PRIVATE);
    drive.answers.set(PUBLIC, 2).set(PRIVATE, 2.1);
    drive.input({ type: 'sent' });
    drive.pass(10);
    expect(drive.paths).toBe(PRIVATE);
    expect(drive.changes.at(-1)).toBe(`better-pong: ${PUBLIC} -> ${PRIVATE}`);
  });

  test('a gain of one per cent does not switch', () => {
    const drive = PeerDrive.withCandidates(PUBLIC, OTHER);
    drive.answers.set(PUBLIC, 101).set(OTHER, 101.5);
    drive.input({ type: 'sent' });
    drive.pass(110);
    drive.answers.set(OTHER, 100.5);
    drive.pass(130_000, true);
    expect(drive.paths).toBe(PUBLIC);
  });

  test('a working path is challenged once a minute, one of 5 ms never', () => {
    for (const [latencyMs, rounds] of [
      [40, 3],
      [5, 1],
    ] as const) {
      const drive = PeerDrive.withCandidates(PUBLIC, OTHER);
      drive.answers.set(PUBLIC, latencyMs);
      drive.pass(130_000, true);
      expect(drive.pingsTo(OTHER)).toHaveLength(rounds);
    }
  });
});

describe('what the peer sends', () => {
  test('a ping moves no data; it only teaches an address, which is asked', () => {
    const drive = PeerDrive.withCandidates();
    drive.input({ type: 'sent' });
    drive.input({ type: 'ping-received', path: directPath(OTHER) });
    expect(drive.paths).toBe('relay(900)');
    expect(drive.pingsTo(OTHER)).toEqual([0]);
  });

  test('a ping from an address asked in vain draws another ping, once per gap', () => {
    const drive = PeerDrive.withCandidates(PUBLIC);
    drive.input({ type: 'sent' });
    drive.pass(50);
    for (let i = 0; i < 5; i++) drive.input({ type: 'ping-received', path: directPath(PUBLIC) });
    expect(drive.pingsTo(PUBLIC)).toEqual([0, 50]);
  });

  test('a call makes us ping everything at once and is not answered by a call', () => {
    const drive = PeerDrive.withCandidates(PUBLIC);
    drive.input({ type: 'sent' });
    drive.forget();
    drive.input({ type: 'call-me-maybe', paths: [directPath(OTHER)] });
    expect(drive.pingsTo(PUBLIC)).toEqual([0]);
    expect(drive.pingsTo(OTHER)).toEqual([0]);
    expect(drive.outputs('call-me-maybe')).toEqual([]);
  });

  test('calls beyond one a second are not followed', () => {
    const drive = PeerDrive.withCandidates();
    for (let i = 0; i < 20; i++) {
      drive.input({ type: 'call-me-maybe', paths: [directPath(`203.0.113.9:${1000 + i}`)] });
      drive.pass(50);
    }
    expect(drive.outputs('ping').length).toBeLessThan(10);
    expect(drive.counters.get('call-me-maybe-too-often')).toBe(17);
  });

  test('a later call takes back what an earlier one said', () => {
    const drive = PeerDrive.withCandidates();
    drive.input({ type: 'call-me-maybe', paths: [directPath(PUBLIC)] });
    drive.input({ type: 'call-me-maybe', paths: [directPath(OTHER)] });
    expect([...drive.peer.candidates].map(({ path }) => path.remote)).toEqual([OTHER]);
  });

  test('pings from ever new addresses make us ping few of them and remember fewer', () => {
    const drive = PeerDrive.withCandidates(PUBLIC);
    for (let i = 0; i < 3600; i++) {
      drive.input({ type: 'ping-received', path: directPath(`203.0.113.9:${1000 + i}`) });
    }
    expect(drive.outputs('ping').length).toBeLessThanOrEqual(16);
    expect(drive.peer.candidates.size).toBeLessThanOrEqual(17);
    expect(drive.peer.candidates.get(directPath(PUBLIC))).toBeDefined();
  });

  test('a pong that was not asked for, or comes by another carrier, proves nothing', () => {
    const drive = PeerDrive.withCandidates(PUBLIC);
    drive.input({ type: 'sent' });
    const ping = drive.outputs('ping')[0]?.output;
    const pong = {
      type: 'pong-received',
      via: directPath(PUBLIC),
      observed: observedEndpoint,
      receivedAt: instant(0),
    } as const;
    drive.input({ ...pong, transactionId: new Uint8Array(12) });
    drive.input({
      ...pong,
      transactionId: ping?.transactionId ?? new Uint8Array(),
      via: { kind: 'relay', regionId: 900 },
    });
    expect(drive.paths).toBe('relay(900)');
    expect(drive.counters.snapshot()).toEqual({ 'pong-unknown': 1, 'pong-wrong-carrier': 1 });
  });

  test('a pong from another place than was pinged proves nothing, and the true one still does', () => {
    // Somebody on the way carried our ping to where the peer really is: the pinged address leads nowhere.
    const drive = PeerDrive.withCandidates(PUBLIC);
    drive.input({ type: 'sent' });
    const ping = drive.outputs('ping')[0]?.output;
    const pong = {
      type: 'pong-received',
      transactionId: ping?.transactionId ?? new Uint8Array(),
      observed: observedEndpoint,
      receivedAt: instant(0),
    } as const;
    drive.input({ ...pong, via: directPath(OTHER) });
    expect(drive.paths).toBe('relay(900)');
    expect(drive.counters.snapshot()).toEqual({ 'pong-from-other-source': 1 });
    drive.input({ ...pong, via: directPath(PUBLIC) });
    expect(drive.paths).toBe(PUBLIC);
  });
});

describe('pings but not data get through', () => {
  function silent(): PeerDrive {
    const drive = PeerDrive.withCandidates(PUBLIC);
    drive.answers.set(PUBLIC, 40);
    drive.carriesData = false;
    drive.pass(13_500, true);
    return drive;
  }

  test('after 12 s of silence data is copied to the relay', () => {
    const drive = silent();
    expect(drive.paths).toBe(`${PUBLIC} + relay(900)`);
    expect(drive.changes.at(-1)).toBe(`data-unanswered: ${PUBLIC} -> relay(900)`);
  });

  test('heard over the relay then, the path is kept out for 5 minutes', () => {
    const drive = silent();
    drive.answers.set('relay', 80);
    drive.pass(3000, true);
    expect(drive.changes.at(-1)).toBe(`data-unanswered: ${PUBLIC} -> relay(900)`);
    expect(drive.paths).toBe('relay(900)');
    drive.carriesData = true;
    drive.pass(295_000, true);
    expect(drive.paths).toBe('relay(900)');
    drive.pass(10_000, true);
    expect(drive.paths).toBe(PUBLIC);
  });

  test('heard directly, the path is trusted again', () => {
    const drive = silent();
    drive.carriesData = true;
    drive.pass(5000, true);
    expect(drive.paths).toBe(PUBLIC);
    expect(drive.peer.candidates.get(directPath(PUBLIC))?.condemnedUntil).toBeUndefined();
  });

  test('a peer that is silent altogether is not held against the path', () => {
    const drive = silent();
    drive.pass(8000, true);
    expect(drive.paths).toBe(PUBLIC);
  });
});

describe('a person pings', () => {
  test('over the trusted path, and hears which it was', () => {
    const drive = PeerDrive.withCandidates(PUBLIC, OTHER);
    drive.answers.set(PUBLIC, 40);
    drive.input({ type: 'sent' });
    drive.pass(1000);
    drive.forget();
    drive.input({ type: 'person-ping', id: 5 });
    drive.pass(100);
    expect(drive.outputs('ping')).toHaveLength(1);
    expect(drive.outputs('person-ping-result').map(({ output }) => output)).toEqual([
      {
        type: 'person-ping-result',
        id: 5,
        result: { outcome: 'pong', path: directPath(PUBLIC), latencyMs: 40 },
      },
    ]);
  });

  test('of an idle peer goes over the relay and to all candidates, and wakes discovery', () => {
    const drive = PeerDrive.withCandidates(PUBLIC);
    drive.answers.set('relay', 80);
    drive.input({ type: 'person-ping', id: 1 });
    expect(drive.pingsTo('relay')).toEqual([0]);
    expect(drive.pingsTo(PUBLIC)).toEqual([0]);
    expect(drive.outputs('call-me-maybe')).toHaveLength(1);
    drive.pass(5000);
    expect(drive.outputs('person-ping-result').map(({ output }) => output.result)).toEqual([
      { outcome: 'pong', path: { kind: 'relay', regionId: 900 }, latencyMs: 80 },
    ]);
    expect(drive.pingsTo(PUBLIC)).toEqual([0, 1000, 3000]);
    expect(drive.paths).toBe('relay(900)');
  });

  test('is lost after 5 s, even when the network changed meanwhile', () => {
    const drive = PeerDrive.withCandidates(PUBLIC);
    drive.input({ type: 'person-ping', id: 1 });
    drive.input({ type: 'reset', cause: 'link-changed' });
    drive.pass(4999);
    expect(drive.outputs('person-ping-result')).toEqual([]);
    drive.pass(1);
    expect(drive.outputs('person-ping-result').map(({ output }) => output.result)).toEqual([
      { outcome: 'lost', reason: 'timeout' },
    ]);
  });

  test('has no path to a peer with neither relay nor address, and none after its removal', () => {
    const drive = new PeerDrive();
    drive.input({ type: 'can-ping', canPing: true });
    drive.input({ type: 'person-ping', id: 1 });
    drive.input({ type: 'relay', regionId: 900 });
    drive.input({ type: 'person-ping', id: 2 });
    drive.input({ type: 'removed' });
    drive.pass(10_000);
    expect(drive.outputs('person-ping-result').map(({ output }) => output)).toEqual(
      [1, 2].map((id) => ({
        type: 'person-ping-result',
        id,
        result: { outcome: 'lost', reason: 'no-path' },
      })),
    );
  });
});

test('whatever happens: paths change only when told, tables stay bounded, timers end', () => {
  const remote = fc.integer({ min: 1, max: 40 }).map((i) => directPath(`203.0.113.${i}:41641`));
  const input: fc.Arbitrary<PeerPathInput> = fc.oneof(
    fc.record({ type: fc.constant('map-endpoints' as const), paths: fc.array(remote) }),
    fc.record({
      type: fc.constant('relay' as const),
      regionId: fc.constantFrom(undefined, 900, 901),
    }),
    fc.record({ type: fc.constant('can-ping' as const), canPing: fc.boolean() }),
    fc.record({ type: fc.constant('reset' as const), cause: fc.constant('link-changed') }),
    fc.record({ type: fc.constant('sent' as const) }),
    fc.record({ type: fc.constant('person-ping' as const), id: fc.nat() }),
    fc.record({ type: fc.constant('ping-received' as const), path: remote }),
    fc.record({ type: fc.constant('call-me-maybe' as const), paths: fc.array(remote) }),
    fc.record({ type: fc.constant('authenticated' as const), path: remote }),
    fc.record({ type: fc.constant('unreachable' as const), path: remote }),
    fc.record({ type: fc.constant('own-endpoints-changed' as const) }),
  );
  const step = fc.tuple(input, fc.integer({ min: 0, max: 8000 }), fc.integer({ min: 1, max: 40 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const drive = new PeerDrive();
      for (const [next, passMs, answering] of steps) {
        drive.answers.set(`203.0.113.${answering}:41641`, answering);
        if (answering % 3 === 0) drive.answers.clear();
        drive.input(next);
        drive.pass(passMs);
        expect(drive.peer.candidates.size).toBeLessThanOrEqual(maxCandidates);
        expect(drive.peer.nextTimeout() ?? Infinity).toBeGreaterThan(drive.now);
      }
      const lists = drive.outputs('paths').map(({ output }) => output.paths);
      for (const [i, paths] of lists.entries()) {
        expect(paths.length).toBeLessThanOrEqual(2);
        expect(paths[1]?.kind ?? 'relay').toBe('relay');
        expect(samePaths(paths, lists[i - 1] ?? [])).toBe(false);
      }
    }),
    { numRuns: 200 },
  );
});
