/**
 * What a machine in the place of each profile finds out by itself, its network check and its questions to the router,
 * held against the profile's truth. Where the truth can't be seen from inside, the expected value is the honest
 * unknown, and the reason stands at it. Several public addresses, other people's flows and bans have no field.
 */
import type { FamilyDescription, NatDescription } from '@warren/core/netmap/nat-description';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { expect, test } from 'vitest';
import { PORT_MAPPING_PROTOCOLS } from '../topology/types.js';
import { SimWorld } from '../world/sim-world.js';
import { cellTopology } from './cell-topology.js';
import type { FamilyTruth, Profile } from './profile.js';
import { PROFILES, profileNamed } from './profiles.js';

const crypto = createNodeCrypto();
/** A second of an idle core; a busy machine takes its time. */
const timeoutMs = 120_000;
/** Where there is no IPv4 the check comes to its end after that was waited for. */
const KNOWN_MS = 15_000;
/** Between two of a sweep's flows, of which other people's come in between. */
const STEP_MS = 50;

/** As its machine describes itself, alone with both relays of a cell. */
function describeAt(profile: Profile): NatDescription {
  const right = profileNamed('public');
  if (right === undefined) throw new Error('it is a profile');
  const { machines, ...topology } = cellTopology({ left: profile, right });
  const alone = { ...topology, machines: machines.filter(({ name }) => name === 'left') };
  const world = new SimWorld({ topology: alone, seed: 1, crypto });
  expect(world.join(30_000)).toBe(true);
  world.clock.run(KNOWN_MS);
  const status = world.node('left').engine?.status(world.clock.now);
  if (status === undefined) throw new Error('the machine runs');
  return status.description;
}

function expectFamily(
  described: FamilyDescription,
  truth: FamilyTruth | null,
  profile: Profile,
  family: 4 | 6,
): void {
  expect(described.works).toBe(truth !== null);
  if (truth === null) {
    expect(described).toMatchObject({ mapping: undefined, filtering: undefined });
    expect(described).toMatchObject({ portAllocation: undefined, portRange: undefined });
    return;
  }
  // Nothing that translates chooses ports.
  const translates = truth.mapping !== 'none';
  // Relays dial back over the family of their connection, which is IPv4 where there are both: nobody proves IPv6 open.
  const isUnproven = family === 6 && truth.filtering === 'none' && profile.truth.ipv4 !== null;
  expect(described).toMatchObject({
    mapping: truth.mapping,
    filtering: isUnproven ? undefined : truth.filtering,
    portAllocation: translates ? truth.portAllocation : undefined,
    // One mapping for all is what a hairpin test needs.
    hairpin:
      truth.mapping === 'endpoint-independent' ? (profile.truth.hairpin ?? undefined) : undefined,
    tablePressure: false,
  });
  expectPorts(described, translates ? truth : undefined, profile.truth.crossTrafficPerSecond);
}

function expectPorts(
  { portDelta, portRange }: FamilyDescription,
  truth: FamilyTruth | undefined,
  crossTrafficPerSecond: number,
): void {
  if (truth === undefined) {
    expect([portDelta, portRange]).toEqual([undefined, undefined]);
    return;
  }
  // A delta that is measured has other people's flows in it.
  expect(portDelta).toBeGreaterThanOrEqual(truth.portDelta);
  const others = Math.ceil((crossTrafficPerSecond * STEP_MS) / 1000);
  expect(portDelta).toBeLessThanOrEqual(truth.portDelta + others);
  expect(portRange !== undefined).toBe(truth.portRange !== null);
  if (portRange === undefined || truth.portRange === null) return;
  // As far as it was seen.
  expect(portRange.low).toBeGreaterThanOrEqual(truth.portRange.low);
  expect(portRange.high).toBeLessThanOrEqual(truth.portRange.high);
}

function expectedCarrier({ name, build, truth }: Profile): boolean | undefined {
  // An interface with the address that servers see.
  if (build.at === 'public') return truth.ipv4 === null ? undefined : false;
  // Its router tells a public address that no server sees, as one behind a carrier with public addresses does: the two
  // can't be told apart, and opening a port helps behind neither. No other profile is described as what it is not.
  if (name === 'easy-liar') return true;
  // Only the router could tell, and it is not asked (no service), or without a public address tells none.
  if (truth.cgnat || truth.portMapping.length === 0) return undefined;
  return false;
}

test.each(PROFILES.map((profile) => [profile.name, profile] as const))(
  '%s is described as it is',
  (_name, profile) => {
    const { build, truth } = profile;
    const described = describeAt(profile);
    expect(described.class).toBe(truth.class);
    // Behind a NAT64 no socket of ours speaks IPv4: what is described is IPv6 and the prefix.
    expectFamily(described.ipv4, truth.nat64 ? null : truth.ipv4, profile, 4);
    expectFamily(described.ipv6, truth.ipv6, profile, 6);
    expect(described.nat64 !== undefined).toBe(truth.nat64);
    expect(described.cgnat).toBe(expectedCarrier(profile));
    // A public machine, and one of IPv6 alone, has no router that it could ask.
    const isAsked = build.at === 'lan' && !truth.nat64;
    for (const protocol of PORT_MAPPING_PROTOCOLS) {
      const answers = truth.portMapping.includes(protocol);
      expect(described.portMapping[protocol]).toBe(isAsked ? answers : undefined);
    }
    // What a router grants is told before anybody has come through it, be it dead. One without a public address grants
    // nothing.
    const isGranted = truth.portMapping.length > 0 && !truth.cgnat;
    expect(described.portMapping.external !== undefined).toBe(isGranted);
    // Proven without a peer: only what was reached before anything was sent.
    expect(described.reachable.length > 0).toBe(truth.class === 'none');
  },
  timeoutMs,
);
