/**
 * A node as policies see it, and the names under which selectors know it:
 *
 *     every node      *
 *     of a user       member, `user ann@example.net`, `user ann@`, the user's groups
 *     tagged          tagged, each tag
 */
import type { IpAddress } from '../ip/address.js';
import { isDefaultRoute, type Prefix } from '../ip/prefix.js';
import { type AddressRange, rangeOfAddress, rangeOfPrefix } from './address-set.js';
import type { Policy } from './policy.js';
import type { Selector } from './selector.js';

export type AccessNodeId = number;

export interface AccessNode {
  readonly id: AccessNodeId;
  /** 0: tagged. */
  readonly userId: number;
  /** Login name of the user; empty when tagged. */
  readonly login: string;
  readonly tags: readonly string[];
  readonly addresses: readonly IpAddress[];
  /** Routes that it serves and that are approved; 0.0.0.0/0 or ::/0 makes it an exit node. */
  readonly routes: readonly Prefix[];
}

/** Whom a selector may mean: a node, or a user, tag or address that a test speaks of. */
export interface Subject {
  /** Identity names, as {@link selectorIdentity} gives them. */
  readonly identities: ReadonlySet<string>;
  readonly addresses: readonly AddressRange[];
  /** Without those of an exit node. */
  readonly routes: readonly AddressRange[];
  readonly isExitNode: boolean;
  /** Lower case; empty: tagged or nobody. Own machines are those with the same. */
  readonly login: string;
}

/** The identity that a selector asks for; undefined: it asks for addresses, or is a target of its own kind. */
export function selectorIdentity(selector: Selector): string | undefined {
  switch (selector.kind) {
    case 'any':
    case 'danger-all':
      return '*';
    case 'member':
    case 'tagged':
      return selector.kind;
    case 'user':
      return `user ${selector.user}`;
    case 'group':
      return selector.group;
    case 'tag':
      return selector.tag;
    case 'addresses':
    case 'self':
    case 'internet':
      return undefined;
  }
}

/** Knows which user is in which groups. */
export class Identities {
  /** Groups by user as the policy writes it, `ann@example.net` or `ann@`. */
  readonly #groups = new Map<string, string[]>();

  constructor(policy: Policy) {
    for (const [group, users] of policy.groups) {
      for (const user of users) this.#groups.set(user, [...(this.#groups.get(user) ?? []), group]);
    }
  }

  /** Of a user's machine; `login` in lower case, or `ann@` for somebody of that name. */
  ofUser(login: string): ReadonlySet<string> {
    const short = `${login.split('@', 1)[0] ?? ''}@`;
    const names = [login, short];
    const groups = names.flatMap((name) => this.#groups.get(name) ?? []);
    return new Set(['*', 'member', ...names.map((name) => `user ${name}`), ...groups]);
  }

  ofTags(tags: readonly string[]): ReadonlySet<string> {
    return new Set(['*', 'tagged', ...tags]);
  }

  ofNode(node: AccessNode): ReadonlySet<string> {
    return node.tags.length > 0 ? this.ofTags(node.tags) : this.ofUser(node.login.toLowerCase());
  }

  subject(node: AccessNode): Subject {
    return {
      identities: this.ofNode(node),
      addresses: node.addresses.map(rangeOfAddress),
      routes: node.routes.filter((route) => !isDefaultRoute(route)).map(rangeOfPrefix),
      isExitNode: node.routes.some(isDefaultRoute),
      login: node.tags.length > 0 ? '' : node.login.toLowerCase(),
    };
  }
}
