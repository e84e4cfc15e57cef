/** The kinds of values that a file about a network has; each refuses with its line what is something else. */
import {
  type Endpoint,
  familyOf,
  type IpAddress,
  parseAddress,
  parseEndpoint,
} from '@warren/core/ip/address';
import { type Prefix, parsePrefix } from '@warren/core/ip/prefix';
import type { ConfigValue } from '@warren/shell/config/hujson';

/** As long as the delays that a lab can make. */
const DELAY_MAX_MS = 10_000;
const NAME_PATTERN = /^[a-z][a-z0-9-]{0,30}$/;

/** Fields by name; the ones that are missing are undefined. */
export interface Fields<Name extends string> {
  get(name: Name): ConfigValue | undefined;
  has(name: Name): boolean;
}

/** The field, which has to be there; `of` is what lacks it else. */
export function required<Name extends string>(
  fields: Fields<Name>,
  name: Name,
  of: ConfigValue,
): ConfigValue {
  const value = fields.get(name);
  if (value === undefined) throw of.error(`"${name}" is missing here`);
  return value;
}

/** The members of a list, or none where it is missing. */
export function listOf(value: ConfigValue | undefined): readonly ConfigValue[] {
  return value?.list() ?? [];
}

export function nameOf(value: ConfigValue): string {
  const name = value.text();
  if (NAME_PATTERN.test(name)) return name;
  throw value.error(
    `"${name}" is no name: a small letter, then small letters, digits and hyphens, 31 at most`,
  );
}

export function addressOf(value: ConfigValue, family?: 4 | 6): IpAddress {
  const address = parseAddress(value.text());
  if (address !== undefined && (family === undefined || familyOf(address) === family)) {
    return address;
  }
  throw value.error(`an IP${family === undefined ? '' : `v${family}`} address is expected here`);
}

export function addressesOf(value: ConfigValue): readonly IpAddress[] {
  const members = value.list();
  if (members.length === 0) throw value.error('at least one address is expected here');
  return members.map((member) => addressOf(member));
}

export function prefixOf(value: ConfigValue): Prefix {
  const prefix = parsePrefix(value.text());
  if (prefix !== undefined) return prefix;
  throw value.error('a prefix such as 192.168.1.0/24, without host bits, is expected here');
}

export function endpointOf(value: ConfigValue): Endpoint {
  const endpoint = parseEndpoint(value.text());
  if (endpoint !== undefined) return endpoint;
  throw value.error('an address with a port, such as 35.80.4.21:41641, is expected here');
}

export function delayOf(value: ConfigValue): number {
  return value.number(0, DELAY_MAX_MS);
}

export function choiceOf<Choice extends string>(
  value: ConfigValue,
  choices: readonly Choice[],
): Choice {
  const text = value.text();
  const choice = choices.find((candidate) => candidate === text);
  if (choice !== undefined) return choice;
  throw value.error(`"${text}" is not known here; there is: ${choices.join(', ')}`);
}

/** A name that must be one of `known`. */
export function referenceOf(
  value: ConfigValue,
  known: ReadonlySet<string>,
  kind: 'region' | 'network' | 'machine',
): string {
  const name = value.text();
  if (known.has(name)) return name;
  const names = known.size === 0 ? 'there is none' : `there is: ${[...known].join(', ')}`;
  throw value.error(`there is no ${kind} "${name}"; ${names}`);
}

/** Two different ones of `known`, as `["a", "b"]`. */
export function twoOf(
  value: ConfigValue,
  known: ReadonlySet<string>,
  kind: 'region' | 'machine',
): readonly [string, string] {
  const [first, second, ...rest] = value.list();
  if (first === undefined || second === undefined || rest.length > 0) {
    throw value.error(`two names of ${kind}s are expected here`);
  }
  const pair = [referenceOf(first, known, kind), referenceOf(second, known, kind)] as const;
  if (pair[0] === pair[1]) throw second.error(`the second ${kind} is the first again`);
  return pair;
}
