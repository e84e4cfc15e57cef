/** What `warren control policy` prints: problems as compilers print them, then a summary. */
import type {
  PolicyCheckInfo,
  PolicyCounts,
  PolicyInfo,
  PolicyProblemInfo,
} from '@warren/servers/control/admin-types';
import { formatAge } from './duration.js';
import { printable } from './printable.js';

function problemLine(file: string, { line, column, problem }: PolicyProblemInfo): string {
  const place = [file, line, column].filter((part) => part !== null).join(':');
  return printable(`${place}: ${problem}`);
}

const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

function countsOf(counts: PolicyCounts): string {
  return [
    plural(counts.rules, 'rule'),
    plural(counts.groups, 'group'),
    plural(counts.tags, 'tag'),
    plural(counts.sshRules, 'ssh rule'),
  ].join(', ');
}

/** Lines of `warren control policy check`. */
export function renderPolicyCheck(file: string, check: PolicyCheckInfo): string[] {
  const warnings = check.warnings.map((warning) => printable(`warning: ${warning}`));
  if (!check.valid) {
    return [
      ...check.problems.map((problem) => problemLine(file, problem)),
      ...warnings,
      'A hub would refuse it.',
    ];
  }
  const tests =
    check.tests === 0
      ? 'It has no tests.'
      : `Its ${plural(check.tests, 'test passes', 'tests pass')}.`;
  const onHub =
    check.nodes === null
      ? 'No hub was asked: users and machines were not looked at.'
      : `Of ${plural(check.nodes, 'machine')} on the hub, ${plural(check.pairs ?? 0, 'pair')} would see each other.`;
  return [...warnings, `It is a policy: ${countsOf(check)}. ${tests}`, onHub];
}

/** Lines of `warren control policy status`. */
export function renderPolicyStatus(info: PolicyInfo, nowMs: number): string[] {
  if (info.text === null) return ['There is no policy: everybody may talk to everybody.'];
  const file = printable(info.file ?? "The policy of the hub's database");
  const age = formatAge(Math.max(0, nowMs - Date.parse(info.acceptedAt ?? '')));
  const holds = `${countsOf(info)}, ${plural(info.tests, 'test')}, accepted ${age} ago`;
  const warnings = info.warnings.map((warning) => printable(`warning: ${warning}`));
  if (info.problems.length === 0) return [`${file} holds: ${holds}.`, ...warnings];
  return [
    `${file} is refused as it is now; what was accepted before holds: ${holds}.`,
    ...info.problems.map((problem) => problemLine(info.file ?? '', problem)),
    ...warnings,
  ];
}
