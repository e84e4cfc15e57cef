/**
 * Users and nodes of headscale as ours: machines stay in with the keys that they have, under their addresses and names.
 * What is here already stays as it is, so an import may be repeated.
 *
 *     user       its name; without a domain, ours is added
 *     node       machine key, node key, IPv4 (the IPv6 of the same number), name, owner or tags, expiry, routes
 *     other      said in the warnings: keys are known by hashes that are not ours
 */
import type { WallTime } from '@warren/core/base/instant';
import { asObject } from '@warren/core/base/json';
import { formatRfc3339 } from '@warren/core/base/rfc3339';
import {
  addressesOf,
  addressIndex,
  allocateIndex,
  isReserved,
} from '@warren/core/control/server/addresses';
import { isTag } from '@warren/core/control/server/auth-keys';
import { dnsLabel, fullName, uniqueLabel } from '@warren/core/control/server/names';
import {
  type ControlState,
  ensureTailnet,
  indexTaker,
  type NodeRecord,
  nodesMax,
  nodesOf,
  tailnetOf,
  type UserRecord,
  withNode,
  withTailnet,
} from '@warren/core/control/server/state';
import { ensureUser, findUser } from '@warren/core/control/server/users';
import { parseAddress, parseEndpoint } from '@warren/core/ip/address';
import { type Prefix, parsePrefix } from '@warren/core/ip/prefix';
import { isZeroKey, parsePublicKey } from '@warren/core/keys/keys';
import { ControlError } from '../../errors.js';
import { checkUserNames, TAILNET } from '../admin-input.js';
import type { HeadscaleImportInfo } from '../admin-types.js';
import type { HeadscaleKey, HeadscaleNode, HeadscaleRecords } from './headscale-database.js';

/** Numbers in 100.64.0.0/10. */
const INDEXES = 2 ** 22;
/** Keys named one by one. */
const KEYS_NAMED_MAX = 20;

export interface Imported {
  readonly state: ControlState;
  readonly report: Omit<HeadscaleImportInfo, 'dryRun'>;
}

interface Context {
  readonly baseDomain: string;
  readonly wall: WallTime;
  readonly warnings: string[];
  /** By headscale's number. */
  readonly users: ReadonlyMap<number, UserRecord>;
}

/** What the state becomes; pure. */
export function importHeadscale(
  before: ControlState,
  records: HeadscaleRecords,
  baseDomain: string,
  wall: WallTime,
): Imported {
  const warnings: string[] = [];
  const named = importUsers(ensureTailnet(before, TAILNET), records, baseDomain, warnings);
  const context: Context = { baseDomain, wall, warnings, users: named.users };
  let { state } = named;
  const added: NodeRecord[] = [];
  for (const node of records.nodes) {
    const outcome = importNode(state, node, context);
    if (typeof outcome === 'string') {
      warnings.push(`${nameOf(node)}: ${outcome}`);
      continue;
    }
    state = outcome.state;
    added.push(outcome.node);
  }
  warnings.push(...leftOut(records, context));
  const ownerOf = ({ tags, userId }: NodeRecord): string =>
    tags.length > 0 ? tags.join(',') : (state.users.get(userId)?.loginName ?? '');
  return {
    state,
    report: {
      users: named.added,
      nodes: added.map((node) => ({
        name: fullName(node.label, baseDomain).replace(/\.$/, ''),
        owner: ownerOf(node),
        addresses: [node.addresses.v4, node.addresses.v6],
      })),
      warnings,
    },
  };
}

function importUsers(
  before: ControlState,
  { users }: HeadscaleRecords,
  baseDomain: string,
  warnings: string[],
): { state: ControlState; users: Map<number, UserRecord>; added: string[] } {
  let state = before;
  const byNumber = new Map<number, UserRecord>();
  const added: string[] = [];
  for (const { id, name, displayName } of users) {
    try {
      const names = checkUserNames(name, baseDomain, displayName === '' ? undefined : displayName);
      if (findUser(state, TAILNET, names.loginName) === undefined) added.push(names.loginName);
      const made = ensureUser(state, TAILNET, names.loginName, names.displayName);
      state = made.state;
      byNumber.set(id, made.user);
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      warnings.push(`user ${name}: left out with its machines: ${error.message}`);
    }
  }
  return { state, users: byNumber, added };
}

