/** `warren control ssh-checks`: SSH sessions that the policy lets in after somebody said yes. */
import type { SshCheckInfo } from '@warren/servers/control/admin-types';
import type { Command } from 'commander';
import type { CliContext } from '../../context.js';
import { describe } from '../../help-text.js';
import { renderSshChecks } from '../../render/control-tables.js';
import { clientOf, type JsonOption } from './shared.js';

const sentence = ({ source, target, localUser }: SshCheckInfo): string =>
  `${source} as ${localUser} on ${target}`;

function defineDecision(
  checks: Command,
  context: CliContext,
  verb: 'approve' | 'reject',
  description: string,
): void {
  const command = checks
    .command(verb)
    .description(description)
    .argument('<id>', 'as the session shows it')
    .option('--json', 'the check as JSON', false)
    .action(async (id: string, { json }: JsonOption) => {
      const check = await clientOf(command, context).decideSshCheck(id.trim(), verb);
      if (json) context.terminal.printJson(check);
      else if (verb === 'approve') context.terminal.note(`Let in: ${sentence(check)}.`);
      else context.terminal.note(`Turned away: ${sentence(check)}.`);
    });
  describe(command, [
    [`warren control ssh-checks ${verb} 4kq0…`, 'the id, as the session shows it'],
  ]);
}

export function defineSshChecks(control: Command, context: CliContext): void {
  const checks = control
    .command('ssh-checks')
    .description('SSH sessions that wait for a yes')
    .helpCommand(false);
  const list = checks
    .command('list')
    .description('all that wait; each for 15 minutes')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: JsonOption) => {
      const all = await clientOf(list, context).listSshChecks();
      if (json) context.terminal.printJson(all);
      else for (const line of renderSshChecks(all, Date.now())) context.terminal.print(line);
    });
  describe(list, [['warren control ssh-checks list', 'the one that waits longest first']]);
  defineDecision(
    checks,
    context,
    'approve',
    "let a session begin: ask the person first whether it is theirs; holds for the rule's checkPeriod",
  );
  defineDecision(checks, context, 'reject', 'turn a session away');
  describe(checks, [['warren control ssh-checks list', 'who wants in where']]);
}
