/**
 * The text of `warren netcheck`: Tailscale's fields in Tailscale's order, so that eyes find what they know,
 * with the class of NAT and what to do about it.
 */
import type { FamilyNatReport, NatReport } from '@warren/node/local-api/nat-report';
import type {
  CheckedEndpoint,
  NetcheckReport,
  RelayLatency,
} from '@warren/node/local-api/netcheck-report';
import { printable } from './printable.js';

/** The longest name of a field, and the space after it. */
const NAME_WIDTH = 18;
const INDENT = '  ';
const RELAY_INDENT = '     ';

const CLASS_WORDS: Readonly<Record<NatReport['class'], string>> = {
  none: 'none (strangers reach this machine)',
  easy: 'easy (one mapping for all destinations)',
  hard: 'hard (another mapping for every destination)',
  unknown: 'unknown',
};

function field(name: string, value: string): string {
  return `${INDENT}${name.padEnd(NAME_WIDTH)}${value}`;
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}

function ipv4(report: NetcheckReport): string {
  if (!report.ipv4) return 'no';
  return report.globalV4 === null ? 'yes, no address' : `yes, ${printable(report.globalV4)}`;
}

function ipv6(report: NetcheckReport): string {
  if (report.ipv6) {
    return report.globalV6 === null ? 'yes, no address' : `yes, ${printable(report.globalV6)}`;
  }
  if (report.osHasIPv6 === null) return 'no';
  return report.osHasIPv6 ? 'no, but supported by the system' : 'no, and unavailable in the system';
}

function nat({ nat: { class: kind, mapping }, endpoints, udp }: NetcheckReport): string {
  if (kind === 'unknown') return udp ? 'unknown (one STUN server alone)' : 'unknown (no UDP)';
  if (kind === 'easy' && mapping === 'none') {
    const isShut = endpoints.some(({ type, verified }) => type === 'stun' && verified === 'no');
    return isShut ? 'easy (public address behind a firewall)' : 'easy (public address)';
  }
  return CLASS_WORDS[kind];
}

const DEPENDENCE_WORDS = {
  none: 'none',
  'endpoint-independent': 'independent of the endpoint',
  'address-dependent': 'by address',
  'address-and-port-dependent': 'by address and port',
  'endpoint-dependent': 'by endpoint',
} as const;

function ports({ portAllocation, portDelta, portRange }: FamilyNatReport): string[] {
  if (portAllocation === null) return [];
  if (portAllocation === 'preserving') return ['ports kept'];
  if (portAllocation === 'sequential') {
    return [`ports in sequence (${(portDelta ?? 0) > 0 ? '+' : ''}${portDelta ?? '?'})`];
  }
  return [portRange === null ? 'random ports' : `random ports ${portRange.low}-${portRange.high}`];
}

/** What is known beyond the class; empty: nothing. */
function natDetails(of: FamilyNatReport): string {
  const { mapping, filtering, hairpin, lifetimeMs, tablePressure } = of;
  return [
    ...(mapping === null ? [] : [`mapping ${DEPENDENCE_WORDS[mapping]}`]),
    ...(filtering === null ? [] : [`filtering ${DEPENDENCE_WORDS[filtering]}`]),
    ...ports(of),
    ...(hairpin === null ? [] : [hairpin ? 'hairpin' : 'no hairpin']),
    ...(lifetimeMs === null ? [] : [`idle mappings last ${Math.round(lifetimeMs / 1000)} s`]),
    ...(tablePressure === true ? ['few flows fit'] : []),
  ].join(', ');
}

/** Lines on the NAT that are worth showing. */
function natRows({ nat: of }: NetcheckReport): string[] {
  const rows: string[] = [];
  const details = natDetails(of);
  if (details !== '') rows.push(field('nat details', details));
  const ofIpv6 = of.ipv6 === null ? '' : natDetails(of.ipv6);
  if (ofIpv6 !== '' && ofIpv6 !== details) rows.push(field('ipv6 details', ofIpv6));
  if (of.cgnat === true) rows.push(field('carrier nat', 'yes'));
  if (of.nat64 !== null) rows.push(field('nat64', printable(of.nat64)));
  return rows;
}

