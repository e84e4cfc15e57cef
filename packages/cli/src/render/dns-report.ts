/** `warren dns` for people, in the sections that users of Tailscale know. */
import type { DnsQueryReport, DnsStatusReport } from '@warren/node/local-api/dns-report';
import { printable } from './printable.js';
import { renderTable } from './table.js';

function list(title: string, entries: readonly string[], none = '(none)'): string[] {
  const shown = entries.length === 0 ? [none] : entries;
  return [`${title}:`, ...shown.map((entry) => `  - ${printable(entry)}`)];
}

function routeLines(routes: DnsStatusReport['routes']): string[] {
  return Object.entries(routes).map(
    ([suffix, to]) => `${suffix} -> ${to.length === 0 ? 'answered here' : to.join(', ')}`,
  );
}

function useLines({ acceptDns }: DnsStatusReport): string[] {
  return acceptDns
    ? [
        'DNS settings of the network: used.',
        "`warren set --accept-dns=false` leaves this system's DNS alone.",
      ]
    : [
        'DNS settings of the network: not used.',
        '`warren set --accept-dns` uses them; names are answered on 100.100.100.100 all the same.',
      ];
}

function networkLines(status: DnsStatusReport): string[] {
  const { magicDns, suffix, selfName } = status;
  const suffixText = suffix === null ? '' : ` (suffix = ${printable(suffix)})`;
  return [
    '',
    '=== From the control server ===',
    `MagicDNS: ${magicDns ? `on${suffixText}` : 'off'}`,
    ...(selfName === null ? [] : [`This machine: ${printable(selfName)}`]),
    ...list('Resolvers, in this order', status.resolvers, "(none: the system's own are used)"),
    ...(status.fallbackResolvers.length === 0
      ? []
      : list('Resolvers where the system has none', status.fallbackResolvers)),
    ...list('Split DNS', routeLines(status.routes)),
    ...list('Search domains', status.searchDomains),
    ...(status.certDomains.length === 0 ? [] : list('Domains of certificates', status.certDomains)),
    ...(status.extraRecords.length === 0
      ? []
      : list(
          'Extra records',
          status.extraRecords.map(({ name, type, value }) => `${name} ${type} ${value}`),
        )),
  ];
}

function systemLines({ system, listening }: DnsStatusReport): string[] {
  return [
    '',
    '=== On this system ===',
    ...list('The resolver answers on', listening, '(nowhere)'),
    `Set by: ${system.isSet ? (system.manager ?? 'unknown') : 'nobody, left as it is'}`,
    ...(system.isSet
      ? [
          ...list('Nameservers', system.nameservers),
          ...list('Search domains', system.searchDomains),
          ...list('For names under', system.matchDomains ?? [], '(all)'),
        ]
      : []),
    ...list("The system's own resolvers", system.ownResolvers),
  ];
}

/** All that `warren dns status` prints. */
export function renderDnsStatus(status: DnsStatusReport): string[] {
  return [...useLines(status), ...networkLines(status), ...systemLines(status)];
}

/** All that `warren dns query` prints. */
export function renderDnsQuery(report: DnsQueryReport): string[] {
  const { name, type, rcode, local, upstreams, answers } = report;
  const asked = local || upstreams.length === 0 ? [] : list('Resolvers', upstreams);
  const rows = answers.map((answer) => [
    `${printable(answer.name)}.`,
    String(answer.ttl),
    answer.class === 1 ? 'IN' : String(answer.class),
    answer.type,
    printable(answer.data),
  ]);
  return [
    `DNS query for "${printable(name)}" (${type}), answered ${local ? 'by the network itself' : 'by resolvers'}:`,
    ...asked,
    `Response code: ${rcode}`,
    ...(rows.length === 0
      ? ['No records.']
      : ['', ...renderTable([['Name', 'TTL', 'Class', 'Type', 'Body'], ...rows])]),
  ];
}
