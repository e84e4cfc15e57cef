/**
 * The static endpoints as addresses: names among them are looked up, again on a schedule and whenever the
 * machine's network changes.
 *
 *     set(list) --names?--> looking up --answers--> endpoints told if they changed --5 min, link--> looking up
 *                                     \--a name fails--> its last addresses stay, health tells, 30 s
 */
import { lookup } from 'node:dns/promises';
import {
  type Endpoint,
  endpoint as endpointOf,
  type IpAddress,
  parseAddress,
} from '@warren/core/ip/address';
import {
  addressProblem,
  type StaticEndpoint,
  splitStaticEndpoint,
} from '../config/static-endpoints.js';

/** Balancers change addresses within minutes to hours, and their names live for a minute or more. */
export const RELOOK_MS = 300_000;
/** A name server that is out of reach mostly comes back soon. */
export const RETRY_MS = 30_000;
/** Of one name: an address per zone and family. */
const MAX_ADDRESSES = 8;
/** Of all names and literals together; peers are told 64 endpoints in all. */
const MAX_ENDPOINTS = 32;

export interface StaticNamesOptions {
  /** Addresses of a name; rejects when there are none. Default: the system's resolver. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  /** Other endpoints than before. */
  readonly onChange: (endpoints: readonly Endpoint[]) => void;
  /** A sentence about names that can't be used; undefined: all can. */
  readonly onTrouble: (sentence: string | undefined) => void;
}

async function systemResolve(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

export class StaticNames {
  readonly #options: StaticNamesOptions;
  #wanted: readonly StaticEndpoint[] = [];
  #endpoints: readonly Endpoint[] = [];
  /** Usable addresses by name, as last found. */
  readonly #found = new Map<string, readonly IpAddress[]>();
  /** Why a name's last look-up was of no use. */
  readonly #problems = new Map<string, string>();
  /** A resolver that hangs does not get the same question twice. */
  readonly #asking = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: StaticNamesOptions) {
    this.#options = options;
  }

  /** What is known now; of names, what was found last. */
  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** Replaces the list; its names are looked up at once. */
  set(wanted: readonly StaticEndpoint[]): void {
    this.#wanted = wanted;
    const names = new Set(this.#names());
    for (const name of [...this.#found.keys(), ...this.#problems.keys()]) {
      if (names.has(name)) continue;
      this.#found.delete(name);
      this.#problems.delete(name);
    }
    this.#tell();
    this.look();
  }

  /** Looks all names up, for example because the network is another one. */
  look(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    for (const name of this.#names()) void this.#lookUp(name);
    this.#plan();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #names(): string[] {
    return this.#wanted.flatMap((text) => {
      const parts = splitStaticEndpoint(text);
      return parts === undefined || parts.endpoint !== undefined ? [] : [parts.name];
    });
  }

  async #lookUp(name: string): Promise<void> {
    if (this.#asking.has(name)) return;
    this.#asking.add(name);
    let problem: string | undefined;
    try {
      problem = this.#take(name, await (this.#options.resolve ?? systemResolve)(name));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      problem = code === 'ENOTFOUND' ? 'the name has no address' : (code ?? message);
    }
    this.#asking.delete(name);
    if (this.#closed || !this.#names().includes(name)) return;
    if (problem === undefined) this.#problems.delete(name);
    else this.#problems.set(name, problem);
    this.#tell();
    this.#plan();
  }

  /** Keeps the addresses that peers can send to; answers why there are none. */
  #take(name: string, texts: readonly string[]): string | undefined {
    const addresses = texts.flatMap((text) => parseAddress(text) ?? []);
    const usable = addresses.filter((address) => addressProblem(address) === undefined);
    if (usable.length > 0) {
      // Resolvers rotate their answers, which is no change.
      this.#found.set(name, [...new Set(usable)].sort().slice(0, MAX_ADDRESSES));
      return undefined;
    }
    const [first] = addresses;
    return first === undefined ? 'the name has no address' : addressProblem(first);
  }

  #plan(): void {
    clearTimeout(this.#timer);
    if (this.#closed || this.#names().length === 0) return;
    const pauseMs = this.#problems.size > 0 ? RETRY_MS : RELOOK_MS;
    this.#timer = setTimeout(() => this.look(), pauseMs);
    this.#timer.unref();
  }

  #tell(): void {
    const { onChange, onTrouble } = this.#options;
    const all = new Set(
      this.#wanted.flatMap((text): readonly Endpoint[] => {
        const parts = splitStaticEndpoint(text);
        if (parts === undefined) return [];
        if (parts.endpoint !== undefined) return [parts.endpoint];
        const { name, port } = parts;
        return (this.#found.get(name) ?? []).map((address) => endpointOf(address, port));
      }),
    );
    const endpoints = [...all].slice(0, MAX_ENDPOINTS);
    const isSame = endpoints.join() === this.#endpoints.join();
    this.#endpoints = endpoints;
    onTrouble(this.#trouble());
    if (!isSame) onChange(endpoints);
  }

  #trouble(): string | undefined {
    if (this.#problems.size === 0) return undefined;
    const each = [...this.#problems].map(([name, problem]) => {
      const stays = this.#found.has(name) ? '; its last addresses stay in use' : '';
      return `${name} (${problem}${stays})`;
    });
    return `Static endpoints with names that can't be used: ${each.join(', ')}.`;
  }
}
