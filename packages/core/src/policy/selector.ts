/**
 * Who a policy speaks of, one selector per text:
 *
 *     *                     everybody of the network
 *     ann@example.net       the machines of a user; `ann@`: of whoever has that name before the @
 *     group:dev             of the users of a group
 *     tag:web               machines with a tag
 *     printer               an alias of `hosts`
 *     10.0.0.0/8, fd7a::1   addresses, with or without a machine
 *     autogroup:member      all machines of users      autogroup:tagged   all with tags
 *     autogroup:self        the user's own machines (targets)
 *     autogroup:internet    what exit nodes lead to (targets)
 *     autogroup:danger-all  any address at all (sources)
 *
 * Source: the policy file of the Tailscale family.
 */
import { type AddressRange, parseAddressRange } from './address-set.js';

export type Selector =
  | { readonly kind: 'any' | 'member' | 'tagged' | 'self' | 'internet' | 'danger-all' }
  | { readonly kind: 'user'; readonly user: string }
  | { readonly kind: 'group'; readonly group: string }
  | { readonly kind: 'tag'; readonly tag: string }
  /** `text` is the alias or the address as the file has it. */
  | { readonly kind: 'addresses'; readonly text: string; readonly range: AddressRange };

/** Why a text is no selector, as the rest of a sentence about it. */
export interface SelectorProblem {
  readonly problem: string;
}

/** What selectors may name besides themselves. */
export interface SelectorNames {
  readonly hosts: ReadonlyMap<string, AddressRange>;
  readonly groups: ReadonlySet<string>;
  /** Undefined: any tag will do. */
  readonly tags: ReadonlySet<string> | undefined;
}

const AUTOGROUPS = ['member', 'tagged', 'self', 'internet', 'danger-all'] as const;

const GROUP = /^group:[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const TAG = /^tag:[A-Za-z][A-Za-z0-9-]{0,62}$/;
const USER = /^[^\s@:,"]{1,128}@[^\s@:,"]{0,190}$/;
const HOST = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

export const isGroupName = (text: string): boolean => GROUP.test(text);
export const isTagName = (text: string): boolean => TAG.test(text);
export const isUserName = (text: string): boolean => USER.test(text);
/** An alias must not look like an address. */
export const isHostName = (text: string): boolean =>
  HOST.test(text) && parseAddressRange(text) === undefined;

/** The selector that a text is. Users are compared in lower case. */
export function parseSelector(text: string, names: SelectorNames): Selector | SelectorProblem {
  if (text === '*') return { kind: 'any' };
  if (text.startsWith('autogroup:')) return parseAutogroup(text);
  if (text.startsWith('group:')) {
    return names.groups.has(text)
      ? { kind: 'group', group: text }
      : { problem: `"${text}" is not in "groups": add it there, or mend the name` };
  }
  if (text.startsWith('tag:')) return parseTag(text, names);
  const host = names.hosts.get(text);
  if (host !== undefined) return { kind: 'addresses', text, range: host };
  const range = parseAddressRange(text);
  if (range !== undefined) return { kind: 'addresses', text, range };
  if (isUserName(text)) return { kind: 'user', user: text.toLowerCase() };
  if (isHostName(text)) {
    return { problem: `"${text}" is not in "hosts": add it there; a user is written ${text}@` };
  }
  return {
    problem: `"${text}" is none of user@domain, group:, tag:, autogroup:, an alias of "hosts", an address, a prefix without host bits, *`,
  };
}

function parseTag(text: string, { tags }: SelectorNames): Selector | SelectorProblem {
  if (!isTagName(text)) {
    return { problem: `"${text}" is no tag: a letter, then letters, digits and hyphens` };
  }
  if (tags !== undefined && !tags.has(text)) {
    return { problem: `"${text}" is not in "tagOwners": add it there, with [] for nobody` };
  }
  return { kind: 'tag', tag: text };
}

function parseAutogroup(text: string): Selector | SelectorProblem {
  const name = text.slice('autogroup:'.length);
  const kind = AUTOGROUPS.find((known) => known === name);
  if (kind !== undefined) return { kind };
  const known = AUTOGROUPS.map((one) => `autogroup:${one}`).join(', ');
  return { problem: `"${text}" is not known here; there is: ${known}` };
}

/** Equal for equal selectors. */
export function selectorKey(selector: Selector): string {
  switch (selector.kind) {
    case 'user':
      return `user ${selector.user}`;
    case 'group':
      return selector.group;
    case 'tag':
      return selector.tag;
    case 'addresses':
      return `${selector.range.family} ${selector.range.first} ${selector.range.last}`;
    default:
      return selector.kind;
  }
}

/** Equal for lists of the same selectors in whatever order. */
export function selectorsKey(selectors: readonly Selector[]): string {
  return [...new Set(selectors.map(selectorKey))].sort().join(' | ');
}

/** As the file would have it. */
export function formatSelector(selector: Selector): string {
  switch (selector.kind) {
    case 'any':
      return '*';
    case 'user':
      return selector.user;
    case 'group':
      return selector.group;
    case 'tag':
      return selector.tag;
    case 'addresses':
      return selector.text;
    default:
      return `autogroup:${selector.kind}`;
  }
}
