/**
 * Keeps the system's DNS as wanted: one change at a time, the latest wins, failures are told and tried again.
 *
 *     start  an earlier process's traces are taken back
 *     want   set by the manager of this machine (file, resolvconf, systemd-resolved)
 *     every 5 s: does it still stand? If not it is set again, unless somebody fights for it
 *     close  as it was before us
 */
import { existsSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { SystemDns } from '@warren/core/dns/dns-config';
import type { Upstream } from '@warren/core/dns/upstream';
import type { Logger } from '@warren/shell/log';
import { SystemFile } from './system-file.js';
import type { SystemDnsManager } from './system-manager.js';
import { SystemResolvconf } from './system-resolvconf.js';
import { SystemResolved, usesResolved } from './system-resolved.js';

/** A DHCP client's renewal is undone within this; reading one small file costs microseconds. */
const LOOK_MS = 5000;
/** Every half minute the system's own resolvers are looked up as well: that may take a program's start. */
const LOOKS_PER_SURVEY = 6;
/** Who writes the file so often within so long will not stop: two programs must not fight for ever. */
const REPAIRS_MAX = 5;
const REPAIRS_WITHIN_MS = 60_000;

export interface SystemDnsOptions {
  readonly tunName: string;
  /** /etc. */
  readonly directory: string;
  readonly log: Logger;
  /** What is wrong, as a sentence; undefined: nothing. */
  readonly onTrouble: (sentence: string | undefined) => void;
  /** The system's own resolvers have become known, or others. */
  readonly onSystemResolvers: (resolvers: readonly Upstream[]) => void;
}

/** Who manages DNS here. */
async function findManager(tunName: string, directory: string): Promise<SystemDnsManager> {
  if (usesResolved(directory)) {
    const resolved = await SystemResolved.find(tunName);
    if (resolved !== undefined) return resolved;
  }
  if (isResolvconfs(directory)) {
    const resolvconf = await SystemResolvconf.find(tunName);
    if (resolvconf !== undefined) return resolvconf;
  }
  return new SystemFile(directory);
}

/** Debian's links the file into its own directory; openresolv's has a configuration that says where it writes. */
function isResolvconfs(directory: string): boolean {
  try {
    if (readlinkSync(join(directory, 'resolv.conf')).includes('resolvconf/')) return true;
  } catch {
    // No link.
  }
  return existsSync(join(directory, 'resolvconf.conf'));
}

export class SystemDnsKeeper {
  readonly #options: SystemDnsOptions;
  #manager: SystemDnsManager | undefined;
  #wanted: SystemDns | undefined;
  /** As text; undefined: whatever an earlier process left. */
  #applied: string | undefined;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #repairs: number[] = [];
  #resolvers = '';
  #looks = 0;
  #closed = false;

  constructor(options: SystemDnsOptions) {
    this.#options = options;
  }

  /** Who sets it; undefined: not known yet. */
  get managerName(): SystemDnsManager['name'] | undefined {
    return this.#manager?.name;
  }

  /** What was asked for last. */
  get wanted(): SystemDns | undefined {
    return this.#wanted;
  }

  /** Takes back what an earlier process left. */
  start(): void {
    this.#apply();
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** Undefined: as without us. */
  want(dns: SystemDns | undefined): void {
    this.#wanted = dns;
    this.#apply();
  }

  /** Another network: its resolvers are others. */
  linkChanged(): void {
    void this.#tellResolvers();
  }

  /** Resolves when the system is as before. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#wanted = undefined;
    this.#apply();
    this.#closed = true;
    while (this.#running !== undefined) await this.#running;
  }

  #apply(): void {
    if (this.#running !== undefined || this.#closed) return;
    this.#running = this.#applyAll().finally(() => {
      this.#running = undefined;
    });
  }

  async #applyAll(): Promise<void> {
    const { log, onTrouble, tunName, directory } = this.#options;
    while (this.#applied !== textOf(this.#wanted)) {
      const wanted = this.#wanted;
      try {
        this.#manager ??= await findManager(tunName, directory);
        await this.#tellResolvers();
        if (wanted === undefined) await this.#manager.restore();
        else await this.#manager.set(wanted);
        this.#applied = textOf(wanted);
        onTrouble(undefined);
        const set = { manager: this.#manager.name, nameservers: wanted?.nameservers ?? [] };
        log.info(wanted === undefined ? 'system DNS as it was' : 'system DNS', set);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.warn('the system DNS could not be set', { reason });
        onTrouble(
          `The system's DNS could not be set, so names of the network don't resolve: ${reason}`,
        );
        if (textOf(this.#wanted) === textOf(wanted)) return; // `#look` tries again
      }
    }
    await this.#tellResolvers();
  }

  async #tellResolvers(): Promise<void> {
    const resolvers = (await this.#manager?.systemResolvers().catch(() => undefined)) ?? [];
    const text = JSON.stringify(resolvers);
    if (text === this.#resolvers) return;
    this.#resolvers = text;
    this.#options.onSystemResolvers(resolvers);
  }

  #look(): void {
    if (this.#running !== undefined) return;
    if (++this.#looks % LOOKS_PER_SURVEY === 0) void this.#tellResolvers();
    if (this.#applied !== textOf(this.#wanted)) {
      this.#apply();
      return;
    }
    if (this.#wanted === undefined || this.#stands()) return;
    const now = performance.now();
    this.#repairs = this.#repairs.filter((at) => now - at < REPAIRS_WITHIN_MS);
    if (this.#repairs.length >= REPAIRS_MAX) {
      this.#options.onTrouble(
        'Another program writes /etc/resolv.conf again and again, so names of the network may not resolve.',
      );
      return;
    }
    this.#repairs.push(now);
    this.#options.log.warn('another program changed the system DNS; it is set again');
    this.#applied = undefined;
    this.#apply();
  }

  #stands(): boolean {
    try {
      return this.#manager?.isStanding() !== false;
    } catch {
      return true;
    }
  }
}

const textOf = (dns: SystemDns | undefined): string => JSON.stringify(dns ?? null);
