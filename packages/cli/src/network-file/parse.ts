/**
 * A person's own network as a file, in HuJSON (docs/lab-networks.md describes it and examples/networks has
 * some): regions and the ways between them, servers, networks behind routers, machines, and how people expect
 * pairs to talk. Whatever is wrong is told with its line.
 */
import { type ConfigValue, parseHujson } from '@warren/shell/config/hujson';
import type { RegionLink, Topology } from '@warren/sim/topology/types';
import { hostOf, type KnownNames, machineOf, networkOf } from './places.js';
import { choiceOf, delayOf, listOf, nameOf, required, twoOf } from './values.js';

const FIELDS = ['name', 'regions', 'links', 'servers', 'networks', 'machines', 'expect'] as const;

/** How two machines are expected to talk. */
export interface Expectation {
  readonly between: readonly [string, string];
  readonly path: 'direct' | 'relay';
}

export interface NetworkFile {
  readonly topology: Topology;
  readonly expect: readonly Expectation[];
}

/** Throws CONFIG_INVALID with file, line and column. */
export function parseNetworkFile(path: string, bytes: Uint8Array): NetworkFile {
  const file = parseHujson(path, bytes);
  const fields = file.fields(FIELDS);
  const regions = namesOf(required(fields, 'regions', file).list(), (value) => value);
  const networkValues = listOf(fields.get('networks'));
  const machineValues = required(fields, 'machines', file).list();
  const serverValues = required(fields, 'servers', file);
  const servers = serverValues.list();
  if (servers.length === 0) {
    throw serverValues.error('at least one server is expected here: control and relay');
  }
  if (machineValues.length < 2) {
    throw required(fields, 'machines', file).error('at least two machines are expected here');
  }
  const places = [...servers, ...networkValues, ...machineValues];
  namesOf(places, nameFieldOf);
  const known: KnownNames = {
    regions: new Set(regions),
    networks: new Set(namesOf(networkValues, nameFieldOf)),
    machines: new Set(namesOf(machineValues, nameFieldOf)),
  };
  const links = listOf(fields.get('links')).map((value) => linkOf(value, known));
  checkLinks(fields.get('links') ?? file, regions, links);
  const name = fields.get('name');
  return {
    topology: {
      name: name === undefined ? 'network' : nameOf(name),
      regions: regions.map((region) => ({ name: region })),
      links,
      hosts: servers.map((value) => hostOf(value, known)),
      networks: networkValues.map((value) => networkOf(value, known)),
      machines: machineValues.map((value) => machineOf(value, known)),
    },
    expect: listOf(fields.get('expect')).map((value) => expectationOf(value, known)),
  };
}

/** Every field that any place may have: its own reader refuses what is not its own. */
function nameFieldOf(value: ConfigValue): ConfigValue {
  return required(value.anyFields(), 'name', value);
}

/** Names, each of which may be there once. */
function namesOf(
  values: readonly ConfigValue[],
  pick: (value: ConfigValue) => ConfigValue,
): string[] {
  const names = new Set<string>();
  for (const value of values) {
    const at = pick(value);
    const name = nameOf(at);
    if (names.has(name)) throw at.error(`the name "${name}" is used twice`);
    names.add(name);
  }
  return [...names];
}

function linkOf(value: ConfigValue, { regions }: KnownNames): RegionLink {
  const fields = value.fields(['between', 'oneWayMs']);
  return {
    between: twoOf(required(fields, 'between', value), regions, 'region'),
    oneWayMs: delayOf(required(fields, 'oneWayMs', value)),
  };
}

/** Every two regions are linked, once. */
function checkLinks(
  at: ConfigValue,
  regions: readonly string[],
  links: readonly RegionLink[],
): void {
  for (const [index, a] of regions.entries()) {
    for (const b of regions.slice(index + 1)) {
      const count = links.filter(({ between }) => between.includes(a) && between.includes(b));
      if (count.length === 0) throw at.error(`the regions ${a} and ${b} need a link`);
      if (count.length > 1) throw at.error(`the regions ${a} and ${b} are linked twice`);
    }
  }
}

function expectationOf(value: ConfigValue, { machines }: KnownNames): Expectation {
  const fields = value.fields(['between', 'path']);
  return {
    between: twoOf(required(fields, 'between', value), machines, 'machine'),
    path: choiceOf(required(fields, 'path', value), ['direct', 'relay']),
  };
}
