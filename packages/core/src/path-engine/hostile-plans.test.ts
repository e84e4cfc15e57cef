/**
 * A hostile peer that names addresses which are not its own, again and again, in calls and in plans of foretold
 * ports: how many datagrams that makes us send to somebody who never asked for them.
 */
import { encodeCallMeMaybe, encodePing } from '@warren/core/disco/messages';
import { type AddressProof, type PortPlan, planPortsMax } from '@warren/core/disco/ping-extension';
import { type Endpoint, endpointAddress, type IpAddress } from '@warren/core/ip/address';
import { unprovenPingsMax } from '@warren/core/path-engine/plan-proofs';
import { Attack, FAR } from '@warren/core/path-engine/testing/attack';
import { easyNat } from '@warren/core/path-engine/testing/nat';
import { peerPingsMax } from '@warren/core/paths/ping-allowance';
import { foretoldPorts } from '@warren/core/paths/port-plan';
import { searchSocketsFrom } from '@warren/core/paths/running-attempts';
import { beforeEach, describe, expect, test } from 'vitest';

const MINUTE_MS = 60_000;

/** What arrives where nobody answers, by minute of the attack. */
class Sufferer {
  readonly perMinute: number[] = [];
  readonly ports = new Set<Endpoint>();

  /** `except`: what arrives there is not counted. */
  constructor(attack: Attack, address: IpAddress, except?: Endpoint) {
    const { world } = attack;
    const startedAt = world.now;
    const before = world.internet.fault;
    world.internet.fault = (crossing) => {
      if (endpointAddress(crossing.target) === address && crossing.target !== except) {
        const minute = Math.floor((world.now - startedAt) / MINUTE_MS);
        this.perMinute[minute] = (this.perMinute[minute] ?? 0) + 1;
        this.ports.add(crossing.target);
      }
      return before(crossing);
    };
  }

  get total(): number {
    return this.perMinute.reduce((sum, count) => sum + count, 0);
  }
}

function planAt(attack: Attack, first: Endpoint, count: number): PortPlan {
  const bytes = attack.random.fill(new Uint8Array(8));
  const id = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return {
    attempt: id,
    isAnswer: false,
    kind: 'list',
    isOpenToAddress: false,
    first,
    step: 1,
    count,
  };
}

