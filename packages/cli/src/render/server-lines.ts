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

export interface HubReady {
  readonly url: string;
  readonly stunPort: number | null;
  /** Shown this once; null: none was made. */
  readonly authKey: string | null;
  readonly reissued: 'expired' | 'host-name' | null;
}

/** The line to paste on a machine that joins. */
export function renderJoin(url: string, authKey: string): string {
  return `warren up --login-server ${url} --auth-key ${authKey}`;
}

const REISSUED = {
  expired:
    'The certificate had expired and is new: machines that pinned the old one must join again.',
  'host-name':
    'The certificate is new, for the new --host: machines that pinned the old one must join again.',
};

/** The lines of a hub that is up. */
export function renderHubReady(ready: HubReady): string[] {
  const stun = ready.stunPort === null ? 'no STUN' : `STUN on UDP ${ready.stunPort}`;
  const join =
    ready.authKey === null
      ? [
          'Keys are shown only once; make a new one for more machines:',
          '  warren control keys create',
        ]
      : [
          'Join machines with this line (any number, for 24 hours):',
          `  ${renderJoin(ready.url, ready.authKey)}`,
        ];
  return [
    `The hub is up on ${ready.url}, ${stun}.`,
    ...(ready.reissued === null ? [] : [REISSUED[ready.reissued]]),
    ...join,
  ];
}
