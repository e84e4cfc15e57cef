/** Tokens, the audit log and imports as people read them. */
import type {
  ApiTokenInfo,
  AuditInfo,
  HeadscaleImportInfo,
} from '@warren/servers/control/admin-types';
import { formatMoment } from './control-tables.js';
import { printable } from './printable.js';
import { renderTable } from './table.js';

/** Lines of `warren control tokens list`. */
export function renderTokens(tokens: readonly ApiTokenInfo[], nowMs: number): string[] {
  return renderTable([
    ['ID', 'SCOPES', 'CREATED', 'EXPIRES', 'USED', 'STATE', 'DESCRIPTION'],
    ...tokens.map((token) => [
      printable(token.id),
      printable(token.scopes.join(',')),
      formatMoment(token.createdAt, nowMs),
      formatMoment(token.expiresAt, nowMs),
      formatMoment(token.usedAt, nowMs),
      token.usable ? 'usable' : 'ended',
      printable(token.description),
    ]),
  ]);
}

/** Lines of `warren control audit`: the newest last, below which one types on. */
export function renderAudit(entries: readonly AuditInfo[]): string[] {
  return renderTable([
    ['TIME', 'WHO', 'ACTION', 'ON', 'OUTCOME', 'REQUEST'],
    ...[...entries]
      .reverse()
      .map(({ at, actor, action, target, outcome, detail }) => [
        at.slice(0, 19),
        printable(actor),
        printable(action),
        printable(target === '' ? '-' : target),
        printable(outcome),
        printable(detail),
      ]),
  ]);
}

/** Lines of `warren control import-headscale`. */
export function renderHeadscaleImport(report: HeadscaleImportInfo): string[] {
  const { users, nodes, warnings, dryRun } = report;
  const verb = dryRun ? 'would be' : 'were';
  return [
    ...(nodes.length === 0
      ? []
      : renderTable([
          ['NAME', 'OWNER', 'ADDRESSES'],
          ...nodes.map((node) => [
            printable(node.name),
            printable(node.owner),
            printable(node.addresses.join(',')),
          ]),
        ])),
    ...warnings.map((warning) => `note: ${printable(warning)}`),
    `${nodes.length} machines and ${users.length} new users ${verb} taken over.`,
  ];
}
