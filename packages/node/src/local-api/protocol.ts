/**
 * The local API: HTTP/1.1 with JSON over the daemon's unix socket (mode 0600; rights are the file's).
 *
 *     GET  /v0/status            -> StatusReport
 *     POST /v0/up    UpRequest   -> a line of JSON per UpEvent, until `running` or `error`
 *     POST /v0/down              -> {}          traffic stops, the login stays
 *     POST /v0/logout            -> LogoutReport  the login ends, here and at the control server
 *     POST /v0/ping  PingRequest -> a line of JSON per PingLine
 *     GET  /v0/why?peer=PEER     -> WhyReport (why-report.ts), within some 12 s
 *     GET  /v0/netcheck          -> a line of JSON per NetcheckLine (netcheck-report.ts), until `report` or `error`
 *     GET  /v0/portmap           -> PortMapReport (portmap-report.ts), within some 6 s
 *     GET  /v0/relay-map         -> the relay map in use, as control servers spell a DERP map
 *     GET  /v0/dns               -> DnsStatusReport (dns-report.ts)
 *     GET  /v0/dns/query?name=NAME&type=TYPE -> DnsQueryReport, within some 8 s
 *     GET  /v0/whois?address=ADDRESS -> WhoisReport (whois-report.ts); also a name
 *     GET  /v0/settings          -> SettingsReport
 *     PATCH /v0/settings SettingsRequest -> SettingsReport  changed live and kept over restarts
 *     POST /v0/shutdown          -> {}          the daemon ends after answering
 *
 * A refusal is a status of 400 or above with an ErrorReport. Requests whose Host is not
 * `local-warren.sock`, or that carry an Origin, are refused: a browser must not reach this API.
 */
import type { LoginState } from '@warren/core/control/io';
import type { NatReport } from './nat-report.js';
import type { ExitNodeStatus, RouteReport, RoutesRequest } from './route-report.js';

/** Every request names this host. */
export const LOCAL_API_HOST = 'local-warren.sock';

/** Where daemon and commands meet unless told otherwise. */
export const DEFAULT_SOCKET_PATH = '/run/warren/warren.sock';
export const DEFAULT_STATE_DIR = '/var/lib/warren';
/** The node's UDP port. */
export const DEFAULT_UDP_PORT = 41641;
export const DEFAULT_TUN_NAME = 'warren0';

/** What went wrong, for people and scripts. */
export interface ErrorReport {
  readonly error: { readonly code: string; readonly message: string; readonly hint: string };
}

export interface UpRequest {
  /** `https://host[:port]`; absent: the one of the last login. */
  readonly loginServer?: string;
  readonly authKey?: string;
  readonly hostName?: string;
  /** That the machine asks for when it logs in; absent: those of the last `up`. Policy decides. */
  readonly advertiseTags?: readonly string[];
  /** As `warren set --accept-dns` has it. */
  readonly acceptDns?: boolean;
  /** Log in anew with a new node key, also while the node runs. */
  readonly forceReauth?: boolean;
}

/** The daemon's states; `Stopped` is a login that `down` holds back. */
export type BackendState = LoginState | 'Stopped';

export type UpEvent =
  | { readonly event: 'state'; readonly state: BackendState }
  /** What is being done now, for people who wait. */
  | { readonly event: 'progress'; readonly message: string }
  /** A person has to open `url`; the page there shows the key of this machine, whose beginning `fingerprint` is. */
  | { readonly event: 'auth-url'; readonly url: string; readonly fingerprint: string }
  | { readonly event: 'running'; readonly name: string; readonly addresses: readonly string[] }
  | { readonly event: 'error'; readonly error: ErrorReport['error'] };

export interface LogoutReport {
  /** False: the control server could not be asked; it takes the machine for one that is away. */
  readonly told: boolean;
}

export interface PingRequest {
  /** Name, overlay address or the first label of a name. */
  readonly peer: string;
  /** Stops after so many pings (default 10). */
  readonly count?: number;
  /** Stops at the first direct pong (default true). */
  readonly untilDirect?: boolean;
  /** Between two pings (default 1,000). */
  readonly intervalMs?: number;
  /** One ping waits so long for its pong (default 5,000). */
  readonly timeoutMs?: number;
}

export type PingLine =
  | {
      readonly seq: number;
      readonly peer: string;
      readonly address: string;
      readonly path: 'direct' | 'relay';
      /** Of a direct pong. */
      readonly endpoint?: string;
      /** Code of the relay region of a relayed pong. */
      readonly region?: string;
      readonly latencyMs: number;
      /** From the first ping of this call to this answer. */
      readonly elapsedMs: number;
    }
  | {
      readonly seq: number;
      readonly peer: string;
      readonly address: string;
      readonly path: 'none';
      readonly reason: string;
      readonly elapsedMs: number;
    };

/**
 * Whether strangers reach an endpoint: from an address that it never sent to; from another port of one that it did; not
 * at all; null: not tried, or not to be told (docs/endpoints.md).
 */
export type EndpointVerdict = 'yes' | 'port-only' | 'no' | null;

