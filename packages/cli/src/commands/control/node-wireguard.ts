/** `warren control nodes add-wireguard` and `wireguard-config`: machines that run plain WireGuard. */
import { PRIVATE_KEY_LINE } from '@warren/core/control/server/wireguard-config';
import { generatePrivateKey, publicKeyOf } from '@warren/core/keys/keys';
import { formatWireGuardKey, formatWireGuardPrivateKey } from '@warren/core/keys/wireguard-key';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { createNodeRandom } from '@warren/shell/random/node-random';
import type { Command } from 'commander';
import type { CliContext } from '../../context.js';
import { CliError } from '../../errors.js';
import { describe } from '../../help-text.js';
import { collect } from '../../options.js';
import { clientOf, type JsonOption, NODE, NODE_HELP, nodeIdOf } from './shared.js';

interface AddOptions extends JsonOption {
  readonly publicKey?: string;
  readonly generate: boolean;
  readonly endpoint?: string;
  readonly user?: string;
  readonly tag?: readonly string[];
}

interface KeyPair {
  readonly publicKey: string;
  readonly privateKey: string;
}

/** The private half never leaves this process but on stdout: the hub gets the public one. */
function makeKeyPair(): KeyPair {
  const privateKey = generatePrivateKey('node', createNodeRandom());
  return {
    publicKey: formatWireGuardKey(publicKeyOf(createNodeCrypto(), 'node', privateKey)),
    privateKey: formatWireGuardPrivateKey(privateKey),
  };
}

export function defineAddWireGuard(nodes: Command, context: CliContext): void {
  const command = nodes
    .command('add-wireguard')
    .description('add a machine that runs plain WireGuard, and print its file for wg-quick')
    .argument('<name>', 'letters, digits and hyphens; nobody else may have it')
    .option('--public-key <key>', "of the machine's own key pair, as `wg pubkey` prints it")
    .option('--generate', 'make the key pair here; its private key is shown this once', false)
    .option(
      '--endpoint <address:port>',
      'where it is reached (default: it comes to the others, and is found where it comes from)',
    )
    .option('--user <name>', 'who owns it; made when new (default: owner)')
    .option('--tag <tag>', 'tag:name in place of an owner; repeatable', collect)
    .option('--json', 'the node and its file as JSON', false)
    .action(async (name: string, options: AddOptions) => {
      if ((options.publicKey === undefined) !== options.generate) {
        throw new CliError(
          'USAGE',
          'give --public-key or --generate',
          'see the examples under --help',
        );
      }
      const pair = options.generate ? makeKeyPair() : undefined;
      const { endpoint, user, tag } = options;
      const added = await clientOf(command, context).addWireGuard({
        name,
        publicKey: pair?.publicKey ?? options.publicKey ?? '',
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(user === undefined ? {} : { user }),
        ...(tag === undefined ? {} : { tags: tag }),
      });
      const config =
        pair === undefined
          ? added.config
          : added.config.replace(PRIVATE_KEY_LINE, PRIVATE_KEY_LINE + pair.privateKey);
      if (options.json) context.terminal.printJson({ ...added, config });
      else context.terminal.print(config.trimEnd());
    });
  describe(command, [
    [
      'warren control nodes add-wireguard phone --generate > phone.conf',
      'key pair and all; the key is nowhere else',
    ],
    [
      'warren control nodes add-wireguard router --public-key nPb…= --endpoint 203.0.113.7:51820',
      'a machine that others reach',
    ],
    ['warren control nodes add-wireguard cam --public-key nPb…= --tag tag:camera', 'nobody’s'],
  ]);
}

export function defineWireGuardConfig(nodes: Command, context: CliContext): void {
  const command = nodes
    .command('wireguard-config')
    .description(
      'print the file of a plain WireGuard machine as it is now, without its private key',
    )
    .argument(NODE, NODE_HELP)
    .option('--json', 'the node and its file as JSON', false)
    .action(async (wanted: string, { json }: JsonOption) => {
      const client = clientOf(command, context);
      const info = await client.wireguardConfig(await nodeIdOf(client, wanted));
      if (json) context.terminal.printJson(info);
      else context.terminal.print(info.config.trimEnd());
    });
  describe(command, [
    ['warren control nodes wireguard-config phone', 'after machines came or went'],
  ]);
}
