/** `warren control policy`: who may do what on a hub; checks need none, and use the machines of one that runs. */
import { resolve } from 'node:path';
import type { PolicyCheckInfo } from '@warren/servers/control/admin-types';
import { readFileStrict } from '@warren/shell/files/atomic-file';
import type { Command } from 'commander';
import type { AdminClient } from '../../admin-client.js';
import type { CliContext } from '../../context.js';
import { CliError } from '../../errors.js';
import { EXIT_FAILED } from '../../exit-codes.js';
import { describe } from '../../help-text.js';
import { loadPart } from '../../optional-package.js';
import { renderPolicyCheck, renderPolicyStatus } from '../../render/policy-lines.js';
import { clientOf, type JsonOption } from './shared.js';

interface CheckOptions extends JsonOption {
  readonly offline: boolean;
}

/** No hub to ask, or none that this user may ask: the file is checked by itself. */
const WITHOUT_HUB: readonly string[] = ['HUB_ABSENT', 'RIGHTS'];

/** By the hub, with its machines; undefined: there is none to ask. */
async function checkOnHub(client: AdminClient, text: string): Promise<PolicyCheckInfo | undefined> {
  try {
    return await client.checkPolicy(text);
  } catch (error) {
    if (error instanceof CliError && WITHOUT_HUB.includes(error.code)) return undefined;
    throw error;
  }
}

async function check(
  file: string,
  options: CheckOptions,
  client: AdminClient,
  context: CliContext,
): Promise<void> {
  const bytes = readFileStrict(resolve(file), 'the policy');
  const { checkPolicy } = await loadPart(
    '@warren/servers',
    () => import('@warren/servers/control/policy/check-policy'),
  );
  const alone = checkPolicy(file, bytes, undefined);
  // What is no policy by itself is none with machines either.
  const onHub =
    options.offline || (!alone.valid && alone.tests === 0)
      ? undefined
      : await checkOnHub(client, new TextDecoder().decode(bytes));
  const result = onHub ?? alone;
  if (options.json) context.terminal.printJson(result);
  else for (const line of renderPolicyCheck(file, result)) context.terminal.print(line);
  if (!result.valid) context.exitCode = EXIT_FAILED;
}

function defineCheck(policy: Command, context: CliContext): void {
  const command = policy
    .command('check')
    .description(
      'whether a file would be accepted: its words, its tests, and what a hub that runs makes of it',
    )
    .argument('<file>', 'HuJSON: JSON in which comments and trailing commas are allowed')
    .option('--offline', 'ask no hub: without its machines and users', false)
    .option('--json', 'as JSON', false)
    .action((file: string, options: CheckOptions) =>
      check(file, options, clientOf(command, context), context),
    );
  describe(
    command,
    [
      ['warren control policy check policy.hujson', 'each problem with its line'],
      [
        'warren control policy check policy.hujson --offline --json',
        'in a pipeline, away from the hub',
      ],
    ],
    [
      [0, 'a hub would accept it'],
      [1, 'a hub would refuse it, or the file can not be read'],
    ],
  );
}

function defineSet(policy: Command, context: CliContext): void {
  const command = policy
    .command('set')
    .description('put a policy in place of the one that holds, on a hub that follows no file')
    .argument('<file>', 'HuJSON: JSON in which comments and trailing commas are allowed')
    .option('--json', 'the policy that holds then as JSON', false)
    .action(async (file: string, { json }: JsonOption) => {
      const bytes = readFileStrict(resolve(file), 'the policy');
      const text = new TextDecoder().decode(bytes);
      const info = await clientOf(command, context).setPolicy(text);
      if (json) context.terminal.printJson(info);
      else for (const line of renderPolicyStatus(info, Date.now())) context.terminal.print(line);
    });
  describe(command, [
    ['warren control policy set policy.hujson', 'when its words and tests are right'],
  ]);
}

function defineClear(policy: Command, context: CliContext): void {
  const command = policy
    .command('clear')
    .description('forget the policy: everybody may talk to everybody')
    .option('--json', 'what holds then as JSON', false)
    .action(async ({ json }: JsonOption) => {
      const info = await clientOf(command, context).setPolicy(null);
      if (json) context.terminal.printJson(info);
      else context.terminal.note('There is no policy any more: everybody may talk to everybody.');
    });
  describe(command, [['warren control policy clear', '']]);
}

export function definePolicy(control: Command, context: CliContext): void {
  const policy = control.command('policy').description('who may do what').helpCommand(false);
  defineCheck(policy, context);
  const show = policy
    .command('show')
    .description('the policy that holds, as its file was written')
    .option(
      '--json',
      'with its file, when it was accepted, and what is wrong with the file now',
      false,
    )
    .action(async ({ json }: JsonOption) => {
      const info = await clientOf(show, context).policy();
      if (json) context.terminal.printJson(info);
      else if (info.text !== null) context.terminal.print(info.text.replace(/\n$/, ''));
      else context.terminal.note('There is no policy: everybody may talk to everybody.');
    });
  describe(show, [
    ['warren control policy show', 'as it was accepted'],
    ['warren control policy show > policy.hujson', 'back into a file'],
  ]);
  const status = policy
    .command('status')
    .description('whether the file holds as it is now')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: JsonOption) => {
      const info = await clientOf(status, context).policy();
      if (json) context.terminal.printJson(info);
      else for (const line of renderPolicyStatus(info, Date.now())) context.terminal.print(line);
      if (info.problems.length > 0) context.exitCode = EXIT_FAILED;
    });
  describe(
    status,
    [['warren control policy status', 'after the file was changed']],
    [
      [0, 'the file holds, or there is none'],
      [1, 'the file is refused, and what was accepted before it holds'],
    ],
  );
  defineSet(policy, context);
  defineClear(policy, context);
  describe(policy, [
    ['warren control policy check policy.hujson', 'before it counts'],
    ['warren control policy status', 'after it was changed'],
  ]);
}
