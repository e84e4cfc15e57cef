/**
 * What this process may do, and how it asks for more: root, or the one Linux capability that an action
 * needs (services and containers grant those without root).
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Invocation } from './context.js';
import { RightsError } from './errors.js';
import { ENVIRONMENT_NAMES } from './options.js';

/** Bits of CapEff, from linux/capability.h. */
const CAP_NET_BIND_SERVICE = 10n;
const CAP_NET_ADMIN = 12n;

/** What sudo would drop and the command still needs. */
const KEPT_ENVIRONMENT = [
  ...ENVIRONMENT_NAMES,
  'WARREN_DEBUG',
  'NO_COLOR',
  'FORCE_COLOR',
  'NODE_EXTRA_CA_CERTS',
];

/** True for root, also root of a user namespace. */
export function isRoot(): boolean {
  // Windows has no such ids; there the operation itself will say what it lacks.
  return process.geteuid === undefined || process.geteuid() === 0;
}

/** True when CapEff of /proc/self/status, given as its text, has bit `capability`. */
export function hasCapability(processStatus: string, capability: bigint): boolean {
  const match = /^CapEff:\s*([0-9a-fA-F]+)$/m.exec(processStatus);
  return match?.[1] !== undefined && ((BigInt(`0x${match[1]}`) >> capability) & 1n) === 1n;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // not Linux: only root counts
  }
}

function mayDo(capability: bigint): boolean {
  return isRoot() || hasCapability(readText('/proc/self/status'), capability);
}

/** Throws {@link RightsError} unless TUN devices and addresses may be made here. */
export function requireNetworkAdmin(purpose: string): void {
  if (!mayDo(CAP_NET_ADMIN)) throw new RightsError(purpose);
}

/** The lowest port that everybody may bind, from the text of ip_unprivileged_port_start. */
export function firstFreePort(setting: string): number {
  const value = Number.parseInt(setting, 10);
  return Number.isNaN(value) ? 1024 : value;
}

/** Throws {@link RightsError} unless each of `ports` may be bound. */
export function requirePorts(ports: readonly number[]): void {
  const first = firstFreePort(readText('/proc/sys/net/ipv4/ip_unprivileged_port_start'));
  const low = ports.find((port) => port !== 0 && port < first);
  if (low === undefined || mayDo(CAP_NET_BIND_SERVICE)) return;
  throw new RightsError(
    `listen on port ${low}`,
    `run it as root, or choose a port from ${first} up with --listen`,
  );
}

/** Path of the sudo program, if there is one. */
function findSudo(): string | undefined {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const candidate = join(directory, 'sudo');
    try {
      if (directory !== '') accessSync(candidate, constants.X_OK);
      if (directory !== '') return candidate;
    } catch {
      // Not in this directory.
    }
  }
  return undefined;
}

/** sudo's arguments to run this very command again; variables go by name, so secrets stay out of ps. */
export function sudoArguments(
  invocation: Invocation,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const kept = KEPT_ENVIRONMENT.filter((name) => environment[name] !== undefined);
  return [
    ...(kept.length > 0 ? [`--preserve-env=${kept.join(',')}`] : []),
    '--',
    invocation.execPath,
    ...invocation.execArgs,
    invocation.script,
    ...invocation.args,
  ];
}

/** Whether sudo is there and somebody is there to type a password. */
export function canAskSudo(): boolean {
  return !isRoot() && process.stdin.isTTY && process.stderr.isTTY && findSudo() !== undefined;
}

/**
 * From here on Ctrl-C is for a child on the same terminal, which gets it anyway; this process waits for
 * the child's end.
 */
export function leaveInterruptsToChild(): void {
  process.removeAllListeners('SIGINT').on('SIGINT', () => undefined);
}

/**
 * Runs this command again through sudo and resolves with its exit code.
 */
export function rerunThroughSudo(invocation: Invocation): Promise<number> {
  leaveInterruptsToChild();
  return new Promise((resolve, reject) => {
    const child = spawn(findSudo() ?? 'sudo', sudoArguments(invocation, process.env), {
      stdio: 'inherit',
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}
