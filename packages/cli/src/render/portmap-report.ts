/** What the port mapper found, as people read it. */
import type {
  PortMapReport,
  ProtocolReportJson,
  RouterReportJson,
} from '@warren/node/local-api/portmap-report';
import { formatAge } from './duration.js';
import { printable } from './printable.js';
import { renderTable } from './table.js';

const NAMES = { pcp: 'PCP', natpmp: 'NAT-PMP', upnp: 'UPnP' } as const;

export function renderPortMap(report: PortMapReport): string[] {
  if (!report.enabled) return ['Port mapping is switched off: routers are not asked.'];
  const lines = report.routers.flatMap(routerLines);
  if (lines.length === 0) lines.push('No default route leads to a router.');
  const { seen, cgnat } = report;
  if (seen !== null) lines.push(`servers see ${printable(seen)}`);
  if (cgnat === true)
    lines.push("a carrier's NAT stands before the router: a port opened there lets nobody in");
  return lines;
}

function routerLines({
  family,
  gateway,
  self,
  internalPort,
  protocols,
}: RouterReportJson): string[] {
  const port = internalPort === null ? '' : `, UDP port ${internalPort}`;
  const title = `router ${printable(gateway)}, over IPv${family} (this machine: ${printable(self)}${port})`;
  if (internalPort === null) {
    return [title, '  not asked: no UDP port is open; `warren up` opens one'];
  }
  return [title, ...renderTable(protocols.flatMap(protocolRows))];
}

function protocolRows(protocol: ProtocolReportJson): string[][] {
  const [first = '-', ...more] = details(protocol);
  const rows = [[`  ${NAMES[protocol.protocol]}`, protocol.state, first]];
  for (const detail of more) rows.push(['', '', detail]);
  return rows;
}

function details({ state, mapping, error, retryInMs, ...of }: ProtocolReportJson): string[] {
  const lines: string[] = [];
  if (mapping !== null) lines.push(mappingText(mapping));
  if (error !== null) lines.push(printable(error));
  if (retryInMs !== null) lines.push(`tried again in ${formatAge(retryInMs)}`);
  if (state === 'looking' && lines.length === 0) lines.push('no answer yet');
  if (of.externalAddress !== null) lines.push(`external address ${printable(of.externalAddress)}`);
  if (of.epoch !== null) {
    const { seconds, toldAgoMs } = of.epoch;
    lines.push(`has kept its mappings for ${formatAge(seconds * 1000 + toldAgoMs)}`);
  }
  for (const device of of.devices) lines.push(`service ${printable(device)}`);
  return lines;
}

function mappingText(mapping: NonNullable<ProtocolReportJson['mapping']>): string {
  const { external, lifetimeMs, renewsInMs, expiresInMs } = mapping;
  const words = [
    printable(external),
    lifetimeMs === null ? 'permanent' : `granted for ${formatAge(lifetimeMs)}`,
  ];
  if (renewsInMs !== null) words.push(`renewed in ${formatAge(renewsInMs)}`);
  if (expiresInMs !== null) words.push(`runs out in ${formatAge(expiresInMs)}`);
  if (!mapping.public) words.push('not public: another NAT stands before the router');
  return words.join(', ');
}
