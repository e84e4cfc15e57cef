/** `warren debug`: what the parts of the running node know, for when something is not as expected. */
import type { PortMapReport } from '@warren/node/local-api/portmap-report';
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { EXIT_DONE } from '../exit-codes.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { socketPathOf } from '../options.js';
import { renderCiphers } from '../render/cipher-report.js';
import { renderPortMap } from '../render/portmap-report.js';
import { viaOfPrefix, viaOfSite } from '../render/via.js';

const EXIT_NOT_MAPPED = 1;
const EXIT_NO_CIPHER = 1;

/** 0: some protocol has a mapping that is not known to be dead. */
export function portMapOutcome({ routers }: PortMapReport): number {
  const states = routers.flatMap(({ protocols }) => protocols.map(({ state }) => state));
  return states.includes('mapped') ? EXIT_DONE : EXIT_NOT_MAPPED;
}

function definePortMap(debug: Command, context: CliContext): void {
  const command = debug
    .command('portmap')
    .description('which routers map ports by which protocols, and what is mapped')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: { readonly json: boolean }) => {
      const client = new LocalClient(socketPathOf(command), context.signal);
      const report = await client.portMap();
      context.exitCode = portMapOutcome(report);
      if (json) context.terminal.printJson(report);
      else for (const line of renderPortMap(report)) context.terminal.print(line);
    });
  describe(
    command,
    [
      ['warren debug portmap', 'asks the routers anew; takes up to six seconds'],
      ['warren debug portmap --json', '{"enabled":true,"seen":"203.0.113.9:41641",...}'],
    ],
    [
      [0, 'a port is mapped'],
      [1, 'none is'],
    ],
    [
      ['mapped', 'by this protocol; peers are told when strangers could use it'],
      ['ready', 'it answers; another protocol maps, or nothing is to be mapped'],
      ['dead', 'the mapping stands and nothing comes through it'],
      ['failed', 'no answer, or a refusal'],
    ],
  );
}

function defineCrypto(debug: Command, context: CliContext): void {
  const command = debug
    .command('crypto')
    .description('which cipher packets go through on this machine, and how fast each is')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: { readonly json: boolean }) => {
      const [{ reportCiphers }, { CIPHER_VARIABLE }] = await Promise.all([
        import('@warren/node/crypto/cipher-report'),
        import('@warren/node/crypto/choose-cipher'),
      ]);
      const clock = (): bigint => process.hrtime.bigint();
      const report = await reportCiphers(process.env[CIPHER_VARIABLE], clock);
      context.exitCode = report.chosen === undefined ? EXIT_NO_CIPHER : EXIT_DONE;
      if (json) context.terminal.printJson(report);
      else for (const line of renderCiphers(report)) context.terminal.print(line);
    });
  describe(
    command,
    [
      ['warren debug crypto', 'checks and measures here, without a daemon; takes about a second'],
      ['WARREN_CRYPTO=evp warren debug crypto', 'what a daemon with this setting would take'],
    ],
    [
      [0, 'a cipher is usable'],
      [1, 'none is, or not the one of WARREN_CRYPTO'],
    ],
    [
      ['raw', 'inner functions of the OpenSSL in Node'],
      ['evp', "OpenSSL's public interface"],
      ['node', 'node:crypto; works everywhere'],
    ],
  );
}

function defineVia(debug: Command, context: CliContext): void {
  const command = debug
    .command('via')
    .description('IPv6 networks that stand for IPv4 ones of sites, both ways')
    .argument('<site-or-prefix>', 'number of a site, or an IPv6 prefix that stands for a network')
    .argument('[network]', 'IPv4 network of the site, such as 10.1.1.0/24')
    .option('--json', 'as JSON', false)
    .action((first: string, second: string | undefined, { json }: { readonly json: boolean }) => {
      const via = second === undefined ? viaOfPrefix(first) : viaOfSite(first, second);
      if (json) context.terminal.printJson(via);
      else if (second === undefined) context.terminal.print(`site ${via.site}, ${via.network}`);
      else context.terminal.print(via.prefix);
    });
  describe(command, [
    ['warren debug via 7 10.1.1.0/24', 'fd7a:115c:a1e0:b1a:0:7:a01:100/120'],
    ['warren debug via fd7a:115c:a1e0:b1a:0:7:a01:100/120', 'site 7, 10.1.1.0/24'],
  ]);
}

export function defineDebug(command: Command, context: CliContext): void {
  definePortMap(command, context);
  defineCrypto(command, context);
  defineVia(command, context);
}
