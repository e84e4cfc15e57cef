/**
 * What a test can do with a router's port mapping server:
 *
 *     const server = world.portMappingServer('home-east');
 *     server.mappings();            // what it would tell whoever lists them
 *     await server.restart();       // epoch 0, no mappings
 *     await server.stop();          // silence; what it mapped stays mapped
 */

/** A mapping as the router keeps it. */
export interface RouterMapping {
  readonly transport: 'udp' | 'tcp';
  readonly externalPort: number;
  readonly internalAddress: string;
  readonly internalPort: number;
  /** Seconds since 1970; null: until it is deleted. */
  readonly expiresAtSeconds: number | null;
  /** Who made it says so here: `NAT-PMP 41641 udp`, `PCP MAP` and its nonce, or a description over UPnP. */
  readonly description: string;
}

/** An opening in the router's IPv6 firewall. */
export interface RouterPinhole {
  readonly transport: 'udp' | 'tcp';
  readonly address: string;
  readonly port: number;
}

export interface PortMappingServer {
  readonly network: string;
  /** Starts it after {@link stop}; resolves when it answers. Throws LAB_WORLD_BUILD. */
  start(): Promise<void>;
  /** It falls silent at once, without a farewell; its mappings stay in force. */
  stop(): Promise<void>;
  /** As when the router reboots: all mappings are gone and its epoch begins anew. The NAT keeps its flows. */
  restart(): Promise<void>;
  /** What it has mapped for IPv4, by its own list. */
  mappings(): RouterMapping[];
  /** What it lets in over IPv6, by its own list. */
  pinholes(): RouterPinhole[];
  /** All it has said since the world began. */
  log(): string;
}
