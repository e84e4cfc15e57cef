/**
 * What `why` advises, carried out at a place of the matrix: the same profile with the change made, in its build and
 * in its truth. Undefined: nothing of the kind can be done there.
 */
import type { FixCode } from '@warren/core/why/verdict';
import { PORT_MAPPING_PROTOCOLS } from '../topology/types.js';
import type { FamilyTruth, Profile, ProfileBuild, ProfileTruth } from './profile.js';

type Lan = Extract<ProfileBuild, { at: 'lan' }>;

/** A home router's NAT: what is behind the firewall of an office that lets UDP out. */
const easy: FamilyTruth = {
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  portAllocation: 'preserving',
  portDelta: 0,
  portRange: null,
  addresses: 1,
};
/** IPv6 behind a stateful firewall. */
const firewalled: FamilyTruth = { ...easy, mapping: 'none' };

function changed(profile: Profile, build: ProfileBuild, truth: Partial<ProfileTruth>): Profile {
  return { ...profile, build, truth: { ...profile.truth, ...truth } };
}

function onLan(profile: Profile, change: (build: Lan) => Profile): Profile | undefined {
  return profile.build.at === 'lan' ? change(profile.build) : undefined;
}

function mapPorts(profile: Profile): Profile | undefined {
  return onLan(profile, (build) =>
    changed(
      profile,
      { ...build, portMapping: { protocols: PORT_MAPPING_PROTOCOLS } },
      {
        portMapping: PORT_MAPPING_PROTOCOLS,
        wayIn: build.carrier === undefined ? 'portmap' : null,
      },
    ),
  );
}

function forward(profile: Profile): Profile | undefined {
  return onLan(profile, (build) =>
    // The port of one's own router leads to the carrier's NAT, at which nobody forwards anything.
    build.carrier === undefined
      ? changed(profile, { ...build, balancer: true }, { wayIn: 'static' })
      : changed(profile, build, {}),
  );
}

function openFirewall(profile: Profile): Profile | undefined {
  const { build, truth } = profile;
  if (build.at !== 'public') return undefined;
  const open = (udp: FamilyTruth | null): FamilyTruth | null =>
    udp === null ? null : { ...udp, filtering: 'none' };
  const all = { ipv4: open(truth.ipv4), ipv6: open(truth.ipv6) };
  return changed(profile, { ...build, firewalled: false }, { class: 'none', ...all });
}

function letUdpOut(profile: Profile): Profile | undefined {
  return onLan(profile, (build) =>
    build.nat === 'udp-blocked'
      ? changed(profile, { ...build, nat: 'easy' }, { class: 'easy', ipv4: easy })
      : changed(profile, build, {}),
  );
}

function giveIpv6(profile: Profile): Profile {
  const { build } = profile;
  return build.at === 'public'
    ? changed(
        profile,
        { ...build, families: [4, 6] },
        { ipv6: build.firewalled ? firewalled : { ...firewalled, filtering: 'none' } },
      )
    : changed(profile, { ...build, ipv6: 'firewalled' }, { ipv6: firewalled });
}

function keepOnePort(profile: Profile): Profile | undefined {
  return onLan(profile, (build) =>
    changed(profile, { ...build, nat: 'easy' }, { class: 'easy', ipv4: easy }),
  );
}

const CHANGES: Readonly<Partial<Record<FixCode, (profile: Profile) => Profile | undefined>>> = {
  'enable-port-mapping': mapPorts,
  'forward-port': forward,
  'open-firewall': openFirewall,
  'allow-udp': letUdpOut,
  'allow-udp-and-forward': (profile) => {
    const out = letUdpOut(profile);
    return out === undefined ? undefined : forward(out);
  },
  'allow-udp-and-ipv6': (profile) => {
    const out = letUdpOut(profile);
    return out === undefined ? undefined : giveIpv6(out);
  },
  'enable-ipv6': giveIpv6,
  'endpoint-independent-nat': keepOnePort,
};

export function applyFix(profile: Profile, code: FixCode): Profile | undefined {
  return CHANGES[code]?.(profile);
}
