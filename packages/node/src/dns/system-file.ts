/**
 * System DNS by `/etc/resolv.conf` itself, where nobody else manages it.
 *
 *     resolv.conf                     ours while the node is up
 *     resolv.pre-warren-backup.conf   the original, a symbolic link as it was; gone when it is back
 *
 * After a crash the next start finds our mark and puts the original back before anything else. A program that
 * writes the file meanwhile (a DHCP client) has the newer truth: its file becomes the original. In containers the
 * file may be a mount of its own that can't be renamed: then content is copied.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { SystemDns } from '@warren/core/dns/dns-config';
import type { Upstream } from '@warren/core/dns/upstream';
import {
  formatResolvConf,
  isOwnFile,
  mergeSearch,
  parseResolvConf,
  type ResolvConf,
} from './resolv-conf.js';
import type { SystemDnsManager } from './system-manager.js';

const FILE = 'resolv.conf';
const BACKUP = 'resolv.pre-warren-backup.conf';
/** Stands in the backup's place where there was no file: restoring means removing ours. */
const ABSENT = '# there was no resolv.conf\n';
const MODE = 0o644;
/** Nobody's resolv.conf is larger; the C library reads three servers. */
const LARGEST_FILE_BYTES = 256 * 1024;

/** Of rename: the file is a mount, or on another file system than its directory. */
const NOT_RENAMABLE = new Set(['EBUSY', 'EXDEV', 'EPERM']);

export class SystemFile implements SystemDnsManager {
  readonly name = 'file';
  readonly #file: string;
  readonly #backup: string;
  #written: string | undefined;

  /** `directory`: /etc. */
  constructor(directory: string) {
    this.#file = join(directory, FILE);
    this.#backup = join(directory, BACKUP);
  }

  /** The resolvers of the original. */
  systemResolvers(): Promise<readonly Upstream[]> {
    return Promise.resolve(this.#original().nameservers);
  }

  set(dns: SystemDns): Promise<void> {
    const current = readText(this.#file);
    if (current === undefined || !isOwnFile(current)) this.#keepAside(current);
    const original = this.#original();
    const search =
      dns.matchDomains === undefined
        ? [...dns.searchDomains]
        : mergeSearch(dns.searchDomains, original.search);
    const text = formatResolvConf(dns.nameservers, search, original.options);
    this.#written = text;
    if (current !== text) this.#replace(text);
    return Promise.resolve();
  }

  isStanding(): boolean {
    return this.#written === undefined || readText(this.#file) === this.#written;
  }

  restore(): Promise<void> {
    this.#written = undefined;
    const current = readText(this.#file);
    const backup = readText(this.#backup);
    if (current !== undefined && !isOwnFile(current)) {
      // Somebody else has the word now.
      fs.rmSync(this.#backup, { force: true });
    } else if (backup === ABSENT || (backup === undefined && !isLink(this.#backup))) {
      if (current !== undefined) this.#remove();
      fs.rmSync(this.#backup, { force: true });
    } else {
      this.#putBack(backup ?? '');
    }
    return Promise.resolve();
  }

  #original(): ResolvConf {
    const backup = readText(this.#backup);
    if (backup !== undefined) return parseResolvConf(backup);
    const current = readText(this.#file) ?? '';
    return parseResolvConf(isOwnFile(current) ? '' : current);
  }

  #keepAside(current: string | undefined): void {
    if (current === undefined && !isLink(this.#file)) {
      fs.writeFileSync(this.#backup, ABSENT, { mode: MODE });
      return;
    }
    try {
      // The link itself, so that it is one again afterwards.
      fs.renameSync(this.#file, this.#backup);
    } catch (error) {
      if (!NOT_RENAMABLE.has(codeOf(error))) throw error;
      fs.rmSync(this.#backup, { force: true });
      fs.writeFileSync(this.#backup, current ?? '', { mode: MODE });
    }
  }

  #replace(text: string): void {
    const temporary = `${this.#file}.warren`;
    fs.writeFileSync(temporary, text, { mode: MODE });
    try {
      fs.chmodSync(temporary, MODE); // whatever the umask
      fs.renameSync(temporary, this.#file);
    } catch (error) {
      fs.rmSync(temporary, { force: true });
      if (!NOT_RENAMABLE.has(codeOf(error))) throw error;
      fs.writeFileSync(this.#file, text);
    }
  }

  #putBack(backup: string): void {
    try {
      fs.renameSync(this.#backup, this.#file);
    } catch (error) {
      if (!NOT_RENAMABLE.has(codeOf(error))) throw error;
      fs.writeFileSync(this.#file, backup);
      fs.rmSync(this.#backup, { force: true });
    }
  }

  #remove(): void {
    try {
      fs.rmSync(this.#file);
    } catch (error) {
      if (!NOT_RENAMABLE.has(codeOf(error))) throw error;
      fs.writeFileSync(this.#file, '');
    }
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

/** Undefined: there is none, or a link to nowhere. Throws when it is out of reach otherwise. */
function readText(file: string): string | undefined {
  try {
    if (fs.statSync(file).size > LARGEST_FILE_BYTES) return '';
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isLink(file: string): boolean {
  return fs.lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}
