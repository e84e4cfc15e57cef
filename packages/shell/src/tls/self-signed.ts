/**
 * Self-signed server certificates for hubs and relays without a public name: ECDSA on P-256, ten years,
 * pinned by their clients (pins.ts).
 *
 * Key and certificate live in one file, so that they can't come apart. A certificate that expires or does
 * not cover a new host name is made anew and the old one kept aside; every client that pinned it must learn
 * the new pin, so the caller says it aloud. One kept aside that covers the name comes back: a start under a wrong
 * name strands nobody for good.
 */
import {
  createPrivateKey,
  createSign,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import { concatBytes } from '@warren/core/base/bytes';
import { type WallTime, wallTime } from '@warren/core/base/instant';
import { encodeUtf8 } from '@warren/core/base/text';
import { addressBytes, parseAddress } from '@warren/core/ip/address';
import { CertificateError } from '../errors.js';
import {
  createFileAtomic,
  ensureDirectory,
  linkAside,
  readStateFile,
  type StateFile,
  writeFileAtomic,
} from '../files/atomic-file.js';
import {
  derBitString,
  derBoolean,
  derContext,
  derExplicit,
  derInteger,
  derObjectId,
  derOctetString,
  derSequence,
  derSet,
  derTime,
  derUtf8,
} from './der.js';
import { type CertificatePin, pinOfPem } from './pins.js';

/** What a TLS server needs. */
export interface ServerIdentity {
  /** The server's own certificate first, then those that signed it. */
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** What clients know the certificate by; undefined: by its name, as an authority signed it. */
  readonly pin: CertificatePin | undefined;
}

/** A certificate that is known by its pin. */
export interface TlsIdentity extends ServerIdentity {
  readonly pin: CertificatePin;
}

/** Why a stored certificate was replaced. */
export type ReissueReason = 'expired' | 'host-name';

export interface LoadedTlsIdentity extends TlsIdentity {
  /** Undefined: the stored one serves, or an earlier one again, or there was none. */
  readonly reissued: ReissueReason | undefined;
}

const DAY_MS = 24 * 3_600_000;
/** A pinned certificate ends only by its pin; ten years outlast the machine without looking absurd to tools. */
const VALID_MS = 3650 * DAY_MS;
/** Clients whose clock is behind must not find the certificate not yet valid. */
const BACKDATED_MS = 30 * DAY_MS;
/** Time to tell clients the new pin before the old certificate stops. */
const RENEW_BEFORE_MS = 30 * DAY_MS;
/** X.520 allows 64 characters in a common name; longer host names stand in the SAN alone. */
const COMMON_NAME_MAX = 64;
/** RFC 5280 section 4.1.2.2 allows 20 bytes; 16 random ones are unique. */
const SERIAL_BYTES = 16;

const FILE_NAME = 'tls.pem';
const ASIDE_LABEL = 'replaced';

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;

function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? [derBoolean(true)] : [];
  return derSequence(derObjectId(oid), ...flag, derOctetString(value));
}

function subjectAltName(hosts: readonly string[]): Uint8Array {
  const names = hosts.map((host) => {
    const address = parseAddress(host);
    return address === undefined
      ? derContext(2, encodeUtf8(host))
      : derContext(7, addressBytes(address));
  });
  return derSequence(...names);
}

function checkHosts(hosts: readonly string[]): void {
  for (const host of hosts) {
    if (parseAddress(host) !== undefined || /^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$/.test(host))
      continue;
    throw new CertificateError(
      `${JSON.stringify(host)} is neither a host name nor an IP address`,
      'Give a DNS name or an address without port and brackets, such as relay.example.net or 192.0.2.7.',
    );
  }
}

