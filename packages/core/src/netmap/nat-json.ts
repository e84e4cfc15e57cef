/**
 * A node's NAT description as it travels: compact JSON in the host information of a lite update, and beside the
 * node in the map that its peers get. Official clients and servers ignore the field.
 *
 *     {"V":1,"Class":"hard","IPv4":{"Works":true,"Mapping":"endpoint-dependent","Ports":"sequential","Delta":2},
 *      "IPv6":{"Works":false},"UPnP":false,"Reachable":["203.0.113.7:41641"]}
 *
 * What is unknown is left out. The reader takes nothing on trust: what it can't read is unknown, and another
 * version than its own is no description at all.
 */
import { asArray, asBoolean, asInteger, asObject, asString, type JsonValue } from '../base/json.js';
import {
  type Endpoint,
  endpointPort,
  type IpAddress,
  parseAddress,
  parseEndpoint,
} from '../ip/address.js';
import { tokenLengthMax } from './limits.js';
import type {
  Dependence,
  FamilyDescription,
  FilteringBehaviour,
  MappingBehaviour,
  NatClass,
  NatDescription,
  PortAllocation,
} from './nat-description.js';

const VERSION = 1;
/** Of the JSON text; a full description of both families takes about 700. */
export const natCharactersMax = 1024;
/** Proven endpoints that are told: one or two per family, with room. */
export const reachableMax = 8;
/** A week; no mapping of a NAT lives longer, and nobody measures for longer. */
const lifetimeMaxMs = 7 * 86_400_000;

const CLASSES: readonly NatClass[] = ['none', 'easy', 'hard', 'unknown'];
const DEPENDENCES: readonly Dependence[] = [
  'endpoint-independent',
  'address-dependent',
  'address-and-port-dependent',
];
const MAPPINGS: readonly MappingBehaviour[] = ['none', ...DEPENDENCES, 'endpoint-dependent'];
const FILTERINGS: readonly FilteringBehaviour[] = ['none', ...DEPENDENCES];
const ALLOCATIONS: readonly PortAllocation[] = ['preserving', 'sequential', 'random'];

/** Leaves out what is undefined: equal descriptions are equal texts. */
function compact(fields: Readonly<Record<string, JsonValue | undefined>>): JsonValue {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function encodeFamily(family: FamilyDescription): JsonValue {
  const { portRange: range } = family;
  return compact({
    Works: family.works,
    Mapping: family.mapping,
    Filtering: family.filtering,
    Ports: family.portAllocation,
    Delta: family.portDelta,
    Range: range === undefined ? undefined : [range.low, range.high],
    LifeMs: family.lifetimeMs === undefined ? undefined : Math.round(family.lifetimeMs),
    Hairpin: family.hairpin,
    Pressure: family.tablePressure,
    Mapped: family.mapped,
  });
}

function encodeWith(nat: NatDescription, reachable: readonly Endpoint[]): JsonValue {
  const { portMapping } = nat;
  return compact({
    V: VERSION,
    Class: nat.class,
    IPv4: encodeFamily(nat.ipv4),
    IPv6: encodeFamily(nat.ipv6),
    CGNAT: nat.cgnat,
    NAT64: nat.nat64,
    PCP: portMapping.pcp,
    NATPMP: portMapping.natpmp,
    UPnP: portMapping.upnp,
    External: portMapping.external,
    Reachable: reachable.length === 0 ? undefined : reachable,
  });
}

/** At most {@link natCharactersMax} as text; further proven endpoints are left out. */
export function encodeNat(nat: NatDescription): JsonValue {
  for (let count = Math.min(nat.reachable.length, reachableMax); ; count--) {
    const json = encodeWith(nat, nat.reachable.slice(0, count));
    if (count === 0 || JSON.stringify(json).length <= natCharactersMax) return json;
  }
}

function oneOf<Word extends string>(words: readonly Word[], value: unknown): Word | undefined {
  return words.find((word) => word === value);
}

function readEndpoint(value: unknown): Endpoint | undefined {
  const endpoint = parseEndpoint(asString(value, tokenLengthMax) ?? '');
  return endpoint === undefined || endpointPort(endpoint) === 0 ? undefined : endpoint;
}

function readAddress(value: unknown): IpAddress | undefined {
  return parseAddress(asString(value, tokenLengthMax) ?? '');
}

function readRange(value: unknown): FamilyDescription['portRange'] {
  const [first, second] = asArray(value);
  const low = asInteger(first, 1, 65_535);
  const high = asInteger(second, 1, 65_535);
  return low === undefined || high === undefined || low > high ? undefined : { low, high };
}

function decodeFamily(value: unknown): FamilyDescription {
  const family = asObject(value) ?? {};
  return {
    works: family['Works'] === true,
    mapping: oneOf(MAPPINGS, family['Mapping']),
    filtering: oneOf(FILTERINGS, family['Filtering']),
    portAllocation: oneOf(ALLOCATIONS, family['Ports']),
    portDelta: asInteger(family['Delta'], -65_535, 65_535),
    portRange: readRange(family['Range']),
    lifetimeMs: asInteger(family['LifeMs'], 0, lifetimeMaxMs),
    hairpin: asBoolean(family['Hairpin']),
    tablePressure: asBoolean(family['Pressure']),
    mapped: readEndpoint(family['Mapped']),
  };
}

/** A peer's description; undefined: none, or one that we can't read. */
export function decodeNat(value: unknown): NatDescription | undefined {
  const nat = asObject(value);
  if (nat?.['V'] !== VERSION) return undefined;
  const reachable = asArray(nat['Reachable']).slice(0, reachableMax).map(readEndpoint);
  return {
    class: oneOf(CLASSES, nat['Class']) ?? 'unknown',
    ipv4: decodeFamily(nat['IPv4']),
    ipv6: decodeFamily(nat['IPv6']),
    cgnat: asBoolean(nat['CGNAT']),
    nat64: readAddress(nat['NAT64']),
    portMapping: {
      pcp: asBoolean(nat['PCP']),
      natpmp: asBoolean(nat['NATPMP']),
      upnp: asBoolean(nat['UPnP']),
      external: readEndpoint(nat['External']),
    },
    reachable: reachable.filter((endpoint) => endpoint !== undefined),
  };
}
