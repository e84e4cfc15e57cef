import { generateKeyPairSync } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { wallTime } from '@warren/core/base/instant';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CertificateFiles, readCertificateFiles } from './certificate-files.js';
import { makeSelfSigned } from './self-signed.js';

const now = wallTime(Date.UTC(2026, 10, 22));
const [own, other] = [['hub.example.net', '192.0.2.7'], ['other.example.net']].map((hosts) =>
  makeSelfSigned(hosts, now),
) as [ReturnType<typeof makeSelfSigned>, ReturnType<typeof makeSelfSigned>];
let directory = '';
let files: CertificateFiles;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'warren-certificate-'));
  files = {
    certificate: path.join(directory, 'fullchain.pem'),
    privateKey: path.join(directory, 'privkey.pem'),
  };
  write(own.certificatePem, own.privateKeyPem);
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

function write(certificate: string, privateKey: string): void {
  fs.writeFileSync(files.certificate, certificate);
  fs.writeFileSync(files.privateKey, privateKey);
}

test('the whole chain is served, and nothing pins it', () => {
  const chain = `# by an authority\n${own.certificatePem}\n${other.certificatePem}`;
  write(chain, own.privateKeyPem);
  for (const host of ['hub.example.net', '192.0.2.7']) {
    expect(readCertificateFiles(files, host)).toMatchObject({
      certificatePem: chain,
      privateKeyPem: own.privateKeyPem,
      pin: undefined,
    });
  }
});

test('it says until when', () => {
  const { validTo } = readCertificateFiles(files, 'hub.example.net');
  expect(validTo.getTime()).toBeGreaterThan(now);
});

test.for([
  ['a key of another certificate', own.certificatePem, other.privateKeyPem, 'is not that of'],
  [
    'a chain in the wrong order',
    other.certificatePem + own.certificatePem,
    own.privateKeyPem,
    'is not that of',
  ],
  ['a certificate for other names', other.certificatePem, other.privateKeyPem, 'is not for'],
  ['no certificate', own.privateKeyPem, own.privateKeyPem, 'no certificate'],
  [
    'a damaged certificate behind a good one',
    `${own.certificatePem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    own.privateKeyPem,
    'damaged',
  ],
  ['no key', own.certificatePem, own.certificatePem, 'no usable private key'],
  ['a key with a passphrase', own.certificatePem, lockedKey(), 'no usable private key'],
] as const)('%s can’t serve', ([, certificate, key, reason]) => {
  write(certificate, key);
  expect(() => readCertificateFiles(files, 'hub.example.net')).toThrow(
    expect.objectContaining({
      code: 'CERTIFICATE_UNUSABLE',
      message: expect.stringContaining(reason) as string,
    }),
  );
});

test('whom it is for is said', () => {
  expect(() => readCertificateFiles(files, '192.0.2.8')).toThrow(
    'is not for 192.0.2.8, but for hub.example.net, 192.0.2.7',
  );
});

test('a missing file is named', () => {
  fs.rmSync(files.privateKey);
  expect(() => readCertificateFiles(files, 'hub.example.net')).toThrow(files.privateKey);
});

function lockedKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
  return privateKey.export(options).toString();
}
