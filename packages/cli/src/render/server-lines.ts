/** What hub and relay say once they are ready: what to do on the other machines. */

export interface RelayReady {
  readonly host: string;
  readonly port: number;
  readonly stunPort: number | undefined;
  readonly regionId: number;
  readonly regionCode: string;
  readonly regionFile: string;
}

/** `host:port`, with brackets around IPv6. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The lines of a relay that is up. */
export function renderRelayReady(ready: RelayReady): string[] {
  const stun = ready.stunPort === undefined ? 'no STUN' : `STUN on UDP ${ready.stunPort}`;
  return [
    `Relay ${ready.regionCode} (region ${ready.regionId}) is up on ${formatHostPort(ready.host, ready.port)}, ${stun}.`,
    'To use it, copy its region file to the hub and start the hub with',
    `  warren hub --derp-region-file ${ready.regionFile}`,
  ];
}