/** An own endpoint that peers are told. */
export interface EndpointStatus {
  /** `ip:port`. */
  readonly addr: string;
  /** How it is known; `stun-local-port`: a guess that somebody forwards our port. */
  readonly type: 'local' | 'stun' | 'portmap' | 'stun-local-port' | 'static';
  readonly verified?: EndpointVerdict;
}

/** What the daemon was told, at its start and by `warren set`. */
export interface DaemonSettings {
  /** Where it looked for its configuration. */
  readonly configFile: string;
  /** From flags, environment, configuration and `warren set` together. */
  readonly staticEndpoints: readonly string[];
  /** TCP; absent or null: none. */
  readonly healthPort?: number | null;
  /** Routers are asked to forward the UDP port; absent: a daemon that doesn't say. */
  readonly portMapping?: boolean;
  /** Ports of hard NATs are foretold and guessed; absent: a daemon that doesn't say. */
  readonly hardNats?: boolean;
  /** The network's DNS settings are used; absent: a daemon that doesn't say. */
  readonly acceptDns?: boolean;
  /** Largest packet inside the tunnel; absent: a daemon that doesn't say. */
  readonly mtuBytes?: number;
  /** Absent: a daemon that doesn't say. */
  readonly routes?: RouteReport;
}

/** Changes what it names; the rest stays. */
export interface SettingsRequest {
  /** Replaces what an earlier request set; those of the daemon's start stay. */
  readonly staticEndpoints?: readonly string[];
  readonly hostName?: string;
  /** Whether ports of hard NATs are foretold and guessed. */
  readonly hardNats?: boolean;
  /** Whether the network's DNS settings are used. */
  readonly acceptDns?: boolean;
  /** What is announced, and what is used of others. */
  readonly routes?: RoutesRequest;
}

export interface SettingsReport {
  readonly configFile: string;
  /** What the control server is told. */
  readonly hostName: string;
  readonly staticEndpoints: {
    /** By `warren set`; kept over restarts. */
    readonly set: readonly string[];
    /** By flags, environment and configuration at the daemon's start. */
    readonly started: readonly string[];
    /** What peers are told: both, with names looked up. */
    readonly inUse: readonly string[];
  };
  readonly healthPort: number | null;
  readonly hardNats: boolean;
  readonly acceptDns?: boolean;
  readonly routes?: RouteReport;
}

export interface SelfStatus {
  readonly name: string;
  readonly hostName: string;
  /** Login name of its owner. */
  readonly user: string;
  readonly addresses: readonly string[];
  readonly nodeKey: string;
  readonly endpoints: readonly EndpointStatus[];
  readonly udpPort: number | null;
  /** What the last network check said of the NAT; absent or null while no engine runs. */
  readonly nat?: NatReport | null;
  /** Code of the home relay region. */
  readonly relay: string | null;
  /** Networks that it announces, and those of them that control lets it serve; absent: a daemon that doesn't say. */
  readonly announcedRoutes?: readonly string[];
  readonly servedRoutes?: readonly string[];
}

export interface PeerStatus {
  readonly name: string;
  readonly hostName: string;
  readonly os: string;
  readonly user: string;
  readonly addresses: readonly string[];
  readonly nodeKey: string;
  /** What data takes now; null: nothing known. */
  readonly path: 'direct' | 'relay' | null;
  /** ip:port of a direct path. */
  readonly endpoint: string | null;
  /** The direct path was found by foretelling the ports of a hard NAT. */
  readonly foretold?: true;
  /** By a list of ports, or by guesses among the many ports of many sockets; only with `foretold`. */
  readonly method?: 'predict' | 'birthday';
  /** Code of the peer's home relay region. */
  readonly relay: string | null;
  readonly latencyMs: number | null;
  /** ISO time. */
  readonly lastHandshake: string | null;
  readonly rxBytes: number;
  readonly txBytes: number;
  /** null: control doesn't know. */
  readonly online: boolean | null;
  /** ISO time when an offline peer was last there; null or absent: unknown. */
  readonly lastSeen?: string | null;
  /** Sent to within the last 45 s. */
  readonly active: boolean;
  /** Subnets behind it. */
  readonly routes?: readonly string[];
  /** It can be used as an exit node. */
  readonly exitNodeOption?: boolean;
  /** It is the one in use. */
  readonly exitNode?: boolean;
}

export interface HistoryEntry {
  /** ISO time. */
  readonly at: string;
  /** `nat`: our own NAT is of another class; from and to are classes. */
  readonly kind: 'path' | 'nat';
  /** null: of `nat`. */
  readonly peer: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly cause: string;
}

export interface StatusReport {
  readonly version: string;
  readonly state: BackendState;
  readonly loginServer: string | null;
  readonly authUrl: string | null;
  readonly settings: DaemonSettings;
  readonly self: SelfStatus | null;
  readonly peers: readonly PeerStatus[];
  /** Sentences about what is wrong now, ours and what control warns of; empty: healthy. */
  readonly health: readonly string[];
  readonly history: readonly HistoryEntry[];
  /** Everything dropped or refused, by reason. */
  readonly counters: Readonly<Record<string, number>>;
  /** Absent: none is wanted. */
  readonly exitNode?: ExitNodeStatus;
}
