/**
 * What a node keeps between starts: its machine key and its login, in one file of mode 0600 that is
 * replaced atomically. A file that can't be read is never overwritten.
 */
import { asObject, parseJsonText } from '@warren/core/base/json';
import {
  formatPrivateKey,
  formatPublicKey,
  generatePrivateKey,
  type MachineKey,
  type MachinePrivateKey,
  type NodePrivateKey,
  parsePrivateKey,
  parsePublicKey,
} from '@warren/core/keys/keys';
import type { Random } from '@warren/core/ports';
import { type RouteChange, readRouteChange } from '../config/route-settings.js';
import {
  MAX_STATIC_ENDPOINTS,
  parseStaticEndpoint,
  type StaticEndpoint,
} from '../config/static-endpoints.js';

/** The layout's version; a newer file is refused rather than misread. */
const PROFILE_VERSION = 1;

/** Pins that came with the auth key of the first join. */
export interface ServerPins {
  /** SHA-256 of the server certificate's DER, hex. */
  readonly certificateSha256: string;
  readonly controlKey: MachineKey;
}

/** What joins this machine to one network. */
export interface Login {
  /** `https://host[:port]`. */
  readonly server: string;
  readonly pins: ServerPins | undefined;
  /** Undefined until a registration began. */
  readonly nodeKey: NodePrivateKey | undefined;
  /** The control server has taken the node key. */
  readonly joined: boolean;
}

export interface Profile {
  readonly machineKey: MachinePrivateKey;
  /** Undefined: never logged in, or logged out. */
  readonly login: Login | undefined;
  /** What to go back to while `login` is a change to another server that hasn't succeeded yet. */
  readonly previous: Login | undefined;
  readonly hostName: string | undefined;
  /** Tags that it asks for at a login; undefined: none. */
  readonly advertiseTags?: readonly string[] | undefined;
  /** What `warren set` says; added to those of the daemon's start. */
  readonly staticEndpoints: readonly StaticEndpoint[];
  /** What `warren set` says; undefined: as at the daemon's start. */
  readonly hardNats?: boolean | undefined;
  /** Likewise: the network's DNS settings are used. */
  readonly acceptDns?: boolean | undefined;
  /** What `warren set` and `up` say of routes, over what the daemon's start says. */
  readonly routes?: RouteChange | undefined;
  /** False after `down`. */
  readonly wantRunning: boolean;
}

export function freshProfile(random: Random): Profile {
  return {
    machineKey: generatePrivateKey('machine', random),
    login: undefined,
    previous: undefined,
    hostName: undefined,
    staticEndpoints: [],
    wantRunning: false,
  };
}

/** JSON text of a profile. Holds private keys: for the state file only. */
export function formatProfile(profile: Profile): string {
  const text = {
    version: PROFILE_VERSION,
    machineKey: formatPrivateKey(profile.machineKey),
    login: profile.login === undefined ? null : loginJson(profile.login),
    previous: profile.previous === undefined ? null : loginJson(profile.previous),
    hostName: profile.hostName ?? null,
    staticEndpoints: profile.staticEndpoints,
    ...(profile.hardNats === undefined ? {} : { hardNats: profile.hardNats }),
    ...(profile.acceptDns === undefined ? {} : { acceptDns: profile.acceptDns }),
    ...(profile.routes === undefined ? {} : { routes: profile.routes }),
    ...(profile.advertiseTags === undefined ? {} : { advertiseTags: profile.advertiseTags }),
    wantRunning: profile.wantRunning,
  };
  return `${JSON.stringify(text, undefined, 2)}\n`;
}

function loginJson(login: Login): object {
  const { server, pins, nodeKey, joined } = login;
  return {
    server,
    pins:
      pins === undefined
        ? null
        : {
            certificateSha256: pins.certificateSha256,
            controlKey: formatPublicKey('machine', pins.controlKey),
          },
    nodeKey: nodeKey === undefined ? null : formatPrivateKey(nodeKey),
    joined,
  };
}