function toBeSigned(hosts: readonly string[], publicKey: KeyObject, now: WallTime): Uint8Array {
  const commonName = (hosts[0] ?? 'warren').slice(0, COMMON_NAME_MAX);
  const name = derSequence(derSet(derSequence(derObjectId(OID.commonName), derUtf8(commonName))));
  const serial = randomBytes(SERIAL_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40; // positive and never shortened
  const extensions = [
    extension(OID.basicConstraints, true, derSequence()),
    // digitalSignature, the first of the usage bits
    extension(OID.keyUsage, true, derBitString(Uint8Array.of(0x80), 7)),
    extension(OID.extendedKeyUsage, false, derSequence(derObjectId(OID.serverAuth))),
    extension(OID.subjectAltName, false, subjectAltName(hosts)),
  ];
  return derSequence(
    derExplicit(0, derInteger(Uint8Array.of(2))), // version 3
    derInteger(serial),
    derSequence(derObjectId(OID.ecdsaWithSha256)),
    name,
    derSequence(derTime(wallTime(now - BACKDATED_MS)), derTime(wallTime(now + VALID_MS))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    derExplicit(3, derSequence(...extensions)),
  );
}

function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** A new key and certificate for `hosts` (DNS names or IP addresses; the first is the common name). */
export function makeSelfSigned(hosts: readonly string[], now: WallTime): TlsIdentity {
  checkHosts(hosts);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const body = toBeSigned(hosts, publicKey, now);
  const signature = createSign('sha256').update(body).sign(privateKey);
  const algorithm = derSequence(derObjectId(OID.ecdsaWithSha256));
  const certificate = concatBytes(derSequence(body, algorithm, derBitString(signature)));
  const certificatePem = pem('CERTIFICATE', certificate);
  return {
    certificatePem,
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    pin: pinOfPem(certificatePem),
  };
}

function block(text: string, label: string): string | undefined {
  return new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----`).exec(text)?.[0];
}

/** Key and certificate of one PEM text; undefined unless both are there and belong together. */
function parseIdentity(text: string): TlsIdentity | undefined {
  const certificatePem = block(text, 'CERTIFICATE');
  const privateKeyPem = block(text, 'PRIVATE KEY');
  if (certificatePem === undefined || privateKeyPem === undefined) return undefined;
  try {
    const certificate = new X509Certificate(certificatePem);
    if (!certificate.checkPrivateKey(createPrivateKey(privateKeyPem))) return undefined;
    return { certificatePem, privateKeyPem, pin: pinOfPem(certificatePem) };
  } catch {
    return undefined;
  }
}

function reasonToReissue(
  identity: TlsIdentity,
  hosts: readonly string[],
  now: WallTime,
): ReissueReason | undefined {
  const certificate = new X509Certificate(identity.certificatePem);
  if (Date.parse(certificate.validTo) - RENEW_BEFORE_MS < now) return 'expired';
  const covered = hosts.every((host) =>
    parseAddress(host) === undefined
      ? certificate.checkHost(host) !== undefined
      : certificate.checkIP(host) !== undefined,
  );
  return covered ? undefined : 'host-name';
}

/**
 * The identity stored as `tls.pem` in `directory` (mode 0600), made at the first call. A damaged file is
 * refused and left as it is: its pin is in other people's maps.
 */
export function loadOrMakeSelfSigned(
  directory: string,
  hosts: readonly string[],
  now: WallTime,
): LoadedTlsIdentity {
  ensureDirectory(directory);
  checkHosts(hosts);
  const file: StateFile<TlsIdentity> = {
    path: path.join(directory, FILE_NAME),
    what: 'the TLS certificate',
    parse: parseIdentity,
    onCorrupt: 'refuse',
  };
  const stored = readStateFile(file);
  const reissued = stored === undefined ? undefined : reasonToReissue(stored, hosts, now);
  if (stored !== undefined && reissued === undefined) return { ...stored, reissued };
  const earlier = reissued === 'host-name' ? earlierOne(directory, hosts, now) : undefined;
  if (earlier !== undefined) {
    replaceKeeping(file.path, earlier.text);
    rmSync(earlier.file, { force: true });
    return { ...earlier.identity, reissued: undefined };
  }
  const made = makeSelfSigned(hosts, now);
  const text = made.privateKeyPem + made.certificatePem;
  if (stored !== undefined) {
    replaceKeeping(file.path, text);
    return { ...made, reissued };
  }
  if (createFileAtomic(file.path, text)) return { ...made, reissued };
  const theirs = readStateFile(file); // another process was faster
  return { ...(theirs ?? made), reissued };
}

/** The latest of those kept aside that serves `hosts`. */
function earlierOne(directory: string, hosts: readonly string[], now: WallTime) {
  const prefix = `${FILE_NAME}.${ASIDE_LABEL}-`;
  const numbers = readdirSync(directory)
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => b - a);
  for (const number of numbers) {
    const file = path.join(directory, `${prefix}${number}`);
    const text = readAside(file);
    const identity = parseIdentity(text);
    if (identity !== undefined && reasonToReissue(identity, hosts, now) === undefined) {
      return { file, text, identity };
    }
  }
  return undefined;
}

/** Empty when it can't be read: it was only kept in case. */
function readAside(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** At every moment, also when the disk is full, one of the two is there under the name. */
function replaceKeeping(file: string, text: string): void {
  const aside = linkAside(file, ASIDE_LABEL);
  try {
    writeFileAtomic(file, text);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}
