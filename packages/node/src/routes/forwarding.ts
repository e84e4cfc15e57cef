/**
 * Switches of the kernel that a router needs, as files under /proc/sys: set when they are needed, put back when not.
 * What they were is on disk, so that a process after a kill puts it back too.
 *
 *     net.ipv4.ip_forward = 1
 *     net.ipv6.conf.all.forwarding = 1      after accept_ra = 2 where it was 1: a machine that has its default route
 *                                           from router advertisements would lose it
 *     net.ipv4.conf.all.src_valid_mark = 1  with an exit node: checks of sources know our marks
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseJsonText } from '@warren/core/base/json';
import { readFileIfPresent, readStateFile, writeFileAtomic } from '@warren/shell/files/atomic-file';
import type { Logger } from '@warren/shell/log';

const FILE = 'kernel-switches.json';
/** Machines with hundreds of bridges exist. */
const INTERFACES_MAX = 4_096;
/** Of every interface one, and those of the whole machine. */
const SWITCHES_MAX = INTERFACES_MAX + 3;

export interface SwitchWish {
  readonly forwards4: boolean;
  readonly forwards6: boolean;
  readonly checksMarks: boolean;
}

export interface SwitchesOptions {
  readonly stateDir: string;
  readonly log: Logger;
  /** Where sysctls are files. */
  readonly root?: string;
}

export class KernelSwitches {
  readonly #options: SwitchesOptions;
  readonly #root: string;
  /** What it was before us, by path below the root. */
  readonly #before: Map<string, string>;
  /** What we wrote. */
  readonly #set = new Map<string, string>();

  constructor(options: SwitchesOptions) {
    this.#options = options;
    this.#root = options.root ?? '/proc/sys';
    this.#before = this.#load();
    // Who set them is gone; they may have been ours.
    for (const path of this.#before.keys())
      this.#set.set(path, path.endsWith('accept_ra') ? '2' : '1');
  }

  /** Switches that differ from what they were before us, as `net.ipv4.ip_forward`. */
  get changed(): readonly string[] {
    return [...this.#before.keys()].map((path) => path.replaceAll('/', '.'));
  }

  /** Makes the switches as wished; answers a sentence about what could not be done. */
  apply(wish: SwitchWish): readonly string[] {
    const wanted = new Map<string, string>();
    if (wish.forwards4) wanted.set('net/ipv4/ip_forward', '1');
    if (wish.forwards6 && this.#read('net/ipv6/conf/all/forwarding') !== undefined) {
      for (const path of this.#advertised()) wanted.set(path, '2');
      wanted.set('net/ipv6/conf/all/forwarding', '1');
    }
    if (wish.checksMarks) wanted.set('net/ipv4/conf/all/src_valid_mark', '1');
    const failures: string[] = [];
    // In reverse: forwarding goes off before router advertisements count as without it.
    for (const path of [...this.#before.keys()].reverse())
      if (!wanted.has(path)) this.#restore(path);
    for (const [path, value] of wanted) {
      const failure = this.#switch(path, value);
      if (failure !== undefined) failures.push(failure);
    }
    this.#store();
    return failures;
  }

  /** Interfaces that listen to router advertisements as long as they don't forward. */
  #advertised(): string[] {
    let names: string[] = [];
    try {
      names = readdirSync(join(this.#root, 'net/ipv6/conf')).slice(0, INTERFACES_MAX);
    } catch {
      return [];
    }
    return names
      .map((name) => `net/ipv6/conf/${name}/accept_ra`)
      .filter((path) => this.#read(path) === '1' || this.#before.has(path));
  }

  #switch(path: string, value: string): string | undefined {
    const now = this.#read(path);
    if (now === value) return undefined;
    const name = path.replaceAll('/', '.');
    try {
      if (now !== undefined && !this.#before.has(path)) {
        this.#before.set(path, now);
        this.#store();
      }
      writeFileSync(join(this.#root, path), `${value}\n`);
      this.#set.set(path, value);
      this.#options.log.info('kernel switch', { name, from: now, to: value });
      return undefined;
    } catch (error) {
      this.#before.delete(path);
      return `${name} is ${now ?? 'not there'} and can't be set to ${value} (${(error as NodeJS.ErrnoException).code ?? 'refused'})`;
    }
  }

  #restore(path: string): void {
    const before = this.#before.get(path);
    this.#before.delete(path);
    // Somebody else has decided since.
    if (before === undefined || this.#read(path) !== this.#set.get(path)) return;
    this.#set.delete(path);
    try {
      writeFileSync(join(this.#root, path), `${before}\n`);
      this.#options.log.info('kernel switch put back', {
        name: path.replaceAll('/', '.'),
        to: before,
      });
    } catch (error) {
      // An interface that went away has taken its switches along.
      this.#options.log.debug('kernel switch not put back', { path, error });
    }
  }

  #read(path: string): string | undefined {
    try {
      return readFileSync(join(this.#root, path), 'utf8').trim();
    } catch {
      return undefined;
    }
  }

  /** A damaged file is kept aside: what switches were before us is in it, for a person to put back. */
  #load(): Map<string, string> {
    const path = join(this.#options.stateDir, FILE);
    const isThere = existsSync(path);
    const what = 'what kernel switches were';
    let before: Map<string, string> | undefined;
    try {
      before = readStateFile({ path, what, parse, onCorrupt: 'keep-aside' });
    } catch (error) {
      this.#options.log.warn('what kernel switches were can not be read', { error });
    }
    if (isThere && before === undefined) {
      this.#options.log.warn('kernel switches of an earlier run stay as they are', { file: path });
    }
    return before ?? new Map<string, string>();
  }

  #store(): void {
    const path = join(this.#options.stateDir, FILE);
    const text = `${JSON.stringify([...this.#before])}\n`;
    try {
      const stored = readFileIfPresent(path);
      if (
        stored === undefined ? this.#before.size > 0 : new TextDecoder().decode(stored) !== text
      ) {
        writeFileAtomic(path, text);
      }
    } catch (error) {
      this.#options.log.warn('what kernel switches were is not on disk', { error });
    }
  }
}

/** Undefined: the file is damaged, be it in one entry: what is left out would never be put back. */
function parse(text: string): Map<string, string> | undefined {
  const entries = parseJsonText(text);
  if (!Array.isArray(entries) || entries.length > SWITCHES_MAX) return undefined;
  const known = (entries as unknown[]).filter(isEntry);
  return known.length === entries.length ? new Map(known) : undefined;
}

/** A path of ours and a number. */
function isEntry(entry: unknown): entry is [string, string] {
  if (!Array.isArray(entry) || entry.length !== 2) return false;
  const [path, value] = entry as unknown[];
  return (
    typeof path === 'string' &&
    // Names of interfaces have anything but slashes and space.
    /^net\/ipv[46]\/(?:[^/\s]+\/)*[a-z_]+$/.test(path) &&
    !path.split('/').includes('..') &&
    typeof value === 'string' &&
    /^\d$/.test(value)
  );
}
