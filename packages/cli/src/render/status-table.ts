/**
 * `warren status` for people: a row per machine (first address, name, user, OS, state), then what is
 * wrong. Columns and state words follow `tailscale status`.
 */
import type { PeerStatus, SelfStatus, StatusReport } from '@warren/node/local-api/protocol';
import { formatAge } from './duration.js';
import { printable } from './printable.js';
import { renderTable } from './table.js';

export interface StatusView {
  /** Rows of peers at all. */
  readonly peers: boolean;
  /** Only peers sent to lately. */
  readonly activeOnly: boolean;
  /** Wall clock for "last seen". */
  readonly nowMs: number;
  /** This machine's OS, as Tailscale spells it. */
  readonly os: string;
}

/** Base name of `fqdn`, or the quoted host name when the network gives none. */
function displayName(fqdn: string, hostName: string): string {
  const base = fqdn.split('.', 1)[0] ?? '';
  return printable(base === '' ? `"${hostName}"` : base);
}

/** The part before the `@` with the `@`: rows stay short and a login stays recognisable. */
function displayUser(login: string): string {
  if (login === '') return '-';
  const at = login.indexOf('@');
  return printable(at < 0 ? login : login.slice(0, at + 1));
}

function offlineText(peer: PeerStatus, nowMs: number): string {
  const seenMs = typeof peer.lastSeen === 'string' ? Date.parse(peer.lastSeen) : Number.NaN;
  return Number.isNaN(seenMs) ? 'offline' : `offline, last seen ${formatAge(nowMs - seenMs)} ago`;
}

function roleOf({ exitNode, exitNodeOption }: PeerStatus): string {
  if (exitNode === true) return 'exit node';
  return exitNodeOption === true ? 'offers exit node' : '';
}

/** `-`, `idle`, `active; direct 192.0.2.7:41641`, `offline, last seen 3h ago`, with counters if any. */
export function peerState(peer: PeerStatus, nowMs: number): string {
  const moved = peer.rxBytes !== 0 || peer.txBytes !== 0;
  const offline = peer.online === false ? offlineText(peer, nowMs) : '';
  const role = roleOf(peer);
  const way: string[] = [];
  if (peer.active) {
    way.push('active');
    if (peer.path === 'direct') way.push(`direct ${printable(peer.endpoint ?? '?')}`);
    else if (peer.path === 'relay') way.push(`relay "${printable(peer.relay ?? '?')}"`);
  } else if (moved || role !== '') {
    way.push('idle');
  }
  if (role !== '') way.splice(1, 0, role);
  if (offline !== '') way.push(offline);
  const state = way.length === 0 ? '-' : way.join('; ');
  return moved ? `${state}, tx ${peer.txBytes} rx ${peer.rxBytes}` : state;
}

function selfRow(self: SelfStatus, os: string): string[] {
  const [first = '-'] = self.addresses;
  return [printable(first), displayName(self.name, self.hostName), displayUser(self.user), os, '-'];
}

function peerRow(peer: PeerStatus, nowMs: number): string[] {
  const [first = '-'] = peer.addresses;
  return [
    printable(first),
    displayName(peer.name, peer.hostName),
    displayUser(peer.user),
    peer.os === '' ? '-' : printable(peer.os),
    peerState(peer, nowMs),
  ];
}

/** Health sentences as comments, after the rows. */
function healthLines(health: readonly string[]): string[] {
  if (health.length === 0) return [];
  return ['', '# Health check:', ...health.map((sentence) => `#     - ${printable(sentence)}`)];
}

/** What a person configured, so that they see it has arrived. */
function staticLines({ self, settings }: StatusReport): string[] {
  const { staticEndpoints } = settings;
  if (self === null || staticEndpoints.length === 0) return [];
  return ['', `# Static endpoints: ${staticEndpoints.map(printable).join(', ')}`];
}

/** What is announced, and which of it peers may use. */
function routeLines({ self }: StatusReport): string[] {
  const { announcedRoutes = [], servedRoutes = [] } = self ?? {};
  if (announcedRoutes.length === 0) return [];
  const waiting = announcedRoutes.filter((route) => !servedRoutes.includes(route));
  return [
    '',
    `# Announced routes: ${announcedRoutes.map(printable).join(', ')}`,
    ...(waiting.length === 0
      ? []
      : [`#     not approved at the control server: ${waiting.map(printable).join(', ')}`]),
  ];
}

/** All lines for a running node. */
export function renderStatus(report: StatusReport, view: StatusView): string[] {
  const rows: string[][] = [];
  if (report.self !== null) rows.push(selfRow(report.self, view.os));
  if (view.peers) {
    for (const peer of report.peers) {
      if (!view.activeOnly || peer.active) rows.push(peerRow(peer, view.nowMs));
    }
  }
  return [
    ...renderTable(rows),
    ...staticLines(report),
    ...routeLines(report),
    ...healthLines(report.health),
  ];
}

/** The sentence for a node that doesn't run, or undefined when it does. */
export function notRunningSentence(report: StatusReport): string | undefined {
  switch (report.state) {
    case 'Running':
      return undefined;
    case 'Stopped':
      return 'Warren is stopped.';
    case 'NeedsLogin':
      return report.authUrl === null
        ? 'Logged out.'
        : `Logged out.\nLog in at: ${printable(report.authUrl)}`;
    case 'NeedsMachineAuth':
      return 'This machine is not yet approved by the administrator of the network.';
    case 'Starting':
      return 'Warren is starting.';
  }
}