describe('plans of foretold ports', () => {
  let attack: Attack;
  beforeEach(() => {
    attack = new Attack();
  });

  const sendPlan = (first: Endpoint, count: number, addressProof?: AddressProof): void => {
    const proof = addressProof === undefined ? {} : { addressProof };
    attack.tell(attack.ping({ portPlan: planAt(attack, first, count), ...proof }));
  };

  test("that name an address which is not known to be the peer's are refused", () => {
    const sufferer = new Sufferer(attack, endpointAddress(FAR));
    for (let i = 0; i < 50; i++) {
      sendPlan(FAR, planPortsMax);
      attack.world.run(1000);
    }
    expect(sufferer.total).toBe(0);
    expect(attack.count('port-plan-refused')).toBe(50);
  });

  test('that name ourselves, our tunnel, multicast or loopback are refused, even after a call that names them', () => {
    const bad = ['127.0.0.1:22', '224.0.0.251:53', '0.0.0.0:1', '100.64.0.2:41641'] as Endpoint[];
    const sufferers = bad.map((target) => new Sufferer(attack, endpointAddress(target)));
    attack.tell(encodeCallMeMaybe(bad));
    for (const target of bad) sendPlan(target, planPortsMax);
    attack.world.run(10_000);
    expect(sufferers.map(({ total }) => total)).toEqual([0, 0, 0, 0]);
    expect(attack.count('port-plan-refused')).toBe(bad.length);
  });

  test('of a peer that is direct already are needless, and nothing is opened for them', () => {
    const { victim, good, world } = attack;
    good.setNetmap(world.netmapFor(good));
    victim.talkTo(good);
    good.talkTo(victim);
    world.run(5000);
    expect(victim.isDirectTo(good)).toBe(true);
    const [own] = good.endpoints;
    if (own === undefined) throw new Error('it has told its endpoints');
    const plan = { portPlan: planAt(attack, own.endpoint, 8) };
    const ping = encodePing(attack.transactionId(), good.key, plan);
    const packet = attack.seal(ping, good.discoPrivateKey);
    const opened = victim.openSockets;
    victim.input({ type: 'relay-packet', regionId: 900, source: good.key, packet });
    world.run(2000);
    expect(attack.count('port-plan-needless')).toBe(1);
    expect(victim.openSockets).toEqual(opened);
    expect(victim.isDirectTo(good)).toBe(true);
  });

  describe('with 1,500 ports of an address that the peer did not prove', () => {
    const first = '203.0.113.200:1024' as Endpoint;
    const address = endpointAddress(FAR);

    function costOf(proof: () => AddressProof | undefined): number {
      const sufferer = new Sufferer(attack, address);
      for (let second = 0; second < 60; second++) {
        if (second % 10 === 0) attack.tell(encodeCallMeMaybe([FAR]));
        sendPlan(first, planPortsMax, proof());
        attack.world.run(1000);
      }
      expect([...sufferer.ports]).toEqual([FAR]); // which the calls name
      expect(attack.count('port-plan-unproven')).toBe(60);
      return sufferer.total;
    }

    test('cost nothing, and no relay a question', () => {
      costOf(() => undefined);
      expect(attack.count('address-proof-missing')).toBe(60);
      expect(attack.questions).toBe(0);
    });

    test.each([
      ['a token that was made up', () => attack.random.fill(new Uint8Array(16))],
      ['a token for another address', () => attack.tokenFor('203.0.113.201' as IpAddress)],
    ])('by %s cost nothing, and the relay few questions', (_what, token) => {
      costOf(() => ({ regionId: 900, token: token() }));
      expect(attack.count('address-proof-no')).toBe(attack.questions);
      expect(attack.questions).toBeGreaterThanOrEqual(4);
      expect(attack.questions).toBeLessThanOrEqual(10);
      expect(attack.count('address-proof-too-often')).toBe(60 - attack.questions);
    });

    test('by a relay that is none of ours cost nothing, and nobody a question', () => {
      costOf(() => ({ regionId: 901, token: attack.tokenFor(address) }));
      expect(attack.count('address-proof-no-relay')).toBe(60);
      expect(attack.questions).toBe(0);
    });

    test('by a token that is eleven minutes old cost nothing', () => {
      const token = attack.tokenFor(address);
      attack.world.run(11 * MINUTE_MS);
      costOf(() => ({ regionId: 900, token }));
      expect(attack.count('address-proof-no')).toBe(attack.questions);
    });

    test('cost nothing while the relay is away, and are not kept for later', () => {
      const [relay] = attack.world.relays.values();
      relay?.stop();
      attack.world.run(1000);
      const sufferer = new Sufferer(attack, address);
      attack.tell(encodeCallMeMaybe([FAR]));
      sendPlan(first, planPortsMax, { regionId: 900, token: attack.tokenFor(address) });
      attack.world.run(MINUTE_MS);
      expect(sufferer.ports.size).toBeLessThanOrEqual(1);
      expect(attack.count('address-proof-unanswered')).toBe(1);
      expect(attack.count('port-plan-unproven')).toBe(1);
    });
  });

  /** The peer is where the sufferer is, as behind one carrier's NAT. */
  const proofOf = (address: IpAddress): AddressProof => ({
    regionId: 900,
    token: attack.tokenFor(address),
  });

  test('with 1,500 ports of a proven address, again and again, cost what a peer may cost', () => {
    const sufferer = new Sufferer(attack, endpointAddress(FAR));
    for (let second = 0; second < 1200; second++) {
      // The peer claims the address, as a liar can.
      if (second % 10 === 0) attack.tell(encodeCallMeMaybe([FAR]));
      sendPlan('203.0.113.200:1024' as Endpoint, planPortsMax, proofOf(endpointAddress(FAR)));
      attack.world.run(1000);
    }
    // It was followed at first, so the rest is not refused for another reason.
    expect(sufferer.ports.size).toBeGreaterThanOrEqual(planPortsMax / 2);
    // Full at the start and twice filled again; the calls' own pings are a few.
    const callsMax = 400;
    expect(sufferer.total).toBeLessThanOrEqual(3 * peerPingsMax + callsMax);
    expect(Math.max(...sufferer.perMinute)).toBeLessThanOrEqual(peerPingsMax + planPortsMax);
    expect(attack.count('port-plan-too-costly')).toBeGreaterThan(200);
    expect(attack.count('port-plan-too-often')).toBeGreaterThan(700);
  });

  test('with 64 ports of an address that nobody proved, again and again, cost what a peer may cost, too', () => {
    // Two relays, so that the victim knows its one port, and goes through all of a list three times.
    attack = new Attack(easyNat, [900, 902]);
    const { victim, evil, world } = attack;
    const planPings = 3 * foretoldPorts;
    expect(planPings).toBeLessThanOrEqual(unprovenPingsMax);
    const sufferer = new Sufferer(attack, endpointAddress(FAR), FAR);
    victim.talkTo(evil);
    /** After each attempt, how long the victim would not begin one by itself; in seconds. */
    const pauses: number[] = [];
    let failed = 0;
    for (let second = 0; second < 1200; second++) {
      if (second % 10 === 0) attack.tell(encodeCallMeMaybe([FAR]));
      sendPlan('203.0.113.200:1024' as Endpoint, foretoldPorts);
      world.run(1000);
      const failures = attack.count('port-search-not-reached');
      const pauseMs = victim.engine.attempts(evil.key, world.now)?.portSearch?.againInMs;
      if (failures > failed && pauseMs !== undefined) pauses.push(Math.ceil(pauseMs / 1000));
      failed = failures;
    }
    // No plan waited for a proof, and what was refused was refused for its cost or because it came too soon.
    expect(sufferer.ports.size).toBe(foretoldPorts);
    expect(attack.count('port-plan-awaits-proof')).toBe(0);
    expect(attack.count('port-plan-unproven')).toBe(0);
    expect(attack.count('port-plan-too-costly')).toBeGreaterThan(200);
    expect(attack.count('port-plan-too-often')).toBeGreaterThan(700);
    // Full at the start and twice filled again, as with a proof; each plan's pings are out within its minute.
    expect(sufferer.total).toBeGreaterThan(2 * peerPingsMax);
    expect(sufferer.total).toBeLessThanOrEqual(3 * peerPingsMax);
    expect(sufferer.perMinute[0]).toBeLessThanOrEqual(peerPingsMax + peerPingsMax / 10);
    expect(Math.max(...sufferer.perMinute.slice(1))).toBeLessThanOrEqual(2 * planPings);
    // The first four plans come faster than their attempts end.
    expect(attack.count('port-search-pings')).toBeLessThanOrEqual(sufferer.total);
    expect(attack.count('port-search-pings')).toBeGreaterThanOrEqual(
      sufferer.total - 4 * planPings,
    );
    expect(pauses.slice(0, 11)).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
  });

  test('that name ever other strangers cost no more, and their table stays small', () => {
    const strangers = Array.from({ length: 30 }, (_, i) => `203.0.113.${200 + i}` as IpAddress);
    const sufferers = strangers.map((address) => new Sufferer(attack, address));
    for (let second = 0; second < 600; second++) {
      const address = strangers[second % strangers.length] ?? '';
      attack.tell(encodeCallMeMaybe([`${address}:41641` as Endpoint]));
      sendPlan(`${address}:1024` as Endpoint, planPortsMax, proofOf(address as IpAddress));
      attack.world.run(1000);
    }
    const total = sufferers.reduce((sum, sufferer) => sum + sufferer.total, 0);
    // Besides the plans each call makes us ping the address that it names.
    expect(total).toBeLessThanOrEqual(2 * peerPingsMax + 2 * 600);
    expect(attack.count('port-plan-too-costly')).toBeGreaterThan(50);
  });

  test('in a flood leave at most one socket of a search open', () => {
    attack.tell(encodeCallMeMaybe([FAR]));
    for (let i = 0; i < 500; i++) {
      sendPlan('203.0.113.200:1024' as Endpoint, 1);
      attack.world.run(20);
      const open = attack.victim.openSockets.filter((id) => id >= searchSocketsFrom);
      expect(open.length).toBeLessThanOrEqual(1);
    }
    expect(attack.count('port-plan-too-often')).toBeGreaterThan(450);
  });
});

