import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { encodeHex } from '../base/bytes.js';
import { Counters } from '../base/counters.js';
import { type Instant, instant } from '../base/instant.js';
import { SeededRandom } from '../base/seeded-random.js';
import type { Endpoint } from '../ip/address.js';
import { EndpointType, type OwnEndpoint } from '../netmap/own.js';
import { encodeBindingIndication } from '../stun/indication.js';
import {
  type ArrivalContact,
  EndpointProofs,
  type EndpointProofsInput,
  type EndpointProofsOutput,
  maxAsksPerRound,
  proofIntervalMs,
  proofPauseMs,
  proofSettleMs,
  secondTryMs,
} from './endpoint-proofs.js';

const stun = own('203.0.113.9:41641', EndpointType.stun);
const mapped = own('203.0.113.9:50000', EndpointType.portmap);
const fixed = own('198.51.100.5:41641', EndpointType.static);

function own(endpoint: string, type: EndpointType): OwnEndpoint {
  return { endpoint: endpoint as Endpoint, type };
}

type Asked = Extract<EndpointProofsOutput, { type: 'ask' }>;

let proofs: EndpointProofs;
let counters: Counters;
let now: Instant;
let heard: EndpointProofsOutput[];

beforeEach(() => {
  counters = new Counters();
  proofs = new EndpointProofs({ random: new SeededRandom(1), counters });
  now = instant(1_000);
  heard = [];
});

function tell(input: EndpointProofsInput): void {
  proofs.handle(input, now);
  for (let out = proofs.poll(); out !== undefined; out = proofs.poll()) heard.push(out);
}

/** Runs its timers for so long. */
function pass(ms: number): void {
  const end = instant(now + ms);
  for (let at = proofs.nextTimeout(); at !== undefined && at <= end; at = proofs.nextTimeout()) {
    now = at > now ? at : instant(now + 1);
    tell({ type: 'timeout' });
  }
  now = end;
}

function takeAsks(): Asked[] {
  const asks = heard.filter((out) => out.type === 'ask');
  heard = heard.filter((out) => out.type !== 'ask');
  return asks;
}

function sent({ regionId, token, port }: Asked, address = '203.0.113.9'): void {
  const target = `${address}:${port}` as Endpoint;
  tell({ type: 'answer', regionId, token, outcome: 'sent', target });
}

const arrived = ({ token }: Asked, contact: ArrivalContact): void =>
  tell({ type: 'datagram', bytes: encodeBindingIndication(token), contact });

function claim(...endpoints: OwnEndpoint[]): void {
  tell({ type: 'relay', regionId: 1, dialsBack: true });
  tell({ type: 'endpoints', endpoints });
}

/** The one ask about the one claimed port, at the moment it is made; fails when there is none in time. */
function oneAsk(waitMs = proofSettleMs): Asked {
  const end = now + waitMs;
  while (!heard.some(({ type }) => type === 'ask') && now < end) pass(Math.min(500, end - now));
  const [ask, ...more] = takeAsks();
  if (ask === undefined || more.length > 0) throw new Error(`${more.length + 1} asks, not one`);
  return ask;
}

