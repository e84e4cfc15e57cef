/**
 * How a node reaches its peers, as it tells control in a lite update (`WarrenPaths`): for people who look after a
 * network. Official servers ignore the field; it is never handed on to peers.
 *
 *     [{"Peer":"nodekey:...","Path":"direct","Endpoint":"203.0.113.7:41641","Ms":31.5,"Loss":0.01,"Rx":9,"Tx":7}]
 */
import { asArray, asInteger, asObject, asString, type JsonValue } from '../base/json.js';
import type { RegionId } from '../engines/paths.js';
import { type Endpoint, parseEndpoint } from '../ip/address.js';
import { formatPublicKey, type NodeKey, parsePublicKey } from '../keys/keys.js';
import { tokenLengthMax } from './limits.js';

/** Peers of one report: those in use. More would be load without a reader. */
export const pathReportsMax = 64;
/** Above it a round trip is a broken clock. */
const latencyMaxMs = 600_000;

export interface PathReport {
  readonly peer: NodeKey;
  /** What data takes; `none`: no way is known. */
  readonly path: 'direct' | 'relay' | 'none';
  /** Of a direct path: the peer's side. */
  readonly endpoint: Endpoint | undefined;
  /** Of a relayed one. */
  readonly regionId: RegionId | undefined;
  readonly latencyMs: number | undefined;
  /** Share of lost pings, 0 to 1. */
  readonly loss: number | undefined;
  readonly rxBytes: number;
  readonly txBytes: number;
}

function rounded(value: number | undefined, steps: number): number | undefined {
  return value === undefined ? undefined : Math.round(value * steps) / steps;
}

/** At most {@link pathReportsMax} of them. */
export function encodePathReports(reports: readonly PathReport[]): JsonValue {
  return reports.slice(0, pathReportsMax).map((report) => ({
    Peer: formatPublicKey('node', report.peer),
    Path: report.path,
    Endpoint: report.endpoint,
    Region: report.regionId,
    Ms: rounded(report.latencyMs, 100),
    Loss: rounded(report.loss, 1000),
    Rx: report.rxBytes,
    Tx: report.txBytes,
  }));
}

function asNumber(value: unknown, max: number): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= max ? value : undefined;
}

function decodePathReport(value: unknown): PathReport | undefined {
  const report = asObject(value);
  const peer = parsePublicKey('node', asString(report?.['Peer'], tokenLengthMax) ?? '');
  const path = (['direct', 'relay', 'none'] as const).find((word) => word === report?.['Path']);
  if (report === undefined || peer === undefined || path === undefined) return undefined;
  const endpoint = parseEndpoint(asString(report['Endpoint'], tokenLengthMax) ?? '');
  return {
    peer,
    path,
    endpoint: path === 'direct' ? endpoint : undefined,
    regionId: path === 'relay' ? asInteger(report['Region'], 1) : undefined,
    latencyMs: asNumber(report['Ms'], latencyMaxMs),
    loss: asNumber(report['Loss'], 1),
    rxBytes: asInteger(report['Rx'], 0) ?? 0,
    txBytes: asInteger(report['Tx'], 0) ?? 0,
  };
}

/** Undefined: it reports none, as stock clients do. A peer that is named twice counts once. */
export function decodePathReports(value: unknown): readonly PathReport[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const byPeer = new Map<NodeKey, PathReport>();
  for (const entry of asArray(value).slice(0, pathReportsMax)) {
    const report = decodePathReport(entry);
    if (report !== undefined && !byPeer.has(report.peer)) byPeer.set(report.peer, report);
  }
  return [...byPeer.values()];
}