/**
 * A profile of its JSON text; undefined when any part of the text is not as it was written: half a profile
 * would be stored again without the other half.
 */
export function parseProfile(text: string): Profile | undefined {
  const fields = asObject(parseJsonText(text));
  const machineKey = privateKey('machine', fields?.['machineKey']);
  if (fields?.['version'] !== PROFILE_VERSION || machineKey === undefined) return undefined;
  const login = orNull(fields['login'], parseLogin);
  const previous = orNull(fields['previous'], parseLogin);
  const hostName = orNull(fields['hostName'], textOf);
  const staticEndpoints = parseEndpoints(fields['staticEndpoints']);
  const wantRunning = fields['wantRunning'];
  const hardNats = fields['hardNats'];
  const routes = fields['routes'] === undefined ? {} : readRouteChange(fields['routes']);
  if (routes === undefined) return undefined;
  const advertiseTags = parseTags(fields['advertiseTags']);
  if (advertiseTags === WRONG) return undefined;
  const acceptDns = fields['acceptDns'];
  if (hardNats !== undefined && typeof hardNats !== 'boolean') return undefined;
  if (acceptDns !== undefined && typeof acceptDns !== 'boolean') return undefined;
  if (login === WRONG || previous === WRONG || hostName === WRONG) return undefined;
  if (staticEndpoints === undefined || typeof wantRunning !== 'boolean') return undefined;
  const profile = { machineKey, login, previous, hostName, staticEndpoints, wantRunning };
  return {
    ...profile,
    ...(hardNats === undefined ? {} : { hardNats }),
    ...(acceptDns === undefined ? {} : { acceptDns }),
    ...(fields['routes'] === undefined ? {} : { routes }),
    ...(advertiseTags === undefined ? {} : { advertiseTags }),
  };
}

function parseTags(value: unknown): readonly string[] | undefined | typeof WRONG {
  if (value === undefined) return undefined;
  const isList = Array.isArray(value) && value.every((tag) => typeof tag === 'string');
  return isList ? value : WRONG;
}

const WRONG = Symbol('not as it was written');

/** Undefined for null, {@link WRONG} for what `read` can't read. */
function orNull<T>(
  value: unknown,
  read: (value: unknown) => T | undefined,
): T | undefined | typeof WRONG {
  return value === null ? undefined : (read(value) ?? WRONG);
}

function parseLogin(value: unknown): Login | undefined {
  const fields = asObject(value);
  const server = textOf(fields?.['server']);
  const pins = orNull(fields?.['pins'], parsePins);
  const nodeKey = orNull(fields?.['nodeKey'], (key) => privateKey('node', key));
  const joined = fields?.['joined'];
  if (server === undefined || pins === WRONG || nodeKey === WRONG) return undefined;
  return typeof joined === 'boolean' ? { server, pins, nodeKey, joined } : undefined;
}

/** Absent in files of versions that had no such setting. */
function parseEndpoints(value: unknown = []): StaticEndpoint[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_STATIC_ENDPOINTS) return undefined;
  const endpoints = value.map((text) => parseStaticEndpoint(textOf(text) ?? '').endpoint);
  return endpoints.every((endpoint) => endpoint !== undefined) ? endpoints : undefined;
}

function parsePins(value: unknown): ServerPins | undefined {
  const fields = asObject(value);
  const certificateSha256 = textOf(fields?.['certificateSha256']);
  const controlKey = parsePublicKey('machine', textOf(fields?.['controlKey']) ?? '');
  if (certificateSha256 === undefined || controlKey === undefined) return undefined;
  return /^[0-9a-f]{64}$/.test(certificateSha256) ? { certificateSha256, controlKey } : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function privateKey<Kind extends 'machine' | 'node'>(kind: Kind, value: unknown) {
  return typeof value === 'string' ? parsePrivateKey(kind, value) : undefined;
}