/** A text: why it was left out. */
function importNode(
  before: ControlState,
  given: HeadscaleNode,
  context: Context,
): { readonly state: ControlState; readonly node: NodeRecord } | string {
  const machineKey = parsePublicKey('machine', given.machineKey);
  const nodeKey = parsePublicKey('node', given.nodeKey);
  if (machineKey === undefined || nodeKey === undefined) return 'left out: its keys make no sense';
  if (before.nodeIdByKey.has(nodeKey)) return 'is here already';
  if (before.nodes.size >= nodesMax) return 'left out: this server is full';
  const tags = [...new Set(given.tags.filter(isTag))].sort();
  const owner = given.userId === undefined ? undefined : context.users.get(given.userId);
  if (tags.length === 0 && owner === undefined) return 'left out: it has no owner and no tags';
  const index = indexOf(before, given, context);
  if (index === undefined) return 'left out: no address is free';
  const { NetInfo, ...hostInfo } = given.hostInfo;
  const discoKey = parsePublicKey('disco', given.discoKey);
  const node: NodeRecord = {
    id: before.nextNodeId,
    kind: 'machine',
    // Clients keep their exit node by it.
    stableId: stableIdOf(before, given),
    tailnet: TAILNET,
    machineKey,
    nodeKey,
    discoKey: discoKey === undefined || isZeroKey(discoKey) ? undefined : discoKey,
    userId: tags.length > 0 ? 0 : (owner?.id ?? 0),
    tags,
    authKeyId: undefined,
    ephemeral: given.ephemeral,
    addresses: addressesOf(index),
    ...nameFor(before, given, context),
    hostName: given.hostName,
    hostInfo,
    netInfo: asObject(NetInfo),
    endpoints: given.endpoints.flatMap((text) => {
      const endpoint = parseEndpoint(text);
      return endpoint === undefined ? [] : [{ endpoint, type: 0 }];
    }),
    approvedRoutes: routesOf(given, context),
    capVersion: 0,
    createdAt: given.createdAt ?? context.wall,
    keyExpiry: given.expiry,
    lastSeen: given.lastSeen,
  };
  const tailnet = tailnetOf(before, TAILNET);
  const lastAddressIndex = Math.max(tailnet.lastAddressIndex, index);
  const counted = { ...before, nextNodeId: before.nextNodeId + 1 };
  return { state: withNode(withTailnet(counted, { ...tailnet, lastAddressIndex }), node), node };
}

/** Its own number when that is in our range and free. */
function indexOf(
  state: ControlState,
  given: HeadscaleNode,
  { warnings }: Context,
): number | undefined {
  const isTaken = indexTaker(state, TAILNET);
  const v4 = parseAddress(given.ipv4);
  const v6 = parseAddress(given.ipv6);
  if (v4 !== undefined && !v4.includes(':')) {
    const index = addressIndex({ v4, v6: v6 ?? v4 });
    const isOurs = index >= 0 && index < INDEXES && !isReserved(index);
    if (isOurs && !isTaken(index)) {
      const own = addressesOf(index).v6;
      if (v6 !== own) warnings.push(`${nameOf(given)}: its IPv6 address becomes ${own}`);
      return index;
    }
  }
  const index = allocateIndex(tailnetOf(state, TAILNET).lastAddressIndex, isTaken);
  if (index !== undefined) {
    const { v4: next } = addressesOf(index);
    const why = given.ipv4 === '' ? 'it had no IPv4 address' : `${given.ipv4} can't be kept`;
    warnings.push(`${nameOf(given)}: ${why}, its addresses become ${next}`);
  }
  return index;
}

function nameFor(
  state: ControlState,
  given: HeadscaleNode,
  { baseDomain, warnings }: Context,
): Pick<NodeRecord, 'label' | 'labelGiven'> {
  const labels = new Set(nodesOf(state, TAILNET).map((node) => node.label));
  const wanted = given.givenName === '' ? given.hostName : given.givenName;
  const label = uniqueLabel(dnsLabel(wanted), baseDomain, (one) => labels.has(one));
  if (label !== wanted) warnings.push(`${nameOf(given)}: its name becomes ${label}`);
  return { label, labelGiven: label !== dnsLabel(given.hostName) };
}

function stableIdOf(state: ControlState, { id }: HeadscaleNode): string {
  const taken = new Set([...state.nodes.values()].map(({ stableId }) => stableId));
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? String(id) : `${id}-${number}`;
    if (!taken.has(candidate)) return candidate;
  }
}

function routesOf(given: HeadscaleNode, { warnings }: Context): readonly Prefix[] {
  const routes = given.approvedRoutes.flatMap((text) => parsePrefix(text) ?? []);
  if (routes.length < given.approvedRoutes.length) {
    warnings.push(`${nameOf(given)}: approved routes that make no sense were left out`);
  }
  return [...new Set(routes)].sort();
}

/** What has no place here, and what to do about it. */
function leftOut({ keys, apiKeys, hasPolicy }: HeadscaleRecords, context: Context): string[] {
  const usable = keys.filter(
    ({ reusable, used, expiresAt }) =>
      (reusable || !used) && (expiresAt === undefined || expiresAt > context.wall),
  );
  const lines = usable
    .slice(0, KEYS_NAMED_MAX)
    .map((key) => `pre-auth key ${describeKey(key, context)}: only its hash is known`);
  if (usable.length > KEYS_NAMED_MAX) {
    lines.push(`${usable.length - KEYS_NAMED_MAX} more pre-auth keys: only their hashes are known`);
  }
  if (usable.length > 0) lines.push('make keys anew with `warren control keys create`');
  if (apiKeys > 0) {
    lines.push(`${apiKeys} API keys: make tokens anew with \`warren control tokens create\``);
  }
  if (hasPolicy) {
    lines.push(
      'its policy is in its database: `headscale policy get` prints it, `warren control policy set` takes it',
    );
  }
  return lines;
}

function describeKey(
  { prefix, userId, tags, reusable, expiresAt }: HeadscaleKey,
  { users }: Context,
): string {
  const owner = userId === undefined ? undefined : users.get(userId)?.loginName;
  const words = [
    owner ?? tags.join(','),
    ...(reusable ? ['reusable'] : []),
    ...(expiresAt === undefined ? [] : [`until ${formatRfc3339(expiresAt)}`]),
  ];
  return `${prefix} (${words.filter((word) => word !== '').join(', ')})`;
}

function nameOf({ givenName, hostName, id }: HeadscaleNode): string {
  return givenName || hostName || `node ${id}`;
}
