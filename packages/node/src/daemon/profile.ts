/**
 * What a node keeps between starts: its machine key and its login, in one file of mode 0600 that is
 * replaced atomically. A file that can't be read is never overwritten.
 */
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

/** The layout's version; a newer file is refused rather than misread. */
const PROFILE_VERSION = 1;

/** Pins that came with the auth key of the first join. */
export interface ServerPins {
  /** SHA-256 of the server certificate's DER, hex. */
  readonly certificateSha256: string;
  readonly controlKey: MachineKey;
}

export interface Profile {
  readonly machineKey: MachinePrivateKey;
  /** Undefined: never logged in, or logged out. */
  readonly nodeKey: NodePrivateKey | undefined;
  readonly loginServer: string | undefined;
  readonly pins: ServerPins | undefined;
  readonly hostName: string | undefined;
  /** False after `down`. */
  readonly wantRunning: boolean;
}

export function freshProfile(random: Random): Profile {
  return {
    machineKey: generatePrivateKey('machine', random),
    nodeKey: undefined,
    loginServer: undefined,
    pins: undefined,
    hostName: undefined,
    wantRunning: false,
  };
}

/** JSON text of a profile. Holds private keys: for the state file only. */
export function formatProfile(profile: Profile): string {
  const text = {
    version: PROFILE_VERSION,
    machineKey: formatPrivateKey(profile.machineKey),
    nodeKey: profile.nodeKey === undefined ? null : formatPrivateKey(profile.nodeKey),
    loginServer: profile.loginServer ?? null,
    pins:
      profile.pins === undefined
        ? null
        : {
            certificateSha256: profile.pins.certificateSha256,
            controlKey: formatPublicKey('machine', profile.pins.controlKey),
          },
    hostName: profile.hostName ?? null,
    wantRunning: profile.wantRunning,
  };
  return `${JSON.stringify(text, undefined, 2)}\n`;
}

/** A profile of its JSON text; undefined when the text is not one (the caller keeps the file aside). */
export function parseProfile(text: string): Profile | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const fields = json as Record<string, unknown>;
  const machineKey = privateKey('machine', fields['machineKey']);
  if (fields['version'] !== PROFILE_VERSION || machineKey === undefined) return undefined;
  const nodeKey = privateKey('node', fields['nodeKey']);
  if (nodeKey === undefined && fields['nodeKey'] !== null) return undefined;
  return {
    machineKey,
    nodeKey,
    loginServer: optionalText(fields['loginServer']),
    pins: parsePins(fields['pins']),
    hostName: optionalText(fields['hostName']),
    wantRunning: fields['wantRunning'] === true,
  };
}

function privateKey<Kind extends 'machine' | 'node'>(kind: Kind, value: unknown) {
  return typeof value === 'string' ? parsePrivateKey(kind, value) : undefined;
}

function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function parsePins(value: unknown): ServerPins | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { certificateSha256, controlKey } = value as Record<string, unknown>;
  const key = typeof controlKey === 'string' ? parsePublicKey('machine', controlKey) : undefined;
  if (typeof certificateSha256 !== 'string' || key === undefined) return undefined;
  return { certificateSha256, controlKey: key };
}
