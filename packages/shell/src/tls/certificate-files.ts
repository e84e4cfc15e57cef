/**
 * A certificate that an authority signed, as ACME clients leave it on disk: a chain in PEM, the server's own first, and its
 * private key in another file. Clients verify it by name, so nothing pins it, and it may be replaced while the server runs.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { parseAddress } from '@warren/core/ip/address';
import { CertificateError } from '../errors.js';
import { readFileStrict } from '../files/atomic-file.js';
import type { ServerIdentity } from './self-signed.js';

export interface CertificateFiles {
  /** certbot's `fullchain.pem`. */
  readonly certificate: string;
  /** certbot's `privkey.pem`. */
  readonly privateKey: string;
}

export interface SignedIdentity extends ServerIdentity {
  readonly pin: undefined;
  /** Of the server's own certificate. */
  readonly validTo: Date;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Both files, when they fit each other and `hostName`. Throws FileError for what can't be read and CertificateError for what
 * can't serve; one that has ended is no error, as its server may be what it takes to get the next.
 */
export function readCertificateFiles(files: CertificateFiles, hostName: string): SignedIdentity {
  const certificatePem = readText(files.certificate, 'the certificate');
  const privateKeyPem = readText(files.privateKey, 'the private key of the certificate');
  const [own] = parseChain(files.certificate, certificatePem);
  if (!own.checkPrivateKey(parseKey(files.privateKey, privateKeyPem))) {
    throw new CertificateError(
      `the first certificate in ${files.certificate} is not that of the key in ${files.privateKey}`,
      "Give the files of one certificate; the server's own comes first, those that signed it behind it.",
    );
  }
  const isFor =
    parseAddress(hostName) === undefined ? own.checkHost(hostName) : own.checkIP(hostName);
  if (isFor === undefined) {
    throw new CertificateError(
      `the certificate in ${files.certificate} is not for ${hostName}, but for ${namesOf(own)}`,
      'Name one of these with --host, or have a certificate made for this one.',
    );
  }
  return { certificatePem, privateKeyPem, pin: undefined, validTo: new Date(own.validTo) };
}

function readText(file: string, what: string): string {
  return Buffer.from(readFileStrict(file, what)).toString('utf8');
}

function parseChain(file: string, pem: string): [X509Certificate, ...X509Certificate[]] {
  try {
    const [own, ...others] = (pem.match(CERTIFICATE) ?? []).map((one) => new X509Certificate(one));
    if (own !== undefined) return [own, ...others];
  } catch (cause) {
    throw new CertificateError(
      `a certificate in ${file} is damaged`,
      'Have your ACME client write the file again.',
      cause,
    );
  }
  throw new CertificateError(
    `there is no certificate in ${file}`,
    'Give a chain in PEM, such as fullchain.pem of certbot.',
  );
}

function parseKey(file: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new CertificateError(
      `there is no usable private key in ${file}`,
      'Give one in PEM that needs no passphrase, such as privkey.pem of certbot.',
      cause,
    );
  }
}

/** As people write them. */
function namesOf(certificate: X509Certificate): string {
  return certificate.subjectAltName?.replaceAll(/\b(DNS|IP Address):/g, '') ?? 'no name at all';
}
