/** What else stands in the way, side by side with the rule that decides: each is something that can be repaired. */
import { endpointAddress } from '../ip/address.js';
import { bothSides, type Facts, type SideFacts } from './facts.js';
import type { Note, NoteRule } from './verdict.js';

type NoteCheck = (side: SideFacts, facts: Facts) => readonly [NoteRule, string] | undefined;

/** A carrier's NAT can't be opened by its customers. */
const carrierNat: NoteCheck = ({ name, nat, mapped, mappedPrivately }) => {
  if (nat?.cgnat !== true) return undefined;
  const seen = nat.ipv4.mapped === undefined ? undefined : endpointAddress(nat.ipv4.mapped);
  const told = mapped === undefined ? undefined : endpointAddress(mapped);
  if (told === undefined || seen === undefined || told === seen || mappedPrivately) {
    return ['carrier-nat', `A carrier's NAT stands before the router of ${name}.`];
  }
  return [
    'carrier-nat',
    `The router of ${name} takes ${told} for its address, and the internet sees ${seen}: a carrier's NAT stands before it, or it is mistaken.`,
  ];
};

/** The router has mapped a port of an address that is not on the internet. */
const mappingNotPublic: NoteCheck = ({ name, mapped, mappedPrivately }) =>
  mappedPrivately
    ? [
        'mapping-not-public',
        `The router of ${name} has mapped ${mapped ?? ''}, which is not on the internet: another NAT stands before it.`,
      ]
    : undefined;

/** The mapping is granted and lets nobody in. */
const mappingDead: NoteCheck = ({ name, mapped, mappingIsDead }) =>
  mappingIsDead
    ? [
        'mapping-dead',
        `The router of ${name} has mapped ${mapped ?? ''}, and nothing arrives there.`,
      ]
    : undefined;

/** Granted, and nobody has tried it from outside yet. */
const mappingUnproven: NoteCheck = ({ name, mapped, mappedPrivately, mappingIsDead, reachable }) =>
  mapped !== undefined && !mappedPrivately && !mappingIsDead && !reachable.includes(mapped)
    ? [
        'mapping-unproven',
        `Whether the mapped port ${mapped} of ${name} lets anybody in is not proven.`,
      ]
    : undefined;

/** A configured endpoint of ours that a relay could not reach. */
const staticDead: NoteCheck = ({ side }, { evidence }) => {
  if (side === 'peer') return undefined;
  const dead = evidence.self.endpoints.find(
    ({ type, verified }) => type === 'static' && verified === false,
  );
  return dead === undefined
    ? undefined
    : ['static-dead', `The static endpoint ${dead.endpoint} of this machine lets nobody in.`];
};

/** The router is at the end of its table. */
const tablePressure: NoteCheck = ({ name, nat }) =>
  nat?.ipv4.tablePressure === true
    ? ['table-pressure', `The router of ${name} drops flows although few are open.`]
    : undefined;

/** None of the three protocols was answered. */
const portMappingOff: NoteCheck = ({ name, nat }) => {
  const { pcp, natpmp, upnp } = nat?.portMapping ?? {};
  return pcp === false && natpmp === false && upnp === false && nat?.class !== 'none'
    ? ['port-mapping-off', `The router of ${name} answers neither UPnP, NAT-PMP nor PCP.`]
    : undefined;
};

const CHECKS: readonly NoteCheck[] = [
  carrierNat,
  mappingNotPublic,
  mappingDead,
  mappingUnproven,
  staticDead,
  tablePressure,
  portMappingOff,
];

export function notesOn(facts: Facts): readonly Note[] {
  return bothSides(facts).flatMap((side) =>
    CHECKS.flatMap((check) => {
      const found = check(side, facts);
      return found === undefined ? [] : [{ rule: found[0], where: side.side, text: found[1] }];
    }),
  );
}
