/** A verdict of `why` as the local API tells it. Pure. */
import type { FamilyDescription, NatDescription } from '@warren/core/netmap/nat-description';
import type { PeerPathStatus } from '@warren/core/path-engine/io';
import type { Verdict } from '@warren/core/why/verdict';
import type { HistoryEntry } from '../local-api/protocol.js';
import type { WhyFamily, WhyNat, WhyReport } from '../local-api/why-report.js';

export interface WhyContext {
  readonly selfName: string;
  readonly peerName: string;
  readonly status: PeerPathStatus | undefined;
  readonly regionCode: (regionId: number) => string;
  readonly history: readonly HistoryEntry[];
}

export function whyJson(verdict: Verdict, context: WhyContext): WhyReport {
  return {
    verdict: verdict.verdict,
    reason: verdict.reason,
    rule: verdict.rule,
    selfName: context.selfName,
    peerName: context.peerName,
    self: verdict.self === undefined ? null : natJson(verdict.self),
    peer: verdict.peer === undefined ? null : natJson(verdict.peer),
    path: pathJson(context),
    notes: verdict.notes,
    attempts: verdict.attempts.map(({ latencyMs, error, ...attempt }) => ({
      ...attempt,
      latencyMs: rounded(latencyMs),
      error: error ?? null,
    })),
    callsSent: verdict.callsSent,
    callsReceived: verdict.callsReceived,
    fixes: verdict.fixes,
    history: context.history,
  };
}

function pathJson({ status, regionCode }: WhyContext): WhyReport['path'] {
  const path = status?.path;
  if (path === undefined) return null;
  return {
    kind: path.kind,
    endpoint: path.kind === 'direct' ? path.remote : null,
    relay: path.kind === 'relay' ? regionCode(path.regionId) : null,
    latencyMs: rounded(status?.latencyMs),
  };
}

function natJson(nat: NatDescription): WhyNat {
  const { portMapping } = nat;
  return {
    class: nat.class,
    ipv4: familyJson(nat.ipv4),
    ipv6: familyJson(nat.ipv6),
    cgnat: nat.cgnat ?? null,
    nat64: nat.nat64 ?? null,
    portMapping: {
      upnp: portMapping.upnp ?? null,
      natpmp: portMapping.natpmp ?? null,
      pcp: portMapping.pcp ?? null,
      external: portMapping.external ?? null,
    },
    reachable: nat.reachable,
  };
}

function familyJson(family: FamilyDescription): WhyFamily {
  return {
    works: family.works,
    mapping: family.mapping ?? null,
    filtering: family.filtering ?? null,
    portAllocation: family.portAllocation ?? null,
    portDelta: family.portDelta ?? null,
    portRange: family.portRange ?? null,
    lifetimeMs: family.lifetimeMs ?? null,
    hairpin: family.hairpin ?? null,
    mapped: family.mapped ?? null,
  };
}

/** To a hundredth of a millisecond. */
function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 100) / 100;
}
