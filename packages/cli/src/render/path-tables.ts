/** The text of `warren control nodes paths`: who reaches whom how, and what changed lately. */
import type { PathChangeInfo, PathInfo, PathsInfo } from '@warren/servers/control/admin-types';
import { formatAge } from './duration.js';
import { printable } from './printable.js';
import { renderTable } from './table.js';

/** Of the history; --json has more. */
const CHANGES_SHOWN = 10;

function short(name: string): string {
  return printable(name.split('.', 1)[0] ?? name);
}

function ago(iso: string | null, nowMs: number): string {
  const atMs = iso === null ? Number.NaN : Date.parse(iso);
  return Number.isNaN(atMs) ? '-' : `${formatAge(Math.max(0, nowMs - atMs))} ago`;
}

function way({ path, endpoint, region }: PathInfo | PathChangeInfo): string {
  const place = endpoint ?? (region === null ? undefined : `region ${region}`);
  return place === undefined ? path : `${path} ${printable(place)}`;
}

function ms(latencyMs: number | null): string {
  return latencyMs === null ? '-' : `${latencyMs} ms`;
}

export function renderPaths({ present, history }: PathsInfo, nowMs: number): string[] {
  const rows = present.map((path) => [
    short(path.from),
    short(path.to),
    way(path),
    ms(path.latencyMs),
    path.loss === null ? '-' : `${Math.round(path.loss * 100)}%`,
    ago(path.at, nowMs),
  ]);
  const changes = history
    .slice(-CHANGES_SHOWN)
    .map((change) => [ago(change.at, nowMs), short(change.from), short(change.to), way(change)]);
  return [
    ...renderTable([['FROM', 'TO', 'PATH', 'ROUND TRIP', 'LOSS', 'TOLD'], ...rows]),
    ...(changes.length === 0 ? [] : ['', 'Latest changes:', ...renderTable(changes)]),
  ];
}
