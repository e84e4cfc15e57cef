/**
 * Relay maps from elsewhere, by address or file, beside the hub's own region: JSON of the field's form, such as
 * https://controlplane.tailscale.com/derpmap/default answers.
 *
 *     {"Regions": {"1": {RegionID, RegionCode, RegionName, Nodes: [...]}, "2": null}, "omitDefaultRegions": true}
 *
 * Sources count in order: a later one replaces regions, removes those that it names null, and with
 * `omitDefaultRegions` all before it. Each is read again every three hours, sooner after a failure; what could not be read
 * stays as it was.
 */
import { Counters } from '@warren/core/base/counters';
import { asEntries, asObject } from '@warren/core/base/json';
import { decodeRelayMap } from '@warren/core/netmap/decode-relay-map';
import type { WireRegion } from '@warren/core/netmap/wire';
import { readFileStrict } from '@warren/shell/files/atomic-file';
import type { Logger } from '@warren/shell/log';
import { ControlError } from '../errors.js';

/** As others have it: maps change a few times a month. */
const REFRESH_MS = 3 * 3_600_000;
/** After a failure, doubled up to the largest. */
const RETRY_MS = 60_000;
const RETRY_MAX_MS = 30 * 60_000;
/** Of one fetch, and so of what a start waits for. */
const FETCH_MS = 10_000;
/** The official map has 60 kB. */
const MAP_BYTES_MAX = 1024 * 1024;

export interface DerpMapSource {
  readonly kind: 'url' | 'file';
  /** Address or path. */
  readonly place: string;
}

/** What one source says: regions by id, null for one that is to go. */
export interface PartialMap {
  readonly regions: ReadonlyMap<number, WireRegion | null>;
  /** Nothing of the sources before it counts. */
  readonly omitsOthers: boolean;
}

/** A map as a source wrote it; a text: why it is none. Regions that no client could use are left out. */
export function readPartialMap(bytes: Uint8Array): PartialMap | string {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return 'it is not JSON';
  }
  const map = asObject(value);
  const given = asObject(map?.['Regions']);
  if (map === undefined || given === undefined) return 'it has no "Regions"';
  const usable = decodeRelayMap({ Regions: given }, new Counters())?.regions;
  const regions = new Map<number, WireRegion | null>();
  for (const [key, region] of asEntries(given)) {
    const id = Number(key);
    if (!Number.isInteger(id) || id < 1) return `${JSON.stringify(key.slice(0, 20))} is no region`;
    if (region === null) regions.set(id, null);
    else if ((usable?.get(id)?.nodes.length ?? 0) > 0) {
      regions.set(id, region as unknown as WireRegion);
    }
  }
  if (regions.size === 0 && asEntries(given).length > 0) return 'no region of it can be used';
  const omitsOthers = map['omitDefaultRegions'] === true || map['OmitDefaultRegions'] === true;
  return { regions, omitsOthers };
}

/** The regions that sources come to, in their order. */
export function mergedRegions(maps: readonly PartialMap[]): readonly WireRegion[] {
  const merged = new Map<number, WireRegion>();
  for (const { regions, omitsOthers } of maps) {
    if (omitsOthers) merged.clear();
    for (const [id, region] of regions) {
      if (region === null) merged.delete(id);
      else merged.set(id, region);
    }
  }
  return [...merged.values()].sort((one, other) => one.RegionID - other.RegionID);
}

export interface DerpMapsOptions {
  readonly sources: readonly DerpMapSource[];
  readonly log: Logger;
  /** The regions are others than before. */
  readonly onChange: () => void;
}

/** Throws {@link ControlError} for addresses that could be anybody's. */
export function checkMapUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLocal = url?.hostname === '127.0.0.1' || url?.hostname === 'localhost';
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal)) return url.href;
  throw new ControlError(
    'CONTROL_SETTING',
    `${JSON.stringify(text)} is no address of a relay map`,
    'Give https://HOST/PATH: whoever can change the map can read which machines talk.',
  );
}

export class DerpMaps {
  readonly #options: DerpMapsOptions;
  readonly #sources: readonly DerpMapSource[];
  readonly #maps = new Map<DerpMapSource, PartialMap>();
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS;
  #regions: readonly WireRegion[] = [];
  /** One at a time. */
  #reading: Promise<void> | undefined;

  /** Throws {@link ControlError} for a source that can't be one. */
  constructor(options: DerpMapsOptions) {
    this.#options = options;
    this.#sources = options.sources.map((source) =>
      source.kind === 'url' ? { ...source, place: checkMapUrl(source.place) } : source,
    );
  }

  get regions(): readonly WireRegion[] {
    return this.#regions;
  }

  /** Reads all sources. A file that is none is thrown; an address that doesn't answer is tried again later. */
  async start(): Promise<void> {
    for (const source of this.#sources) {
      if (source.kind === 'file') this.#maps.set(source, readFile(source.place));
    }
    await this.refresh();
  }

  /** Reads all sources again now. */
  refresh(): Promise<void> {
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  async #readAll(): Promise<void> {
    const read = await Promise.all(this.#sources.map((source) => this.#readOne(source)));
    if (this.#abort.signal.aborted) return;
    const isWhole = read.every(Boolean);
    const waitMs = isWhole ? REFRESH_MS : this.#retryMs;
    this.#retryMs = isWhole ? RETRY_MS : Math.min(2 * this.#retryMs, RETRY_MAX_MS);
    clearTimeout(this.#timer);
    if (this.#sources.length > 0) {
      this.#timer = setTimeout(() => void this.refresh(), waitMs).unref();
    }
    const regions = mergedRegions(this.#sources.flatMap((source) => this.#maps.get(source) ?? []));
    if (JSON.stringify(regions) === JSON.stringify(this.#regions)) return;
    this.#regions = regions;
    this.#options.onChange();
  }

  /** False: it stays as it was. */
  async #readOne(source: DerpMapSource): Promise<boolean> {
    const { kind, place } = source;
    try {
      const map = kind === 'file' ? readFile(place) : await this.#fetch(place);
      this.#maps.set(source, map);
      return true;
    } catch (error) {
      if (this.#abort.signal.aborted) return false;
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.warn('a relay map could not be read; what it said before holds', {
        ...{ place, reason, isKnown: this.#maps.has(source) },
      });
      return false;
    }
  }

  async #fetch(url: string): Promise<PartialMap> {
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(FETCH_MS)]);
    const response = await fetch(url, { signal, headers: { Accept: 'application/json' } });
    // A redirect may not lead where an operator could not have sent us.
    checkMapUrl(response.url);
    if (response.status !== 200) throw new Error(`it answered with status ${response.status}`);
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      length += part.length;
      if (length > MAP_BYTES_MAX) throw new Error('it is larger than any relay map');
      parts.push(part);
    }
    const map = readPartialMap(Buffer.concat(parts));
    if (typeof map === 'string') throw new Error(map);
    return map;
  }
}

function readFile(path: string): PartialMap {
  const map = readPartialMap(readFileStrict(path, 'the relay map'));
  if (typeof map !== 'string') return map;
  throw new ControlError(
    'CONTROL_SETTING',
    `${path} is no relay map: ${map}`,
    'Write {"Regions": {"1": {...}, "2": null}}, as https://controlplane.tailscale.com/derpmap/default has it.',
  );
}