test('scatters of all ports that nobody proves, liars about their NAT and replayed answers get no ping', () => {
  const attack = new Attack();
  const sufferer = new Sufferer(attack, endpointAddress(FAR));
  attack.tell(encodeCallMeMaybe([FAR]));
  attack.world.run(500);
  const before = sufferer.total;
  const scatter: PortPlan = {
    ...planAt(attack, '203.0.113.200:1024' as Endpoint, 64_512),
    kind: 'scatter',
    isOpenToAddress: true,
  };
  for (let i = 0; i < 60; i++) {
    attack.tell(attack.ping({ portPlan: scatter }));
    attack.tell(attack.ping({ portPlan: { ...scatter, isAnswer: true } }));
    attack.world.run(1000);
  }
  // The address of the call is pinged at its one port, as ever.
  expect(sufferer.total - before).toBeLessThan(40);
  expect([...sufferer.ports]).toEqual([FAR]);
  expect(attack.count('port-plan-unproven')).toBeGreaterThan(50);
  expect(attack.victim.openSockets.filter((id) => id >= searchSocketsFrom)).toEqual([]);
});

test('calls that name a stranger at ever other ports, for three minutes, make us send 32 pings a second and no more', () => {
  const attack = new Attack();
  const sufferer = new Sufferer(attack, endpointAddress(FAR));
  for (let i = 0; i < 900; i++) {
    const ports = Array.from({ length: 32 }, () => 1024 + attack.random.below(60_000));
    attack.tell(encodeCallMeMaybe(ports.map((port) => `203.0.113.200:${port}` as Endpoint)));
    attack.world.run(200);
  }
  expect(sufferer.total).toBeGreaterThan(0);
  expect(Math.max(...sufferer.perMinute)).toBeLessThanOrEqual(33 * (60 + 3));
  expect(attack.count('call-me-maybe-too-often')).toBeGreaterThan(600);
});
