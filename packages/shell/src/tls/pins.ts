/**
 * Pins of self-signed certificates: `sha256-raw:<64 hex>`, the SHA-256 of the whole leaf certificate in DER,
 * as Tailscale's DERP map spells it in `CertName`.
 *
 * A pinned connection is made with `rejectUnauthorized: false` and must be checked with
 * {@link verifyPinned} before the first byte is trusted.
 */
import { createHash, X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { equalSecret } from '@warren/core/base/bytes';

declare const pinBrand: unique symbol;

/** Canonical text of a pin, with its prefix. */
export type CertificatePin = string & { readonly [pinBrand]: true };

const PIN_PREFIX = 'sha256-raw:';

/** The pin of a certificate in DER. */
export function pinOfDer(der: Uint8Array): CertificatePin {
  return (PIN_PREFIX + createHash('sha256').update(der).digest('hex')) as CertificatePin;
}

/** The pin of the first certificate of a PEM chain. Throws when it is none. */
export function pinOfPem(pem: string): CertificatePin {
  return pinOfDer(new X509Certificate(pem).raw);
}

/** Parses `sha256-raw:<64 hex>`, either case; undefined when it is something else, such as a TLS name. */
export function parsePin(text: string): CertificatePin | undefined {
  const hex = text.startsWith(PIN_PREFIX) ? text.slice(PIN_PREFIX.length) : '';
  return /^[0-9a-fA-F]{64}$/.test(hex)
    ? ((PIN_PREFIX + hex.toLowerCase()) as CertificatePin)
    : undefined;
}

/** True when the peer of a finished handshake presented exactly the pinned certificate. */
export function verifyPinned(socket: TLSSocket, pin: CertificatePin): boolean {
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return false;
  return equalSecret(Buffer.from(pinOfDer(leaf.raw)), Buffer.from(pin));
}
