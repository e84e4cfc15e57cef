/** A network check as the local API and `warren netcheck --json` tell it. Pure. */
import type { WallTime } from '@warren/core/base/instant';
import type { RegionId } from '@warren/core/engines/paths';
import { keepsPorts } from '@warren/core/netcheck/nat-class';
import type { NetcheckReport as CoreReport } from '@warren/core/netcheck/report';
import type { NetworkSummary } from '@warren/core/netcheck/summary';
import type { RelayMap } from '@warren/core/netmap/types';
import type { NetcheckReport, RelayLatency } from '../local-api/netcheck-report.js';
import { adviceOn } from './advice.js';
import { endpointTypeName } from './endpoint-types.js';
import { natJson } from './nat-json.js';

export function netcheckJson(
  summary: NetworkSummary,
  relayMap: RelayMap,
  wallNow: WallTime,
  nodePort: number | undefined = summary.udpPort,
  proxy: string | null = null,
): NetcheckReport {
  const { report, description } = summary;
  const nat = natJson(description);
  const { portMapping } = description;
  return {
    at: new Date(wallNow).toISOString(),
    udp: report.udp,
    ipv4: report.ipv4,
    ipv6: report.ipv6,
    osHasIPv6: summary.osHasIpv6 ?? null,
    globalV4: report.globalV4 ?? null,
    globalV6: report.globalV6 ?? null,
    mappingVariesByDestIP: report.mappingVariesByDestIp ?? null,
    nat: preservesPorts(summary) ? { ...nat, portAllocation: 'preserving', portDelta: 0 } : nat,
    portMapping: {
      upnp: portMapping.upnp ?? null,
      natpmp: portMapping.natpmp ?? null,
      pcp: portMapping.pcp ?? null,
      external: portMapping.external ?? null,
      errors: summary.portMapErrors ?? {},
    },
    captivePortal: report.captivePortal ?? null,
    proxy,
    relays: relayLatencies(report, relayMap),
    preferredRelay: preferredRelay(report, relayMap),
    endpoints: summary.endpoints.map(({ endpoint, type, verified }) => ({
      addr: endpoint,
      type: endpointTypeName(type),
      verified: verified ?? null,
    })),
    advice: adviceOn(summary, nodePort, proxy),
  };
}

/** Of a NAT that translates, before anything better is known; without one there is nothing to preserve. */
function preservesPorts({ report, nat, udpPort, description }: NetworkSummary): boolean {
  if (description.ipv4.portAllocation !== undefined) return false;
  if (nat.family !== 4 || nat.mapping === 'none') return false;
  return keepsPorts(report.observations, udpPort) === true;
}

/** A home that nobody measured is a habit or a throw of dice, and near to nothing. */
function preferredRelay(report: CoreReport, relayMap: RelayMap): string | null {
  const { homeRegion, regionLatencyMs, regionHttpsLatencyMs } = report;
  const isMeasured = regionLatencyMs.size + regionHttpsLatencyMs.size > 0;
  return homeRegion === undefined || !isMeasured ? null : codeOf(relayMap, homeRegion);
}

function codeOf(relayMap: RelayMap, regionId: RegionId): string {
  return relayMap.regions.get(regionId)?.code ?? String(regionId);
}

/** Every region of the map, the nearest first, unmeasured ones last. */
function relayLatencies(report: CoreReport, relayMap: RelayMap): readonly RelayLatency[] {
  const latencies = [...relayMap.regions.values()].map(({ id, code, name }): RelayLatency => {
    const stunMs = report.regionLatencyMs.get(id);
    const latencyMs = stunMs ?? report.regionHttpsLatencyMs.get(id);
    if (latencyMs === undefined) return { region: code, name, latencyMs: null, method: null };
    const method = stunMs === undefined ? 'https' : 'stun';
    return { region: code, name, latencyMs: Math.round(latencyMs * 100) / 100, method };
  });
  const orderOf = ({ latencyMs }: RelayLatency): number => latencyMs ?? Infinity;
  return latencies.sort((a, b) => {
    const [first, second] = [orderOf(a), orderOf(b)];
    return first === second ? (a.region < b.region ? -1 : 1) : first - second;
  });
}
