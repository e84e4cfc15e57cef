/**
 * A lite update (POST /machine/map with Stream=false, OmitPeers=true) onto the node that sent it: endpoints,
 * disco key, host information. What repeats the known gives the very same record, so nobody is told.
 */
import { sameJson } from '../../base/json.js';
import { dnsLabel, uniqueLabel } from './names.js';
import type { MapRequest, ReportedHost } from './requests.js';
import { type ControlState, type NodeRecord, nodesOf, withNode } from './state.js';

/** The label that a new host name gives; the present one when it still serves or an operator gave it. */
export function relabel(
  state: ControlState,
  node: NodeRecord,
  hostName: string,
  baseDomain: string,
): string {
  if (node.labelGiven || dnsLabel(hostName) === dnsLabel(node.hostName)) return node.label;
  return derivedLabel(state, node, hostName, baseDomain);
}

/** The label that a host name gives, beside those of all other nodes. */
export function derivedLabel(
  state: ControlState,
  node: NodeRecord,
  hostName: string,
  baseDomain: string,
): string {
  const labels = new Set(
    nodesOf(state, node.tailnet)
      .filter((other) => other.id !== node.id)
      .map((other) => other.label),
  );
  return uniqueLabel(dnsLabel(hostName), baseDomain, (label) => labels.has(label));
}

function withHost(
  state: ControlState,
  node: NodeRecord,
  host: ReportedHost,
  baseDomain: string,
): NodeRecord {
  return {
    ...node,
    label: relabel(state, node, host.hostName, baseDomain),
    hostName: host.hostName,
    hostInfo: sameJson(node.hostInfo, host.hostInfo) ? node.hostInfo : host.hostInfo,
    // Some clients send NetInfo only when it changed; without it the node would lose its home relay.
    netInfo:
      host.netInfo === undefined || sameJson(node.netInfo, host.netInfo)
        ? node.netInfo
        : host.netInfo,
  };
}

/** The state with `node` updated; the same object when the request changed nothing. */
export function applyLiteUpdate(
  state: ControlState,
  node: NodeRecord,
  request: MapRequest,
  baseDomain: string,
): ControlState {
  const hosted =
    request.host === undefined ? node : withHost(state, node, request.host, baseDomain);
  const next: NodeRecord = {
    ...hosted,
    // Simple clients send a zero disco key; it never replaces a known one.
    discoKey: request.discoKey ?? node.discoKey,
    endpoints: sameJson(node.endpoints, request.endpoints) ? node.endpoints : request.endpoints,
    capVersion: request.version,
  };
  const isSame = (Object.keys(next) as (keyof NodeRecord)[]).every(
    (field) => next[field] === node[field],
  );
  return isSame ? state : withNode(state, next);
}
