/** `warren control`'s lists: keys without their secrets, waiting logins, nodes, users. */
import type {
  AuthKeyInfo,
  LoginInfo,
  NodeInfo,
  SshCheckInfo,
  UserInfo,
} from '@warren/servers/control/admin-types';
import { formatAge } from './duration.js';
import { printable } from './printable.js';
import { renderTable } from './table.js';

/** `in 23h`, `3d ago`, or `never`. */
export function formatMoment(iso: string | null, nowMs: number): string {
  const atMs = iso === null ? Number.NaN : Date.parse(iso);
  if (Number.isNaN(atMs)) return 'never';
  return atMs > nowMs ? `in ${formatAge(atMs - nowMs)}` : `${formatAge(nowMs - atMs)} ago`;
}

function keyKind(key: AuthKeyInfo): string {
  const words = [
    key.reusable ? 'reusable' : 'once',
    ...(key.ephemeral ? ['ephemeral'] : []),
    ...(key.purpose === 'approve' ? ['code'] : []),
  ];
  return words.join(',');
}

function keyState(key: AuthKeyInfo): string {
  if (key.usable) return 'usable';
  return key.usedAt !== null && !key.reusable ? 'used' : 'ended';
}

/** Lines of `warren control keys list`. */
export function renderKeys(keys: readonly AuthKeyInfo[], nowMs: number): string[] {
  return renderTable([
    ['ID', 'USER', 'KIND', 'CREATED', 'EXPIRES', 'STATE', 'TAGS'],
    ...keys.map((key) => [
      printable(key.id),
      printable(key.user),
      keyKind(key),
      formatMoment(key.createdAt, nowMs),
      formatMoment(key.expiresAt, nowMs),
      keyState(key),
      printable(key.tags.join(',')),
    ]),
  ]);
}

/** Lines of `warren control logins list`. */
export function renderLogins(logins: readonly LoginInfo[], nowMs: number): string[] {
  return renderTable([
    ['ID', 'HOST NAME', 'SYSTEM', 'KEY', 'FROM', 'ENDS', 'TAGS'],
    ...logins.map((login) => [
      printable(login.id),
      printable(login.hostName),
      printable(login.os),
      printable(login.fingerprint),
      printable(login.source),
      formatMoment(login.expiresAt, nowMs),
      printable(login.tags.join(',')),
    ]),
  ]);
}

/** Lines of `warren control ssh-checks list`. */
export function renderSshChecks(checks: readonly SshCheckInfo[], nowMs: number): string[] {
  return renderTable([
    ['ID', 'FROM', 'USER', 'TO', 'AS', 'ENDS'],
    ...checks.map((check) => [
      printable(check.id),
      printable(check.source),
      printable(check.user),
      printable(check.target),
      printable(check.localUser),
      formatMoment(check.expiresAt, nowMs),
    ]),
  ]);
}

function nodeState(node: NodeInfo, nowMs: number): string {
  if (node.expired) return 'expired';
  if (node.kind === 'wireguard') return 'plain WireGuard';
  if (node.online) return 'online';
  return node.lastSeen === null
    ? 'offline'
    : `offline, last seen ${formatMoment(node.lastSeen, nowMs)}`;
}

/** Lines of `warren control nodes list`. */
export function renderNodes(nodes: readonly NodeInfo[], nowMs: number): string[] {
  return renderTable([
    ['ID', 'NAME', 'USER', 'ADDRESSES', 'STATE'],
    ...nodes.map((node) => [
      String(node.id),
      printable(node.name),
      printable(node.user),
      printable(node.addresses.join(',')),
      nodeState(node, nowMs),
    ]),
  ]);
}

/** Lines of `warren control users list`. */
export function renderUsers(users: readonly UserInfo[]): string[] {
  return renderTable([
    ['ID', 'NAME', 'DISPLAY NAME', 'NODES', 'KEYS'],
    ...users.map((user) => [
      String(user.id),
      printable(user.name),
      printable(user.displayName),
      String(user.nodes),
      String(user.usableKeys),
    ]),
  ]);
}

function routeState(route: string, { routes }: NodeInfo): string {
  if (!routes.announced.includes(route)) return 'approved, not announced';
  if (!routes.served.includes(route)) return 'waits for approval';
  const byWhom = routes.approved.includes(route) ? '' : ', by the policy';
  if (/\/0$/.test(route)) return `exit node${byWhom}`;
  return routes.carried.includes(route) ? `carried${byWhom}` : `ready, another carries it${byWhom}`;
}

/** Lines of `warren control nodes routes`. */
export function renderRoutes(nodes: readonly NodeInfo[]): string[] {
  return renderTable([
    ['ID', 'NAME', 'ROUTE', 'STATE'],
    ...nodes.flatMap((node) =>
      [...new Set([...node.routes.announced, ...node.routes.approved])].map((route) => [
        String(node.id),
        printable(node.name),
        printable(route),
        routeState(route, node),
      ]),
    ),
  ]);
}
