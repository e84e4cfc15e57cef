/** The parts of a network file: networks with all that their routers do, public servers, and machines. */
import type { ConfigValue } from '@warren/shell/config/hujson';
import {
  type Host,
  type Machine,
  NAT_PROFILES,
  type Network,
  PORT_MAPPING_PROTOCOLS,
  type PublicAttachment,
  type UdpBalancer,
} from '@warren/sim/topology/types';
import {
  addressesOf,
  addressOf,
  choiceOf,
  delayOf,
  endpointOf,
  type Fields,
  listOf,
  nameOf,
  prefixOf,
  referenceOf,
  required,
} from './values.js';

/** As many as a router of a small office sees. */
const CROSS_TRAFFIC_MAX = 1000;
/** Packets within a minute. */
const BANS_AFTER_MAX = 1000;

/** Names that other parts of the file may use. */
export interface KnownNames {
  readonly regions: ReadonlySet<string>;
  readonly networks: ReadonlySet<string>;
  readonly machines: ReadonlySet<string>;
}

const PUBLIC_FIELDS = ['name', 'region', 'addresses', 'accessOneWayMs'] as const;
type PublicField = (typeof PUBLIC_FIELDS)[number];

export function hostOf(value: ConfigValue, known: KnownNames): Host {
  const fields = value.fields(PUBLIC_FIELDS);
  return { name: nameOf(required(fields, 'name', value)), ...attachmentOf(fields, value, known) };
}

function attachmentOf(
  fields: Fields<PublicField>,
  of: ConfigValue,
  { regions }: KnownNames,
): PublicAttachment {
  const access = fields.get('accessOneWayMs');
  return {
    region: referenceOf(required(fields, 'region', of), regions, 'region'),
    addresses: addressesOf(required(fields, 'addresses', of)),
    ...(access === undefined ? {} : { accessOneWayMs: delayOf(access) }),
  };
}

const NETWORK_FIELDS = [
  ...PUBLIC_FIELDS,
  'nat',
  'lan',
  'ipv6',
  'nat64',
  'hairpin',
  'crossTrafficPerSecond',
  'rejects',
  'bansAfter',
  'carrier',
  'portMapping',
  'balancers',
] as const;
type NetworkField = (typeof NETWORK_FIELDS)[number];

export function networkOf(value: ConfigValue, known: KnownNames): Network {
  const fields = value.fields(NETWORK_FIELDS);
  const crossTraffic = fields.get('crossTrafficPerSecond');
  const bansAfter = fields.get('bansAfter');
  const carrier = fields.get('carrier');
  const portMapping = fields.get('portMapping');
  const balancers = fields.get('balancers');
  return {
    name: nameOf(required(fields, 'name', value)),
    ...attachmentOf(fields, value, known),
    nat: choiceOf(required(fields, 'nat', value), NAT_PROFILES),
    lan: prefixOf(required(fields, 'lan', value)),
    ...ipv6Of(fields, value),
    ...(fields.get('hairpin')?.flag() === true ? { hairpin: true } : {}),
    ...(crossTraffic === undefined
      ? {}
      : { crossTrafficPerSecond: crossTraffic.number(0, CROSS_TRAFFIC_MAX) }),
    ...(fields.get('rejects')?.flag() === true ? { rejects: true } : {}),
    ...(bansAfter === undefined ? {} : { bansAfter: bansAfter.integer(1, BANS_AFTER_MAX) }),
    ...(carrier === undefined ? {} : { carrier: carrierOf(carrier) }),
    ...(portMapping === undefined ? {} : { portMapping: portMappingOf(portMapping) }),
    ...(balancers === undefined
      ? {}
      : { balancers: balancers.list().map((member) => balancerOf(member, known)) }),
  };
}

function ipv6Of(fields: Fields<NetworkField>, of: ConfigValue): Pick<Network, 'ipv6' | 'nat64'> {
  const value = fields.get('ipv6');
  const nat64 = fields.get('nat64');
  if (value === undefined) {
    if (nat64?.flag() === true) throw of.error('a network with "nat64" needs "ipv6" too');
    return {};
  }
  const inner = value.fields(['lan', 'firewalled']);
  const ipv6 = {
    lan: prefixOf(required(inner, 'lan', value)),
    firewalled: inner.get('firewalled')?.flag() ?? true,
  };
  return nat64?.flag() === true ? { ipv6, nat64: true } : { ipv6 };
}

function carrierOf(value: ConfigValue): NonNullable<Network['carrier']> {
  const fields = value.fields(['nat', 'lan']);
  return {
    nat: choiceOf(required(fields, 'nat', value), NAT_PROFILES),
    lan: prefixOf(required(fields, 'lan', value)),
  };
}

function portMappingOf(value: ConfigValue): NonNullable<Network['portMapping']> {
  if (!value.isObject) return value.flag();
  const fields = value.fields(['protocols', 'tells', 'dead']);
  const protocols = listOf(fields.get('protocols')).map((member) =>
    choiceOf(member, PORT_MAPPING_PROTOCOLS),
  );
  const tells = fields.get('tells');
  return {
    protocols: fields.has('protocols') ? protocols : PORT_MAPPING_PROTOCOLS,
    ...(tells === undefined ? {} : { tells: addressOf(tells, 4) }),
    ...(fields.get('dead')?.flag() === true ? { dead: true } : {}),
  };
}

function balancerOf(value: ConfigValue, { machines }: KnownNames): UdpBalancer {
  const fields = value.fields(['address', 'port', 'machine']);
  return {
    address: addressOf(required(fields, 'address', value), 4),
    port: required(fields, 'port', value).integer(1, 65_535),
    machine: referenceOf(required(fields, 'machine', value), machines, 'machine'),
  };
}

const MACHINE_FIELDS = [
  ...PUBLIC_FIELDS,
  'firewalled',
  'network',
  'address',
  'ipv6',
  'staticEndpoints',
] as const;

export function machineOf(value: ConfigValue, known: KnownNames): Machine {
  const fields = value.fields(MACHINE_FIELDS);
  const name = nameOf(required(fields, 'name', value));
  const endpoints = fields.get('staticEndpoints');
  const statics =
    endpoints === undefined ? {} : { staticEndpoints: endpoints.list().map(endpointOf) };
  const network = fields.get('network');
  if (network === undefined) {
    refuseAny(fields, ['address', 'ipv6'], 'is for a machine of a "network"');
    return {
      name,
      at: {
        kind: 'public',
        ...attachmentOf(fields, value, known),
        firewalled: fields.get('firewalled')?.flag() ?? false,
      },
      ...statics,
    };
  }
  const unfit = ['region', 'addresses', 'accessOneWayMs', 'firewalled'] as const;
  refuseAny(fields, unfit, 'is for a machine with public addresses, this one is in a "network"');
  const ipv6 = fields.get('ipv6');
  return {
    name,
    at: {
      kind: 'lan',
      network: referenceOf(network, known.networks, 'network'),
      address: addressOf(required(fields, 'address', value), 4),
      ...(ipv6 === undefined ? {} : { ipv6: addressOf(ipv6, 6) }),
    },
    ...statics,
  };
}

function refuseAny<Name extends string>(
  fields: Fields<Name>,
  names: readonly Name[],
  why: string,
): void {
  for (const name of names) {
    const value = fields.get(name);
    if (value !== undefined) throw value.error(`"${name}" ${why}`);
  }
}
