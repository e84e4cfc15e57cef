/** The text of `warren why`: the verdict, both NATs side by side, what was tried, and what to change. */
import type {
  WhyAttempt,
  WhyFamily,
  WhyFix,
  WhyNat,
  WhyReport,
} from '@warren/node/local-api/why-report';
import { printable } from './printable.js';
import { renderTable } from './table.js';

const INDENT = '  ';
/** Of the attempts; --json has them all. */
const ATTEMPTS_SHOWN = 8;
/** Of the history. */
const CHANGES_SHOWN = 3;

const VERDICT_WORDS: Readonly<Record<WhyReport['verdict'], string>> = {
  direct: 'is reached directly',
  relayed: 'is reached through a relay',
  unreachable: 'is not reached',
};

const SOURCE_WORDS: Readonly<Record<WhyAttempt['sources'][number], string>> = {
  map: 'told by control',
  'call-me-maybe': 'told by the peer',
  'their-ping': 'it came from there',
};

function way({ path }: WhyReport): string {
  if (path === null) return '';
  const place = path.kind === 'direct' ? path.endpoint : path.relay;
  const latency = path.latencyMs === null ? '' : `, ${path.latencyMs} ms`;
  return place === null ? '' : ` (${printable(place)}${latency})`;
}

function word(value: string | boolean | null): string {
  if (value === null) return 'unknown';
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : printable(value);
}

function ports({ portAllocation, portDelta, portRange }: WhyFamily): string {
  const step = portAllocation === 'sequential' && portDelta !== null ? ` by ${portDelta}` : '';
  const range = portRange === null ? '' : ` of ${portRange.low}-${portRange.high}`;
  return `${word(portAllocation)}${step}${range}`;
}

function portMapping({ portMapping: { upnp, natpmp, pcp, external } }: WhyNat): string {
  if (external !== null) return printable(external);
  const asked = { UPnP: upnp, 'NAT-PMP': natpmp, PCP: pcp };
  const found = Object.entries(asked).flatMap(([name, here]) => (here === true ? [name] : []));
  if (found.length > 0) return `${found.join(', ')}, no mapping`;
  return Object.values(asked).includes(null) ? 'unknown' : 'none';
}

function families({ ipv4, ipv6, nat64 }: WhyNat): string {
  const names = [
    ...(ipv4.works ? ['IPv4'] : []),
    ...(ipv6.works ? ['IPv6'] : []),
    ...(nat64 === null ? [] : ['NAT64']),
  ];
  return names.length === 0 ? 'no UDP' : names.join(', ');
}

/** What is told of each end, a row per property. */
const ROWS: readonly (readonly [string, (nat: WhyNat) => string])[] = [
  ['class', (nat) => nat.class],
  ['families', families],
  ['mapping', ({ ipv4, ipv6 }) => word((ipv4.works ? ipv4 : ipv6).mapping)],
  ['filtering', ({ ipv4, ipv6 }) => word((ipv4.works ? ipv4 : ipv6).filtering)],
  ['ports', ({ ipv4, ipv6 }) => ports(ipv4.works ? ipv4 : ipv6)],
  ['carrier NAT', ({ cgnat }) => word(cgnat)],
  ['port mapping', portMapping],
  [
    'reachable',
    ({ reachable }) => (reachable.length === 0 ? 'no' : reachable.map(printable).join(' ')),
  ],
];

function natTable(report: WhyReport): string[] {
  const cell = (nat: WhyNat | null, show: (nat: WhyNat) => string): string =>
    nat === null ? 'unknown' : show(nat);
  const head = ['', `${printable(report.selfName)} (here)`, printable(report.peerName)];
  const rows = ROWS.map(([name, show]) => [name, cell(report.self, show), cell(report.peer, show)]);
  return renderTable([head, ...rows]).map((line) => `${INDENT}${line}`);
}

function outcome({ pingsSent, pongs, latencyMs, error, inUse }: WhyAttempt): string {
  const tried = pingsSent === 0 ? 'not tried' : `${pongs} of ${pingsSent} pings answered`;
  const latency = latencyMs === null ? '' : `, ${latencyMs} ms`;
  const failure = error === null ? '' : `, ${error}`;
  return `${tried}${latency}${failure}${inUse ? ', in use' : ''}`;
}

function calls(count: number): string {
  return count === 1 ? '1 call' : `${count} calls`;
}

function attemptLines({ attempts, callsSent, callsReceived }: WhyReport): string[] {
  if (attempts.length === 0 && callsSent + callsReceived === 0) return [];
  const rows = attempts
    .slice(0, ATTEMPTS_SHOWN)
    .map((attempt) => [
      `${INDENT}${printable(attempt.endpoint)}`,
      attempt.sources.map((source) => SOURCE_WORDS[source]).join(', '),
      outcome(attempt),
    ]);
  const more = attempts.length - rows.length;
  return [
    '',
    `What was tried (${calls(callsSent)} to the peer over the relay, ${callsReceived} from it):`,
    ...renderTable(rows),
    ...(more > 0 ? [`${INDENT}and ${more} more`] : []),
  ];
}

function fixLines({ fixes }: WhyReport): string[] {
  if (fixes.length === 0) return [];
  const line = ({ do: text, effect }: WhyFix, index: number): string =>
    `${INDENT}${index + 1}. ${printable(text)}${effect === null ? '' : ` [${printable(effect)}]`}`;
  return ['', 'What to change, the surest first [and the path that it gives]:', ...fixes.map(line)];
}

function historyLines({ history }: WhyReport): string[] {
  if (history.length === 0) return [];
  const rows = history.slice(-CHANGES_SHOWN).map(({ at, kind, from, to, cause }) => {
    const what = `${word(from ?? 'none')} -> ${word(to ?? 'none')}`;
    return [`${INDENT}${printable(at)}`, kind === 'nat' ? `NAT ${what}` : what, printable(cause)];
  });
  return ['', 'Latest changes:', ...renderTable(rows)];
}

/** The first line is the verdict. */
export function renderWhy(report: WhyReport): string[] {
  return [
    `${printable(report.peerName)} ${VERDICT_WORDS[report.verdict]}${way(report)}: ${report.rule}`,
    printable(report.reason),
    ...report.notes.map(({ text }) => printable(text)),
    '',
    ...natTable(report),
    ...attemptLines(report),
    ...historyLines(report),
    ...fixLines(report),
  ];
}