/** The services that answer, and where they let strangers in; what is wrong with one that is there but doesn't map. */
function portMapping({ portMapping: found }: NetcheckReport): string {
  const protocols = [
    ['UPnP', 'upnp'],
    ['NAT-PMP', 'natpmp'],
    ['PCP', 'pcp'],
  ] as const;
  if (protocols.every(([, key]) => found[key] === null)) return 'not checked';
  const there = protocols.filter(([, key]) => found[key] === true);
  const names = there.map(([name]) => name).join(', ');
  const external = found.external === null ? '' : `, mapped to ${found.external}`;
  const troubles = there.flatMap(([name, key]) => {
    const error = found.errors[key];
    return error === undefined ? [] : [`; ${name}: ${error}`];
  });
  return names === '' ? 'none' : `${names}${external}${troubles.join('')}`;
}

function nearest({ preferredRelay, relays }: NetcheckReport): string {
  if (preferredRelay === null) return 'unknown (no response to latency probes)';
  const name = relays.find(({ region }) => region === preferredRelay)?.name ?? '';
  return printable(name === '' ? preferredRelay : name);
}

function relayRows(relays: readonly RelayLatency[]): string[] {
  const latencies = relays.map(({ latencyMs }) =>
    latencyMs === null ? '' : `${latencyMs.toFixed(1)}ms`,
  );
  const codeWidth = Math.max(0, ...relays.map(({ region }) => printable(region).length));
  const latencyWidth = Math.max(0, ...latencies.map(({ length }) => length));
  return relays.map(({ region, name, method }, index) => {
    const latency = (latencies[index] ?? '').padStart(latencyWidth);
    const how = method === 'https' ? ' (HTTPS)' : '';
    const code = printable(region).padEnd(codeWidth);
    return `${RELAY_INDENT}${code}  ${latency}  ${printable(name)}${how}`.trimEnd();
  });
}

function endpointRows(endpoints: readonly CheckedEndpoint[]): string[] {
  const width = Math.max(0, ...endpoints.map(({ addr }) => printable(addr).length));
  const proof = {
    yes: ', strangers reach it',
    'port-only': ', strangers may reach it',
    no: ', strangers do not reach it',
  } as const;
  return endpoints.map(
    ({ addr, type, verified }) =>
      `${RELAY_INDENT}${printable(addr).padEnd(width)}  ${type}${verified === null ? '' : proof[verified]}`,
  );
}

/** The lines; `verbose` adds what only a search for a fault needs. */
export function renderNetcheck(report: NetcheckReport, verbose: boolean): string[] {
  const { captivePortal, mappingVariesByDestIP: varies } = report;
  const lines = [
    'Report',
    field('time', report.at),
    field('udp', yesNo(report.udp)),
    field('ipv4', ipv4(report)),
    field('ipv6', ipv6(report)),
    field('mapping varies', varies === null ? 'unknown' : yesNo(varies)),
    field('nat', nat(report)),
    ...natRows(report),
    field('port mapping', portMapping(report)),
    ...(captivePortal === null ? [] : [field('captive portal', yesNo(captivePortal))]),
    ...(report.proxy === null ? [] : [field('proxy', printable(report.proxy))]),
    field('nearest relay', nearest(report)),
    `${INDENT}relay latency`,
    ...relayRows(report.relays),
  ].map((line) => line.trimEnd());
  if (verbose) lines.push(`${INDENT}endpoints`, ...endpointRows(report.endpoints));
  if (report.advice.length > 0) {
    lines.push('', ...report.advice.map((sentence) => `# ${printable(sentence)}`));
  }
  return lines;
}
