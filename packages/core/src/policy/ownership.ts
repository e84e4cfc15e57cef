/** What a policy permits besides packets: who may carry a tag, whose routes are approved without a person. */
import { isDefaultRoute, type Prefix } from '../ip/prefix.js';
import { type AccessNode, Identities, selectorIdentity } from './access-node.js';
import { rangeContains, rangeOfAddress, rangeOfPrefix } from './address-set.js';
import type { Policy } from './policy.js';
import type { Selector } from './selector.js';

/** Of a policy: made once, asked for each route of each node. */
const known = new WeakMap<Policy, Identities>();

function identitiesOf(policy: Policy): Identities {
  let identities = known.get(policy);
  if (identities === undefined) {
    identities = new Identities(policy);
    known.set(policy, identities);
  }
  return identities;
}

/**
 * True when the user may give a machine this tag. Without an entry in `tagOwners`, and without a policy, nobody
 * may but who makes tagged keys on the hub.
 */
export function mayTag(policy: Policy, login: string, tag: string): boolean {
  return owns(policy, identitiesOf(policy).ofUser(login.toLowerCase()), tag);
}

/** As {@link mayTag}, of a machine that has `tags` already: a tag may own others. */
export function mayRetag(policy: Policy, tags: readonly string[], tag: string): boolean {
  return tags.includes(tag) || owns(policy, identitiesOf(policy).ofTags(tags), tag);
}

function owns(policy: Policy, identities: ReadonlySet<string>, tag: string): boolean {
  return (policy.tagOwners.get(tag) ?? []).some((owner) => {
    const identity = selectorIdentity(owner);
    return identity !== undefined && identities.has(identity);
  });
}

/** True when a route that the node announces is approved by the policy itself. */
export function autoApproves(policy: Policy, node: AccessNode, route: Prefix): boolean {
  const range = rangeOfPrefix(route);
  const approvers = isDefaultRoute(route)
    ? policy.exitNodeApprovers
    : policy.routeApprovals
        .filter((approval) => rangeContains(approval.range, range))
        .flatMap((approval) => approval.approvers);
  if (approvers.length === 0) return false;
  const identities = identitiesOf(policy).ofNode(node);
  return approvers.some((approver) => isApprover(approver, node, identities));
}

function isApprover(
  approver: Selector,
  node: AccessNode,
  identities: ReadonlySet<string>,
): boolean {
  const identity = selectorIdentity(approver);
  if (identity !== undefined) return identities.has(identity);
  if (approver.kind !== 'addresses') return false;
  return node.addresses.some((address) => rangeContains(approver.range, rangeOfAddress(address)));
}
