/** A public key as two people compare it, on the telephone or between two screens. */
import type { DiscoKey, MachineKey, NodeKey } from './keys.js';

/** 24 hex digits, 96 bits: nobody makes another key that begins so. */
const DIGITS = 24;
const GROUP_DIGITS = 4;

/** `244f e3b9 63e8 99dd 295b affc`: the key's first 96 bits. */
export function keyFingerprint(key: NodeKey | MachineKey | DiscoKey): string {
  const digits = key.slice(0, DIGITS);
  return (digits.match(new RegExp(`.{${GROUP_DIGITS}}`, 'g')) ?? []).join(' ');
}
