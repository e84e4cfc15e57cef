/**
 * Approval codes: what a person types on a hub's approval page so that a machine may join.
 *
 *     xxxx-xxxx-xxxx-xxxx-xxxx-xxxx     24 characters, none of which looks like another
 *     the first 8 name the code, the other 16 are its secret (79 bits)
 *
 * Read with any case, spaces and hyphens: it may come over the telephone. Servers keep only the SHA-256 of the
 * secret; a code opens nothing but the page, where tries are few.
 */
import type { Random } from '../ports.js';
import { randomLabel } from './random-label.js';

/** Without 0 o 1 l i. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
const ID_CHARACTERS = 8;
const SECRET_CHARACTERS = 16;
const PATTERN = new RegExp(`^[${ALPHABET}]{${ID_CHARACTERS + SECRET_CHARACTERS}}$`);
const GROUP_CHARACTERS = 4;
/** A person's hyphens and blanks included. */
const TEXT_CHARACTERS_MAX = 64;

export interface ApprovalCode {
  /** Names the code in lists; not secret. */
  readonly id: string;
  readonly secret: string;
}

export function generateApprovalCode(random: Random): ApprovalCode {
  return {
    id: randomLabel(random, ID_CHARACTERS, ALPHABET),
    secret: randomLabel(random, SECRET_CHARACTERS, ALPHABET),
  };
}

/** The text that a person reads. */
export function formatApprovalCode({ id, secret }: ApprovalCode): string {
  const text = `${id}${secret}`;
  const groups: string[] = [];
  for (let at = 0; at < text.length; at += GROUP_CHARACTERS) {
    groups.push(text.slice(at, at + GROUP_CHARACTERS));
  }
  return groups.join('-');
}

/** What a person typed; undefined when it can't be a code. */
export function parseApprovalCode(typed: string): ApprovalCode | undefined {
  if (typed.length > TEXT_CHARACTERS_MAX) return undefined;
  const text = typed.toLowerCase().replace(/[\s-]/g, '');
  if (!PATTERN.test(text)) return undefined;
  return { id: text.slice(0, ID_CHARACTERS), secret: text.slice(ID_CHARACTERS) };
}
