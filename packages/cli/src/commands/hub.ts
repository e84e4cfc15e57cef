/** `warren hub`: control and relay on one port in the foreground, and the line that joins machines. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RunningHub } from '@warren/servers/control/run-hub';
import { FileError } from '@warren/shell/errors';
import { readFileStrict } from '@warren/shell/files/atomic-file';
import { type Command, Option } from 'commander';
import type { CliContext } from '../context.js';
import { growHeapSlowly } from '../heap-growth.js';
import { describe } from '../help-text.js';
import { loadPart } from '../optional-package.js';
import { collect, DEFAULT_ADMIN_SOCKET_PATH } from '../options.js';
import { renderHubReady } from '../render/server-lines.js';
import {
  addServerOptions,
  requireServerPorts,
  type ServerOptions,
  serverParts,
} from '../server-options.js';
import { parseLife } from './control/shared.js';

/** The first key: for all machines of the day on which the hub is set up. */
const FIRST_KEY_LIFE_MS = 86_400_000;

export interface HubOptions extends ServerOptions {
  readonly derpRegionFile?: readonly string[];
  readonly derpMapUrl?: readonly string[];
  readonly derpMapFile?: readonly string[];
  readonly baseDomain?: string;
  readonly policyFile?: string;
  readonly nodeKeyExpiry: number | 'never';
  readonly dnsFile?: string;
  readonly adminSocket: string;
  readonly newKey: boolean;
  /** False with --no-relay. */
  readonly relay: boolean;
}

/** A relay's region as its file has it; the hub judges it. */
function readRegion(file: string): unknown {
  const text = Buffer.from(readFileStrict(file, "the relay's region file")).toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new FileError(
      'FILE_CORRUPT',
      file,
      `the region file is not JSON: ${file}`,
      'Give the derp-region.json that `warren relay` wrote into its state directory.',
      cause,
    );
  }
}

/** The directory of a socket below /run vanishes at reboot. */
function ensureSocketDirectory(socketPath: string): void {
  try {
    mkdirSync(dirname(socketPath), { recursive: true, mode: 0o755 });
  } catch {
    // Listening on it says what is wrong, with the path.
  }
}

/** A key for the line to paste: on the very first start, and when asked for. */
async function firstKey(hub: RunningHub, wanted: boolean): Promise<string | undefined> {
  const isFirstStart = hub.admin.listAuthKeys().length === 0 && hub.admin.listNodes().length === 0;
  if (!wanted && !isFirstStart) return undefined;
  const order = { reusable: true, expiresInMs: FIRST_KEY_LIFE_MS };
  return (await hub.admin.createAuthKey(order)).key;
}

/** Runs a hub, or with `relay: false` control alone, until it is told to end. */
export async function runHubCommand(given: HubOptions, context: CliContext): Promise<void> {
  const options = { ...given, stun: given.stun && given.relay };
  requireServerPorts(options);
  growHeapSlowly();
  const extraRegions = (options.derpRegionFile ?? []).map(readRegion);
  context.isServer = true;
  const { runHub } = await loadPart(
    '@warren/servers',
    () => import('@warren/servers/control/run-hub'),
  );
  ensureSocketDirectory(options.adminSocket);
  const hub = await runHub({
    ...(await serverParts(options, context)),
    extraRegions,
    derpMaps: [
      ...(options.derpMapUrl ?? []).map((place) => ({ kind: 'url', place }) as const),
      ...(options.derpMapFile ?? []).map((place) => ({ kind: 'file', place }) as const),
    ],
    relay: options.relay,
    baseDomain: options.baseDomain,
    policyFile: options.policyFile,
    nodeKeyLifeMs: options.nodeKeyExpiry === 'never' ? undefined : options.nodeKeyExpiry,
    dnsFile: options.dnsFile,
    adminSocket: options.adminSocket,
  });
  const ready = {
    url: hub.url,
    stunPort: hub.stunPort ?? null,
    adminSocket: options.adminSocket,
    authKey: (await firstKey(hub, options.newKey)) ?? null,
    reissued: hub.reissued ?? null,
  };
  // Before it says that it is up: whoever reads that may send the signal at once.
  const stopListening = rereadOnHangUp(hub, options, context);
  if (options.json) context.terminal.printJsonLine({ ready });
  else for (const line of renderHubReady(ready)) context.terminal.print(line);
  await hub.closed;
  stopListening();
}

/** SIGHUP: the region files are read again; when one makes no sense, the old regions stay. */
function rereadOnHangUp(hub: RunningHub, options: HubOptions, context: CliContext): () => void {
  const reread = (): void => {
    try {
      hub.setExtraRegions((options.derpRegionFile ?? []).map(readRegion));
      context.terminal.note('The relay regions were read again.');
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown';
      context.terminal.note(`The relay regions stay as they were: ${reason}`);
    }
  };
  process.on('SIGHUP', reread);
  return () => process.off('SIGHUP', reread);
}

/** What a hub and control alone have in common, besides the flags of every server. */
export function addControlOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--derp-region-file <file>',
        'region file of another relay, for everybody; read again on SIGHUP; repeatable',
      ).argParser(collect),
    )
    .addOption(
      new Option(
        '--derp-map-url <url>',
        'relay map of others, for everybody; read again every 3 hours and on SIGHUP; repeatable',
      ).argParser(collect),
    )
    .addOption(
      new Option(
        '--derp-map-file <file>',
        'the same as a file, over those of addresses: adds, replaces and (null) removes regions; repeatable',
      ).argParser(collect),
    )
    .option('--base-domain <domain>', "suffix of the machines' names (default: warren.internal)")
    .option(
      '--policy-file <file>',
      'who may do what, read again when it changes (default: everybody may talk to everybody)',
    )
    .option(
      '--dns-file <file>',
      'MagicDNS, nameservers and records for everybody, read again when it changes',
    )
    .addOption(
      new Option(
        '--node-key-expiry <duration>',
        "how long a person's machine stays in before it has to log in again; tagged ones stay; or never",
      )
        .argParser(parseLife)
        .default('never'),
    )
    .option('--new-key', 'make and print another key to join with', false);
}

export function defineHub(command: Command, context: CliContext): void {
  addServerOptions(command, { kind: 'hub', regionId: 900, regionName: 'Hub' });
  addControlOptions(command)
    .option('--no-relay', 'no relay and no STUN here: machines use those of --derp-region-file')
    .addOption(
      new Option('--admin-socket <path>', 'unix socket for `warren control`').default(
        DEFAULT_ADMIN_SOCKET_PATH,
      ),
    )
    .action((options: HubOptions) => runHubCommand(options, context));
  describe(command, [
    ['warren hub', 'TCP 443 and UDP 3478; prints the line for the other machines'],
    ['warren hub --host hub.example.net --new-key', 'under a name, with a fresh key'],
    [
      'warren hub --host hub.example.net --tls-cert fullchain.pem --tls-key privkey.pem',
      'with a certificate of an authority, as telephones want it',
    ],
    ['warren hub --listen :8443 --derp-region-file /root/west.json', 'with a second relay'],
    [
      'warren hub --derp-map-url https://controlplane.tailscale.com/derpmap/default',
      "beside Tailscale's relays",
    ],
    ['warren hub --policy-file /etc/warren/policy.hujson', 'not everybody to everybody'],
    ['warren hub --no-relay --derp-region-file /root/west.json', 'with that relay alone'],
  ]);
}
