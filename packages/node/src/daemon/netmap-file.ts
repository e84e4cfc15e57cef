/**
 * The network as control last told it, kept over restarts in `netmap.json` of the state directory: a machine that
 * starts while control is away goes on with it. With it is the disco key of the run that wrote it, since peers know
 * the machine by that until control tells them another.
 *
 *     {"version": 1, "server": "https://…", "at": "2026-…Z", "discoKey": "privkey:…", "map": {a MapResponse}}
 *
 * It is written soon after the first netmap of a run, then when something changed, but seldom; and at the end.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Counters } from '@warren/core/base/counters';
import { isFailure } from '@warren/core/base/failure';
import type { WallTime } from '@warren/core/base/instant';
import { asObject, asString, parseJsonText } from '@warren/core/base/json';
import { formatRfc3339, parseRfc3339 } from '@warren/core/base/rfc3339';
import {
  type DiscoPrivateKey,
  formatPrivateKey,
  type NodeKey,
  type NodePrivateKey,
  parsePrivateKey,
  publicKeyOf,
} from '@warren/core/keys/keys';
import { applyMapResponse } from '@warren/core/netmap/apply';
import { decodeMapResponse } from '@warren/core/netmap/decode';
import { encodeNetmap } from '@warren/core/netmap/encode-netmap';
import { markExpired } from '@warren/core/netmap/key-expiry';
import type { Netmap } from '@warren/core/netmap/types';
import type { Crypto } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import { readStateFile, writeFileAtomic } from '@warren/shell/files/atomic-file';
import type { Logger } from '@warren/shell/log';

const FILE_NAME = 'netmap.json';
const VERSION = 1;
/** Deltas come by the dozen in a login's first seconds. */
const FIRST_WRITE_MS = 2_000;
/** Of a network of thousands it is megabytes, and what is older than this control tells again within a second. */
const WRITE_GAP_MS = 300_000;
/** Longer than any address of a server. */
const TEXT_MAX = 2048;

export interface NetmapFileOptions {
  readonly stateDir: string;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is kept. */
export interface LastNetmap {
  /** The control server that told it. */
  readonly server: string;
  readonly netmap: Netmap;
  readonly discoPrivateKey: DiscoPrivateKey;
}

export class NetmapFile {
  readonly #options: NetmapFileOptions;
  readonly #path: string;
  #latest: LastNetmap | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hasWritten = false;

  constructor(options: NetmapFileOptions) {
    this.#options = options;
    this.#path = join(options.stateDir, FILE_NAME);
  }

  /** Writes it, before long. */
  keep(latest: LastNetmap): void {
    this.#latest = latest;
    this.#timer ??= setTimeout(
      () => this.#write(),
      this.#hasWritten ? WRITE_GAP_MS : FIRST_WRITE_MS,
    ).unref();
  }

  /** The machine is no member any more. */
  forget(): void {
    this.#drop();
    this.#try('is still there', () => rmSync(this.#path, { force: true }));
  }

  /**
   * What an earlier run left of this login, with keys marked that expired meanwhile by our own clock; undefined: nothing
   * that serves. A damaged file is kept aside under another name.
   */
  load(
    server: string,
    nodeKey: NodePrivateKey,
  ): (LastNetmap & { readonly at: WallTime }) | undefined {
    const { crypto, clock } = this.#options;
    const kept = this.#try('is not used', () =>
      readStateFile({
        path: this.#path,
        what: 'the network as it was',
        parse: (text) => parse(text, publicKeyOf(crypto, 'node', nodeKey)),
        onCorrupt: 'keep-aside',
      }),
    );
    if (kept?.server !== server || kept.netmap === undefined) return undefined;
    const netmap = markExpired(kept.netmap, clock.wall());
    const { expired, machineAuthorized } = netmap.self;
    return expired || !machineAuthorized ? undefined : { ...kept, netmap };
  }

  /** Writes what is not written yet. */
  close(): void {
    if (this.#timer !== undefined) this.#write();
  }

  #write(): void {
    const latest = this.#latest;
    this.#drop();
    if (latest === undefined) return;
    this.#hasWritten = true;
    const text = JSON.stringify({
      version: VERSION,
      server: latest.server,
      at: formatRfc3339(this.#options.clock.wall()),
      discoKey: formatPrivateKey(latest.discoPrivateKey),
      map: encodeNetmap(latest.netmap),
    });
    this.#try('is not kept', () => writeFileAtomic(this.#path, text));
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#latest = undefined;
  }

  /** Control tells it all again: what can't be read or written is told in the log. */
  #try<T>(what: string, act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.warn(`the network as control told it ${what}`, { reason });
      return undefined;
    }
  }
}

interface Parsed extends Omit<LastNetmap, 'netmap'> {
  readonly at: WallTime;
  /** Undefined: that of another node key. */
  readonly netmap: Netmap | undefined;
}

/** Undefined: the file is damaged, or from another version. */
function parse(text: string, selfKey: NodeKey): Parsed | undefined {
  const fields = asObject(parseJsonText(text));
  const server = asString(fields?.['server'], TEXT_MAX);
  const at = parseRfc3339(asString(fields?.['at'], TEXT_MAX) ?? '');
  const discoPrivateKey = parsePrivateKey('disco', asString(fields?.['discoKey'], TEXT_MAX) ?? '');
  const isWhole = server !== undefined && at !== undefined && discoPrivateKey !== undefined;
  if (fields?.['version'] !== VERSION || !isWhole) return undefined;
  const counters = new Counters();
  const response = decodeMapResponse(fields['map'], counters);
  if (isFailure(response) || response.node === undefined) return undefined;
  const options = { selfKey, acceptRoutes: true, serverTime: undefined, counters };
  const netmap = applyMapResponse(undefined, response, options);
  return { server, at, discoPrivateKey, netmap: isFailure(netmap) ? undefined : netmap };
}