describe('by relays', () => {
  test.each<[ArrivalContact, string | undefined]>([
    ['new-address', 'yes'],
    ['new-port', 'port-only'],
    ['known', undefined],
  ])('what comes from a %s makes it %s, whatever arrives first', (contact, verdict) => {
    claim(stun);
    const ask = oneAsk();
    expect(ask).toMatchObject({ regionId: 1, port: 41_641 });
    arrived(ask, contact);
    expect(proofs.verified(stun.endpoint)).toBeUndefined();
    sent(ask);
    expect(proofs.verified(stun.endpoint)).toBe(verdict);
    const again = oneAsk(proofIntervalMs * 1.1);
    sent(again);
    arrived(again, contact);
    expect(proofs.verified(stun.endpoint)).toBe(verdict);
  });

  test('a datagram that gets lost is asked for again; two are a no, and a dead mapping is told once', () => {
    claim(mapped);
    sent(oneAsk());
    pass(2_000);
    expect(proofs.verified(mapped.endpoint)).toBeUndefined();
    sent(oneAsk(secondTryMs + proofPauseMs));
    pass(2_000);
    expect(heard).toEqual([
      { type: 'verdict', endpoint: mapped, verified: 'no' },
      { type: 'dead', endpoint: mapped },
    ]);
    heard = [];
    sent(oneAsk(proofIntervalMs * 1.1));
    pass(2_000);
    expect(heard).toEqual([]);
    const ask = oneAsk(proofIntervalMs * 1.1);
    sent(ask);
    arrived(ask, 'new-port');
    expect(heard).toEqual([{ type: 'verdict', endpoint: mapped, verified: 'port-only' }]);
  });

  test('a found address that keeps strangers out is no dead one: nobody can repair it', () => {
    claim(stun);
    for (let round = 0; round < 2; round++) {
      sent(oneAsk(secondTryMs + proofPauseMs));
      pass(2_000);
    }
    expect(heard).toEqual([{ type: 'verdict', endpoint: stun, verified: 'no' }]);
  });

  test('port-only does not lower a yes; two misses do', () => {
    claim(stun);
    tell({ type: 'known', endpoint: stun.endpoint, verified: 'yes' });
    const ask = oneAsk();
    sent(ask);
    arrived(ask, 'new-port');
    expect(proofs.verified(stun.endpoint)).toBe('yes');
    tell({ type: 'known', endpoint: stun.endpoint, verified: 'no' });
    expect(proofs.verified(stun.endpoint)).toBe('yes');
  });

  test('about an address that is not our connection’s own a relay can’t tell', () => {
    claim(fixed);
    sent(oneAsk(), '203.0.113.9');
    pass(60_000);
    expect(proofs.verified(fixed.endpoint)).toBeUndefined();
    expect(counters.get('proof-of-no-endpoint')).toBe(1);
  });

  test('a refusal, a silent relay or one that hangs up prove nothing', () => {
    claim(stun);
    const { regionId, token } = oneAsk();
    tell({ type: 'answer', regionId, token, outcome: 'rate-limited', target: undefined });
    expect(counters.get('proof-rate-limited')).toBe(1);
    const silent = oneAsk(70_000);
    pass(proofIntervalMs * 1.1);
    sent(silent);
    const [lost] = takeAsks();
    tell({ type: 'relay-gone', regionId: 1 });
    if (lost !== undefined) sent(lost);
    pass(2 * proofIntervalMs);
    expect(heard).toEqual([]);
    expect(takeAsks()).toEqual([]);
  });

  test('relays that don’t dial back are not asked, and local endpoints not asked about', () => {
    tell({ type: 'relay', regionId: 1, dialsBack: false });
    tell({ type: 'endpoints', endpoints: [stun] });
    pass(2 * proofIntervalMs);
    expect(heard).toEqual([]);
    tell({ type: 'endpoints', endpoints: [own('10.0.0.1:41641', EndpointType.local)] });
    tell({ type: 'relay', regionId: 2, dialsBack: true });
    pass(2 * proofIntervalMs);
    expect(heard).toEqual([]);
  });

  test('many endpoints have their turns, a few in a round, and rounds keep their distance', () => {
    const many = Array.from({ length: 64 }, (_, at) =>
      own(`203.0.113.9:${5_000 + at}`, EndpointType.stun),
    );
    const asked = new Set<number>();
    claim(...many);
    let latest = Number.NEGATIVE_INFINITY;
    for (let at = 0; at < 3_600; at++) {
      pass(1_000);
      const asks = takeAsks();
      if (asks.length === 0) continue;
      expect(asks.length).toBeLessThanOrEqual(maxAsksPerRound);
      expect(now - latest).toBeGreaterThanOrEqual(proofPauseMs);
      latest = now;
      for (const ask of asks) {
        asked.add(ask.port);
        sent(ask);
        arrived(ask, 'new-port');
      }
      // Flapping must not make it ask more often.
      tell({ type: 'endpoints', endpoints: many.slice(1) });
      tell({ type: 'endpoints', endpoints: many });
    }
    expect(asked.size).toBeGreaterThan(60);
  });
});

describe('by peers', () => {
  test('a ping that was addressed to a balancer proves it, if it came unasked', () => {
    tell({ type: 'endpoints', endpoints: [fixed] });
    tell({ type: 'reached', target: fixed.endpoint, contact: 'known' });
    expect(proofs.verified(fixed.endpoint)).toBeUndefined();
    tell({ type: 'reached', target: fixed.endpoint, contact: 'new-address' });
    expect(proofs.verified(fixed.endpoint)).toBe('yes');
  });

  test('a dead endpoint that a known peer still reaches is alive again', () => {
    tell({ type: 'endpoints', endpoints: [fixed] });
    tell({ type: 'known', endpoint: fixed.endpoint, verified: 'no' });
    tell({ type: 'reached', target: fixed.endpoint, contact: 'known' });
    expect(proofs.verified(fixed.endpoint)).toBeUndefined();
  });

  test('what we don’t claim is nobody’s proof and is not remembered', () => {
    tell({ type: 'endpoints', endpoints: [fixed] });
    tell({ type: 'reached', target: stun.endpoint, contact: 'new-address' });
    expect(proofs.verified(stun.endpoint)).toBeUndefined();
    tell({ type: 'endpoints', endpoints: [fixed, stun] });
    expect(proofs.verified(stun.endpoint)).toBeUndefined();
  });
});

test('another network forgets everything and asks anew', () => {
  claim(stun);
  const old = oneAsk();
  tell({ type: 'known', endpoint: stun.endpoint, verified: 'yes' });
  tell({ type: 'network-changed' });
  expect(proofs.verified(stun.endpoint)).toBeUndefined();
  sent(old);
  arrived(old, 'new-address');
  tell({ type: 'endpoints', endpoints: [stun] });
  expect(proofs.verified(stun.endpoint)).toBeUndefined();
  expect(oneAsk(proofPauseMs + proofSettleMs).port).toBe(41_641);
});

test('answers and datagrams of strangers change nothing, and nothing is sent for them', () => {
  claim(stun);
  const ask = oneAsk();
  const bytes = fc.uint8Array({ maxLength: 64 });
  const outcome = fc.constantFrom('sent', 'rate-limited', 'unavailable');
  fc.assert(
    fc.property(
      bytes,
      fc.uint8Array({ minLength: 12, maxLength: 12 }),
      outcome,
      (noise, token, of) => {
        fc.pre(encodeHex(token) !== encodeHex(ask.token));
        tell({ type: 'datagram', bytes: noise, contact: 'new-address' });
        tell({ type: 'datagram', bytes: encodeBindingIndication(token), contact: 'new-address' });
        tell({ type: 'answer', regionId: 1, token, outcome: of, target: stun.endpoint });
        tell({ type: 'answer', regionId: 2, token: ask.token, outcome: of, target: stun.endpoint });
        expect(heard).toEqual([]);
      },
    ),
  );
  sent(ask);
  expect(proofs.verified(stun.endpoint)).toBeUndefined();
});
