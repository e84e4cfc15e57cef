/**
 * What the lab needs of the computer, checked by trying: tools, rights to make namespaces, TUN, and something
 * that delays packets.
 */
import { spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from './errors.js';
import { installPackages } from './install.js';
import { cleanEnvironment, isRootless, toolPath, worldCommand } from './world/channel.js';

/** Something that is not there. */
export interface Missing {
  readonly what: string;
  /** Why the lab needs it. */
  readonly purpose: string;
  /** What brings it: a Debian package, or something to do. */
  readonly remedy: { readonly package: string } | { readonly action: string };
}

interface Tool {
  readonly name: string;
  readonly purpose: string;
  readonly package: string;
}

const tools: readonly Tool[] = [
  { name: 'ip', purpose: 'namespaces, links and routes', package: 'iproute2' },
  { name: 'tc', purpose: 'delays', package: 'iproute2' },
  { name: 'nft', purpose: 'NATs and firewalls', package: 'nftables' },
  { name: 'conntrack', purpose: 'the tables of the NATs', package: 'conntrack' },
  { name: 'unshare', purpose: 'making the world', package: 'util-linux' },
  { name: 'nsenter', purpose: 'running programs in machines', package: 'util-linux' },
  { name: 'setpriv', purpose: 'ending the world with its owner', package: 'util-linux' },
  { name: 'mount', purpose: 'files of the machines', package: 'mount' },
  { name: 'hostname', purpose: 'names of the machines', package: 'hostname' },
  { name: 'miniupnpd', purpose: 'routers that map ports', package: 'miniupnpd-nftables' },
  { name: 'tayga', purpose: 'networks with IPv6 alone', package: 'tayga' },
  { name: 'ping', purpose: 'knowing when the network is up', package: 'iputils-ping' },
];

const tunDevice = '/dev/net/tun';

/** A namespace takes milliseconds; a hang here is a broken computer. */
const trialMs = 20_000;

/** Whether a program is on the path of a world. */
export function findTool(name: string): boolean {
  return toolPath()
    .split(':')
    .some((directory) => {
      try {
        accessSync(join(directory, name), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Runs a shell script in an empty world; its stderr, or undefined when it went well. */
async function tryInWorld(script: string): Promise<string | undefined> {
  const [program, ...args] = [...worldCommand(false), 'sh', '-c', script];
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: cleanEnvironment(),
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: trialMs,
      killSignal: 'SIGKILL',
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => resolve(code === 0 ? undefined : said.trim() || 'it failed'));
  });
}

function checkTun(): Missing[] {
  try {
    closeSync(openSync(tunDevice, 'r+'));
    return [];
  } catch (error) {
    const denied = (error as NodeJS.ErrnoException).code === 'EACCES';
    return [
      {
        what: denied ? `rights to ${tunDevice}` : tunDevice,
        purpose: 'the network interface of each machine',
        remedy: { action: denied ? 'run it as root' : 'load the kernel module: modprobe tun' },
      },
    ];
  }
}

async function checkNamespaces(): Promise<Missing[]> {
  const failure = await tryInWorld('nft list ruleset');
  if (failure === undefined) return [];
  const [reason] = failure.split('\n');
  return [
    {
      what: `network namespaces with nftables (${reason ?? ''})`,
      purpose: 'machines and NATs',
      remedy: {
        action: isRootless()
          ? 'run it as root: this computer lets only root make them'
          : 'run it on a Linux machine or a privileged container, whose kernel has them',
      },
    },
  ];
}

async function checkDelays(): Promise<Missing[]> {
  try {
    await import('koffi');
    return [];
  } catch {
    const netem = await tryInWorld('tc qdisc add dev lo root netem delay 1ms');
    if (netem === undefined) return [];
    return [
      {
        what: 'netem in the kernel, or the npm package koffi',
        purpose: 'distance between the regions',
        remedy: { action: 'install the optional packages: npm install --include=optional' },
      },
    ];
  }
}

/** What is missing; an empty list when the lab can run. Throws LAB_UNSUPPORTED where it never can. */
export async function checkRequirements(): Promise<Missing[]> {
  if (process.platform !== 'linux') {
    throw new LabError(
      'LAB_UNSUPPORTED',
      'the lab builds real NATs out of Linux network namespaces, and this is not Linux',
      'run it on a Linux machine or in a Linux VM (Debian 12 or later, Ubuntu 22.04 or later)',
    );
  }
  const missing: Missing[] = tools
    .filter(({ name }) => !findTool(name))
    .map(({ name, purpose, package: debian }) => ({
      what: name,
      purpose,
      remedy: { package: debian },
    }));
  // Without the tools the trials would only fail for want of them.
  if (missing.length === 0) missing.push(...(await checkNamespaces()));
  if (missing.length === 0) missing.push(...(await checkDelays()));
  return [...missing, ...checkTun()];
}

/** The Debian packages that bring what is missing, each once. */
export function packagesFor(missing: readonly Missing[]): string[] {
  const names = missing.flatMap(({ remedy }) => ('package' in remedy ? [remedy.package] : []));
  return [...new Set(names)].sort();
}

function requirementsError(missing: readonly Missing[]): LabError {
  const list = missing.map(({ what, purpose }) => `${what} (for ${purpose})`).join(', ');
  const packages = packagesFor(missing);
  const actions = missing.flatMap(({ remedy }) => ('action' in remedy ? [remedy.action] : []));
  const install =
    packages.length === 0
      ? []
      : [
          'on Debian or Ubuntu add --install-deps, or install the packages ' +
            `${packages.join(' ')} yourself`,
        ];
  return new LabError(
    'LAB_REQUIREMENTS',
    `the lab can't run here; missing: ${list}`,
    [...install, ...new Set(actions)].join('; '),
  );
}

export interface RequireOptions {
  /** Install missing Debian packages. */
  readonly install: boolean;
  /** Told what is going on, a line at a time. */
  readonly onProgress?: (line: string) => void;
}

/** Resolves when the lab can run; throws LAB_UNSUPPORTED, LAB_REQUIREMENTS or LAB_INSTALL. */
export async function requireLab(options: RequireOptions): Promise<void> {
  let missing = await checkRequirements();
  const packages = packagesFor(missing);
  if (options.install && packages.length > 0) {
    await installPackages(packages, options.onProgress ?? (() => undefined));
    missing = await checkRequirements();
  }
  if (missing.length > 0) throw requirementsError(missing);
}
