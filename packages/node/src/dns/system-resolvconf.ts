/**
 * System DNS by `resolvconf`, which merges what several programs say: Debian's own, or openresolv under the same
 * name. Our record stands under the device's name; both keep records below /run, so a crash leaves ours behind
 * until the next start or boot.
 *
 *     Debian      resolvconf -a tun-warren0.inet < record     its interface-order puts tun* before others
 *     openresolv  resolvconf -m 0 -x -a tun-warren0 < record  metric 0, and nobody else's servers
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SystemDns } from '@warren/core/dns/dns-config';
import type { Upstream } from '@warren/core/dns/upstream';
import { formatResolvConf, parseResolvConf } from './resolv-conf.js';
import { mustRun, runCommand } from './run-command.js';
import type { SystemDnsManager } from './system-manager.js';

const COMMAND = 'resolvconf';
/** Where Debian's keeps the records. */
const DEBIAN_RECORDS = '/run/resolvconf/interface';

export class SystemResolvconf implements SystemDnsManager {
  readonly name = 'resolvconf';
  readonly #isOpenresolv: boolean;
  readonly #record: string;

  private constructor(tunName: string, isOpenresolv: boolean) {
    this.#isOpenresolv = isOpenresolv;
    this.#record = isOpenresolv ? `tun-${tunName}` : `tun-${tunName}.inet`;
  }

  /** Undefined: neither of the two is installed. */
  static async find(tunName: string): Promise<SystemResolvconf | undefined> {
    const { code, stdout } = await runCommand(COMMAND, ['--version']);
    if (code === 0 && stdout.includes('openresolv')) return new SystemResolvconf(tunName, true);
    // Older ones of Debian's know no such flag, and say so with a code of their own. The one that systemd-resolved
    // brings under this name is neither: it stands for resolved.
    const isDebians = stdout.startsWith('Debian resolvconf') || code === DEBIAN_UNKNOWN_FLAG;
    return isDebians ? new SystemResolvconf(tunName, false) : undefined;
  }

  async systemResolvers(): Promise<readonly Upstream[]> {
    const text = this.#isOpenresolv
      ? (await runCommand(COMMAND, ['-l'])).stdout
      : debianRecords(this.#record);
    return parseResolvConf(text).nameservers;
  }

  async set(dns: SystemDns): Promise<void> {
    const record = formatResolvConf(dns.nameservers, dns.searchDomains);
    const flags = this.#isOpenresolv ? ['-m', '0', '-x'] : [];
    await mustRun(COMMAND, [...flags, '-a', this.#record], record);
  }

  /** Programs that use resolvconf don't write over each other. */
  isStanding(): boolean {
    return true;
  }

  async restore(): Promise<void> {
    // -f: one that is not there is no failure.
    await mustRun(COMMAND, this.#isOpenresolv ? ['-f', '-d', this.#record] : ['-d', this.#record]);
  }
}

/** Of Debian's, for a flag that it doesn't know. */
const DEBIAN_UNKNOWN_FLAG = 99;

function debianRecords(own: string): string {
  try {
    return readdirSync(DEBIAN_RECORDS)
      .filter((name) => name !== own)
      .map((name) => readFileSync(join(DEBIAN_RECORDS, name), 'utf8'))
      .join('\n');
  } catch {
    return '';
  }
}
