import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { wallTime } from '@warren/core/base/instant';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parsePin, pinOfPem } from './pins.js';
import { loadOrMakeSelfSigned, makeSelfSigned } from './self-signed.js';

const now = wallTime(Date.UTC(2026, 10, 22));
let directory = '';
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'warren-tls-'));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

describe('a made certificate', () => {
  const hosts = ['relay.example.net', '192.0.2.7', '2001:db8::7'];
  const identity = makeSelfSigned(hosts, now);
  const certificate = new X509Certificate(identity.certificatePem);

  test('covers every host name and address, and no other', () => {
    expect(certificate.checkHost('relay.example.net')).toBe('relay.example.net');
    expect(certificate.checkIP('192.0.2.7')).toBe('192.0.2.7');
    expect(certificate.checkIP('2001:db8::7')).toBeDefined();
    expect(certificate.checkHost('other.example.net')).toBeUndefined();
    expect(certificate.checkIP('192.0.2.8')).toBeUndefined();
  });

  test('signs itself, is no authority and lives ten years', () => {
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect(Date.parse(certificate.validFrom)).toBeLessThan(now);
    const years = (Date.parse(certificate.validTo) - now) / (365.25 * 86_400_000);
    expect(years).toBeGreaterThan(9.9);
    expect(years).toBeLessThan(10.1);
  });

  test('satisfies OpenSSL with strict checks', () => {
    const file = path.join(directory, 'certificate.pem');
    fs.writeFileSync(file, identity.certificatePem);
    const verified = execFileSync(
      'openssl',
      [
        'verify',
        '-x509_strict',
        '-check_ss_sig',
        '-purpose',
        'sslserver',
        '-partial_chain',
        '-attime',
        String(now / 1000),
        '-verify_ip',
        '192.0.2.7',
        '-trusted',
        file,
        file,
      ],
      { encoding: 'utf8', stdio: 'pipe' },
    );
    expect(verified).toContain('OK');
  });

  test('has a pin that two makings never share', () => {
    expect(parsePin(identity.pin)).toBe(identity.pin);
    expect(makeSelfSigned(hosts, now).pin).not.toBe(identity.pin);
  });
});

test('dates after 2049 are written in the long form', () => {
  const { certificatePem } = makeSelfSigned(['a'], wallTime(Date.UTC(2045, 0, 1)));
  expect(new Date(new X509Certificate(certificatePem).validTo).getUTCFullYear()).toBe(2054);
});

test.each(['', 'a b', '[::1]', '-x', 'a/b', '1.2.3.4:443'])('refuses %j as a host', (host) => {
  expect(() => makeSelfSigned([host], now)).toThrow(/neither a host name nor an IP address/);
});

test('names over 64 characters stand in the alternative names alone', () => {
  const host = `${'x'.repeat(60)}.${'y'.repeat(60)}.example`;
  const certificate = new X509Certificate(makeSelfSigned([host], now).certificatePem);
  expect(certificate.checkHost(host, { subject: 'never' })).toBe(host);
});

describe('the stored identity', () => {
  test('is made once, privately, and loaded afterwards', () => {
    const first = loadOrMakeSelfSigned(directory, ['relay.example.net'], now);
    const second = loadOrMakeSelfSigned(directory, ['relay.example.net'], now);
    expect(second.pin).toBe(first.pin);
    expect(second.privateKeyPem.trim()).toBe(first.privateKeyPem.trim());
    expect(second.reissued).toBeUndefined();
    expect(pinOfPem(second.certificatePem)).toBe(first.pin);
    expect(fs.statSync(path.join(directory, 'tls.pem')).mode & 0o777).toBe(0o600);
  });

  test('is made anew for another host or before it expires, keeping the old one aside', () => {
    const first = loadOrMakeSelfSigned(directory, ['a.example'], now);
    const moved = loadOrMakeSelfSigned(directory, ['b.example'], now);
    expect(moved.reissued).toBe('host-name');
    expect(moved.pin).not.toBe(first.pin);
    const later = loadOrMakeSelfSigned(directory, ['b.example'], wallTime(now + 3640 * 86_400_000));
    expect(later.reissued).toBe('expired');
    expect(fs.readdirSync(directory).sort()).toEqual([
      'tls.pem',
      'tls.pem.replaced-1',
      'tls.pem.replaced-2',
    ]);
  });

  test('comes back with the host it was made for, so a start under a wrong name strands nobody', () => {
    const first = loadOrMakeSelfSigned(directory, ['a.example'], now);
    const wrong = loadOrMakeSelfSigned(directory, ['typo.example'], now);
    expect(loadOrMakeSelfSigned(directory, ['a.example'], now)).toMatchObject({
      pin: first.pin,
      reissued: undefined,
    });
    expect(loadOrMakeSelfSigned(directory, ['typo.example'], now).pin).toBe(wrong.pin);
    expect(loadOrMakeSelfSigned(directory, ['a.example'], now).pin).toBe(first.pin);
    expect(fs.readdirSync(directory)).toHaveLength(2);
    fs.writeFileSync(path.join(directory, 'tls.pem.replaced-9'), 'damaged');
    expect(loadOrMakeSelfSigned(directory, ['typo.example'], now).pin).toBe(wrong.pin);
  });

  test('is refused when damaged, and left as it is', () => {
    const first = loadOrMakeSelfSigned(directory, ['a'], now);
    const other = makeSelfSigned(['a'], now);
    const file = path.join(directory, 'tls.pem');
    const damaged = [first.certificatePem, `${other.privateKeyPem}${first.certificatePem}`, ''];
    for (const content of damaged) {
      fs.writeFileSync(file, content);
      expect(() => loadOrMakeSelfSigned(directory, ['a'], now)).toThrow(/is damaged/);
      expect(fs.readFileSync(file, 'utf8')).toBe(content);
    }
  });
});
