/**
 * Mappings that may outlive us: those in use and leftovers of earlier runs, for the state file. One per protocol,
 * router, own address and port; with too many the oldest are forgotten and run out by themselves.
 */
import { type Endpoint, endpointAddress, parseAddress, parseEndpoint } from '../ip/address.js';
import type { RememberedMapping } from './io.js';

/** A laptop's networks of the last days, or a node whose port changed with every start. */
export const maxRemembered = 16;

export class MappingMemory {
  /** Oldest first. */
  #mappings: readonly RememberedMapping[] = [];
  #told = '[]';

  load(mappings: readonly RememberedMapping[]): void {
    this.#mappings = mappings.slice(-maxRemembered);
    this.#told = JSON.stringify(this.#mappings);
  }

  get all(): readonly RememberedMapping[] {
    return this.#mappings;
  }

  keep(mapping: RememberedMapping): void {
    const others = this.#mappings.filter((other) => !isSame(other, mapping));
    this.#mappings = [...others, mapping].slice(-maxRemembered);
  }

  drop(mapping: RememberedMapping): void {
    this.#mappings = this.#mappings.filter((other) => !isSame(other, mapping));
  }

  /** Everything, when it is other than was told last. */
  takeChange(): readonly RememberedMapping[] | undefined {
    const text = JSON.stringify(this.#mappings);
    if (text === this.#told) return undefined;
    this.#told = text;
    return this.#mappings;
  }
}

function isSame(a: RememberedMapping, b: RememberedMapping): boolean {
  return (
    a.protocol === b.protocol &&
    a.gateway === b.gateway &&
    a.self === b.self &&
    a.internalPort === b.internalPort
  );
}

/** Mappings as JSON that was {@link RememberedMapping}s once; undefined: it isn't. */
export function parseRemembered(json: unknown): readonly RememberedMapping[] | undefined {
  if (!Array.isArray(json)) return undefined;
  const mappings = json.map(parseOne);
  return mappings.every((mapping) => mapping !== undefined) ? mappings : undefined;
}

function parseOne(json: unknown): RememberedMapping | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const { protocol, gateway, self, internalPort, external, nonce, device } = json as Record<
    keyof RememberedMapping,
    unknown
  >;
  const addresses = [gateway, self].map((text) => parseAddress(textOf(text)));
  const [router, own] = addresses;
  const outside: Endpoint | undefined = parseEndpoint(textOf(external));
  if (protocol !== 'pcp' && protocol !== 'natpmp' && protocol !== 'upnp') return undefined;
  if (router === undefined || own === undefined || outside === undefined) return undefined;
  if (typeof internalPort !== 'number' || !Number.isInteger(internalPort)) return undefined;
  if (internalPort < 1 || internalPort > 65_535 || endpointAddress(outside) === '')
    return undefined;
  const { controlUrl, service } = (device ?? {}) as Record<string, unknown>;
  return {
    protocol,
    gateway: router,
    self: own,
    internalPort,
    external: outside,
    ...(typeof nonce === 'string' ? { nonce } : {}),
    ...(typeof controlUrl === 'string' && typeof service === 'string'
      ? { device: { controlUrl, service } }
      : {}),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
