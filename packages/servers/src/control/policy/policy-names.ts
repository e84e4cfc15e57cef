/** What selectors of a policy file may name: its groups, hosts and tags; and reading selectors by them. */
import type { AddressRange } from '@warren/core/policy/address-set';
import { parseAddressRange } from '@warren/core/policy/address-set';
import {
  isGroupName,
  isHostName,
  isTagName,
  isUserName,
  parseSelector,
  type Selector,
  type SelectorNames,
} from '@warren/core/policy/selector';
import type { ConfigValue } from '@warren/shell/config/hujson';

/** Members of one group, sources of one rule and the like. */
const LIST_MAX = 10_000;

/** A list that is not longer than any of sense. */
export function boundedList(value: ConfigValue, max = LIST_MAX): readonly ConfigValue[] {
  const list = value.list();
  if (list.length > max) throw value.error(`at most ${max} entries are taken here`);
  return list;
}

type Kind = Selector['kind'];

/** A selector of one of `kinds`. */
export function readSelector(
  value: ConfigValue,
  names: SelectorNames,
  kinds: readonly Kind[],
  text: string = value.text(),
): Selector {
  const selector = parseSelector(text, names);
  if ('problem' in selector) throw value.error(selector.problem);
  if (kinds.includes(selector.kind)) return selector;
  throw value.error(`"${text}" can't stand here; use ${kinds.map(wordOf).join(', ')}`);
}

function wordOf(kind: Kind): string {
  switch (kind) {
    case 'any':
      return '*';
    case 'user':
      return 'user@domain';
    case 'group':
      return 'group:name';
    case 'tag':
      return 'tag:name';
    case 'addresses':
      return 'an address or alias';
    default:
      return `autogroup:${kind}`;
  }
}

/** A list of them that is not empty. */
export function readSelectors(
  value: ConfigValue,
  names: SelectorNames,
  kinds: readonly Kind[],
): readonly Selector[] {
  const list = boundedList(value);
  if (list.length === 0)
    throw value.error('an empty list means nobody: name somebody, or leave the entry out');
  return list.map((entry) => readSelector(entry, names, kinds));
}

export function readHosts(value: ConfigValue | undefined): ReadonlyMap<string, AddressRange> {
  const hosts = new Map<string, AddressRange>();
  for (const { name, value: address } of value?.entries() ?? []) {
    const alias = name.text();
    if (!isHostName(alias)) {
      throw name.error(`"${alias}" can't be an alias: use letters, digits, dots and hyphens`);
    }
    const range = parseAddressRange(address.text());
    if (range === undefined)
      throw address.error('an address, or a prefix without host bits, is expected here');
    hosts.set(alias, range);
  }
  return hosts;
}

/** Users by group, groups within groups resolved. */
export function readGroups(value: ConfigValue | undefined): ReadonlyMap<string, readonly string[]> {
  const written = new Map<string, readonly ConfigValue[]>();
  for (const { name, value: members } of value?.entries() ?? []) {
    if (!isGroupName(name.text()))
      throw name.error(`"${name.text()}" is no group: write group:name`);
    written.set(name.text(), boundedList(members));
  }
  const groups = new Map<string, readonly string[]>();
  const usersOf = (group: string, within: readonly string[]): readonly string[] => {
    const known = groups.get(group);
    if (known !== undefined) return known;
    const users = (written.get(group) ?? []).flatMap((member): readonly string[] => {
      const text = member.text();
      if (!text.startsWith('group:')) {
        if (isUserName(text)) return [text.toLowerCase()];
        throw member.error(`"${text}" is no member: write user@domain, user@ or group:name`);
      }
      if (!written.has(text)) throw member.error(`"${text}" is not in "groups"`);
      const path = [...within, group];
      if (path.includes(text))
        throw member.error(`"${text}" holds itself: ${[...path, text].join(' > ')}`);
      return usersOf(text, path);
    });
    const unique = [...new Set(users)];
    groups.set(group, unique);
    return unique;
  };
  for (const group of written.keys()) usersOf(group, []);
  return groups;
}

/** The names of tags first: owners may be tags. */
export function readTagNames(value: ConfigValue | undefined): ReadonlySet<string> {
  const entries = value?.entries() ?? [];
  for (const { name } of entries) {
    if (!isTagName(name.text())) {
      throw name.error(
        `"${name.text()}" is no tag: write tag: and a letter, then letters, digits and hyphens`,
      );
    }
  }
  return new Set(entries.map(({ name }) => name.text()));
}

export function readTagOwners(
  value: ConfigValue | undefined,
  names: SelectorNames,
): ReadonlyMap<string, readonly Selector[]> {
  const kinds: readonly Kind[] = ['user', 'group', 'tag', 'member'];
  return new Map(
    (value?.entries() ?? []).map(({ name, value: owners }) => [
      name.text(),
      boundedList(owners).map((owner) => readSelector(owner, names, kinds)),
    ]),
  );
}
