/** `warren control tokens`: what programs, and people elsewhere, use a hub's admin API with. */
import type { ApiTokenRequest } from '@warren/servers/control/admin-types';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CliContext } from '../../context.js';
import { describe } from '../../help-text.js';
import { renderTokens } from '../../render/api-tables.js';
import { clientOf, type JsonOption, parseLife } from './shared.js';

/** As servers' control/api/scopes.ts has them, and says what they are. */
const SCOPES: ApiTokenRequest['scopes'] = ['read', 'nodes', 'keys', 'users', 'policy', 'all'];
/** A quarter. */
const DEFAULT_EXPIRY_MS = 90 * 86_400_000;

/** One scope more. */
function collectScope(
  text: string,
  before: ApiTokenRequest['scopes'] | undefined,
): ApiTokenRequest['scopes'] {
  const scope = SCOPES.find((one) => one === text);
  if (scope !== undefined) return [...(before ?? []), scope];
  throw new InvalidArgumentError(`there are ${SCOPES.join(', ')}.`);
}

interface CreateOptions extends JsonOption {
  readonly scope: ApiTokenRequest['scopes'];
  readonly expiry: number | 'never';
  readonly description?: string;
}

function defineCreate(tokens: Command, context: CliContext): void {
  const command = tokens
    .command('create')
    .description('make a token; it is shown once and never stored')
    .addOption(
      new Option('--scope <scope>', 'read, nodes, keys, users, policy or all; repeatable')
        .argParser(collectScope)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--expiry <duration>', 'how long it is good; or never')
        .argParser(parseLife)
        .default(DEFAULT_EXPIRY_MS, '90d'),
    )
    .option('--description <text>', 'what it is for')
    .option('--json', 'the token and its properties as JSON', false)
    .action(async (options: CreateOptions) => {
      const client = clientOf(command, context);
      const created = await client.createToken({
        scopes: options.scope,
        expiresInMs: options.expiry === 'never' ? null : options.expiry,
        ...(options.description === undefined ? {} : { description: options.description }),
      });
      if (options.json) {
        context.terminal.printJson(created);
        return;
      }
      // The token alone on stdout, for > token; it is shown this once.
      context.terminal.print(created.token);
      context.terminal.note('On another machine, with the token in a file:');
      const url = await client.pinnedUrl();
      context.terminal.note(`  warren control --server '${url}' --token-file FILE nodes list`);
    });
  describe(command, [
    ['warren control tokens create --scope read > token', 'for a dashboard'],
    [
      'warren control tokens create --scope nodes --scope keys --expiry 7d',
      'for a week of scripts',
    ],
    ["warren control tokens create --scope all --description 'Ann, laptop'", 'an operator'],
  ]);
}

export function defineTokens(control: Command, context: CliContext): void {
  const tokens = control
    .command('tokens')
    .description('what programs use the admin API with')
    .helpCommand(false);
  defineCreate(tokens, context);
  const list = tokens
    .command('list')
    .description('all tokens, without their secrets')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: JsonOption) => {
      const all = await clientOf(list, context).listTokens();
      if (json) context.terminal.printJson(all);
      else for (const line of renderTokens(all, Date.now())) context.terminal.print(line);
    });
  describe(list, [['warren control tokens list', 'the newest last']]);
  const revoke = tokens
    .command('revoke')
    .description('end a token now')
    .argument('<id>', 'as `warren control tokens list` shows it')
    .option('--json', 'the ended token as JSON', false)
    .action(async (id: string, { json }: JsonOption) => {
      const ended = await clientOf(revoke, context).revokeToken(id);
      if (json) context.terminal.printJson(ended);
      else context.terminal.note(`The token ${ended.id} opens nothing any more.`);
    });
  describe(revoke, [['warren control tokens revoke k3n9x2m4p7qa', '']]);
  describe(tokens, [['warren control tokens create --scope read', 'a token that only looks']]);
}
