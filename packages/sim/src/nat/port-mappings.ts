/**
 * The ports that a router's port mapping server has handed out, and the pinholes that it has opened in the
 * router's IPv6 firewall. What is expired counts as absent; who grants and who may take back is the servers'
 * business (servers/port-mapping).
 */
import type { Instant } from '@warren/core/base/instant';
import {
  type Endpoint,
  endpointAddress,
  endpointPort,
  familyOf,
  type IpAddress,
} from '@warren/core/ip/address';

export type Transport = 'udp' | 'tcp';

export interface GrantedMapping {
  readonly transport: Transport;
  /** Port outside; of a pinhole the inner port itself. */
  readonly externalPort: number;
  /** Who gets what arrives; IPv6: a pinhole. */
  readonly inner: Endpoint;
  readonly expiresAt: Instant;
  readonly by: 'pcp' | 'natpmp' | 'upnp';
  /** PCP: what renewal and deletion must repeat, as hex. */
  readonly nonce: string | undefined;
  readonly description: string;
}

/** As many as small routers take before they say that there are no more. */
const MAPPINGS_MAX = 256;

export class PortMappings {
  /** Granted and listed, and nothing arrives through them. */
  readonly #dead: boolean;
  readonly #byKey = new Map<string, GrantedMapping>();

  constructor(dead: boolean) {
    this.#dead = dead;
  }

  /** The mapping of an external IPv4 port. */
  at(transport: Transport, externalPort: number, now: Instant): GrantedMapping | undefined {
    return this.#alive(`${transport} ${externalPort}`, now);
  }

  /** The pinhole of an inner IPv6 endpoint. */
  pinhole(transport: Transport, inner: Endpoint, now: Instant): GrantedMapping | undefined {
    return this.#alive(`${transport} ${inner}`, now);
  }

  /** The IPv4 mapping of an inner endpoint. */
  of(transport: Transport, inner: Endpoint, now: Instant): GrantedMapping | undefined {
    return this.list(now).find(
      (mapping) => mapping.transport === transport && mapping.inner === inner,
    );
  }

  /** All that live. */
  list(now: Instant): GrantedMapping[] {
    return [...this.#byKey.values()].filter(({ expiresAt }) => now < expiresAt);
  }

  ownedBy(address: IpAddress, now: Instant): GrantedMapping[] {
    return this.list(now).filter(({ inner }) => endpointAddress(inner) === address);
  }

  /** Takes the place of an equal one; false: there is no room. */
  grant(mapping: GrantedMapping, now: Instant): boolean {
    const key = keyOf(mapping);
    if (!this.#byKey.has(key) && this.list(now).length >= MAPPINGS_MAX) return false;
    this.#byKey.set(key, mapping);
    return true;
  }

  revoke(mapping: GrantedMapping): void {
    this.#byKey.delete(keyOf(mapping));
  }

  clear(): void {
    this.#byKey.clear();
  }

  /** Who gets a UDP packet of a stranger that arrives at a port of the router. */
  target(externalPort: number, now: Instant): Endpoint | undefined {
    return this.#dead ? undefined : this.at('udp', externalPort, now)?.inner;
  }

  /** True when strangers may send UDP to this IPv6 endpoint of the LAN. */
  admits(inner: Endpoint, now: Instant): boolean {
    return !this.#dead && this.pinhole('udp', inner, now) !== undefined;
  }

  #alive(key: string, now: Instant): GrantedMapping | undefined {
    const mapping = this.#byKey.get(key);
    if (mapping === undefined || now < mapping.expiresAt) return mapping;
    this.#byKey.delete(key);
    return undefined;
  }
}

function keyOf({ transport, externalPort, inner }: GrantedMapping): string {
  const isPinhole = familyOf(endpointAddress(inner)) === 6;
  return `${transport} ${isPinhole ? inner : externalPort}`;
}

/**
 * The external port for a new mapping of `inner`: the wanted one, or the next that is nobody else's, as
 * miniupnpd looks for one. Undefined: all are taken.
 */
export function freePort(
  mappings: PortMappings,
  transport: Transport,
  inner: Endpoint,
  wanted: number,
  now: Instant,
): number | undefined {
  const first = Math.max(wanted === 0 ? endpointPort(inner) : wanted, PORT_MIN);
  for (let i = 0; i <= PORT_MAX - PORT_MIN; i++) {
    const port = PORT_MIN + ((first - PORT_MIN + i) % (PORT_MAX - PORT_MIN + 1));
    const taken = mappings.at(transport, port, now);
    if (taken === undefined || taken.inner === inner) return port;
  }
  return undefined;
}

/** What the servers hand out: `allow 1024-65535` of the usual configuration. */
export const PORT_MIN = 1024;
const PORT_MAX = 65_535;
