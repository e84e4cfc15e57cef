/** Keys as WireGuard's own tools write them: 32 bytes in standard base64, 44 characters with one `=`. */
import { isAllZero } from '../base/bytes.js';
import { decodeBase64, encodeBase64 } from '../base/text.js';
import {
  KEY_BYTES,
  type NodeKey,
  type NodePrivateKey,
  publicKeyBytes,
  publicKeyFromBytes,
} from './keys.js';

/** A public key of `wg pubkey`; undefined when it is none, or the zero key. */
export function parseWireGuardKey(text: string): NodeKey | undefined {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) return undefined;
  const bytes = decodeBase64(text);
  if (bytes?.length !== KEY_BYTES || isAllZero(bytes)) return undefined;
  return publicKeyFromBytes('node', bytes);
}

export function formatWireGuardKey(key: NodeKey): string {
  return encodeBase64(publicKeyBytes(key));
}

/** For a file that only its owner reads, or a screen once. */
export function formatWireGuardPrivateKey(key: NodePrivateKey): string {
  return encodeBase64(key);
}
