/**
 * System DNS by systemd-resolved, which sends names to resolvers by interface: our suffixes go to our device's
 * resolver and nothing else changes. `resolvectl` speaks to it over D-Bus; what it sets vanishes with the device,
 * so a crash leaves nothing behind.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SystemDns } from '@warren/core/dns/dns-config';
import type { Upstream } from '@warren/core/dns/upstream';
import { parseResolvConf } from './resolv-conf.js';
import { mustRun, runCommand } from './run-command.js';
import type { SystemDnsManager } from './system-manager.js';

const COMMAND = 'resolvectl';
/** What it found of resolvers, rather than its own stub. */
const UPSTREAM_FILE = '/run/systemd/resolve/resolv.conf';
/** A domain with this in front is only for sending, not for completing. */
const ROUTE_ONLY = '~';

export class SystemResolved implements SystemDnsManager {
  readonly name = 'systemd-resolved';
  readonly #tunName: string;

  private constructor(tunName: string) {
    this.#tunName = tunName;
  }

  /** Undefined: it does not answer. */
  static async find(tunName: string): Promise<SystemResolved | undefined> {
    const { code } = await runCommand(COMMAND, ['--no-pager', 'dns']);
    return code === 0 ? new SystemResolved(tunName) : undefined;
  }

  systemResolvers(): Promise<readonly Upstream[]> {
    try {
      const text = readFileSync(UPSTREAM_FILE, 'utf8');
      return Promise.resolve(parseResolvConf(text).nameservers);
    } catch {
      return Promise.resolve([]);
    }
  }

  async set(dns: SystemDns): Promise<void> {
    const { nameservers, searchDomains, matchDomains } = dns;
    const routeOnly = (matchDomains ?? ['']).map((domain) => `${ROUTE_ONLY}${domain || '.'}`);
    const searched = new Set<string>(searchDomains);
    const domains = [
      ...searchDomains,
      ...routeOnly.filter((domain) => !searched.has(domain.slice(1))),
    ];
    const device = this.#tunName;
    await mustRun(COMMAND, ['dns', device, ...nameservers]);
    await mustRun(COMMAND, ['domain', device, ...domains]);
    await mustRun(COMMAND, ['default-route', device, matchDomains === undefined ? 'yes' : 'no']);
  }

  /** What is set for a device is its owner's. */
  isStanding(): boolean {
    return true;
  }

  async restore(): Promise<void> {
    // A device that is gone took its settings along.
    await runCommand(COMMAND, ['revert', this.#tunName]);
  }
}

/** Whether programs on this machine ask systemd-resolved: its stub is the only nameserver. */
export function usesResolved(directory: string): boolean {
  try {
    const text = readFileSync(join(directory, 'resolv.conf'), 'utf8');
    const addresses = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address]) => address);
    return addresses.length > 0 && addresses.every((address) => address === '127.0.0.53');
  } catch {
    return false;
  }
}
