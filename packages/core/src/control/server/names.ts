/**
 * DNS labels from what machines call themselves.
 *
 *     Joe's Mac mini -> joes-mac-mini     mail.server -> mail-server     My-PC! -> my-pc     (CJK only) -> node
 *     laptop, taken  -> laptop-1, laptop-2 ... the lowest that is free
 *
 * Every name can be made into a label: one odd name must never spoil the map of its peers.
 */

/** RFC 1035 section 2.3.4. */
const LABEL_LENGTH_MAX = 63;
/** A whole name with all dots, RFC 1035 section 2.3.4. */
const FQDN_LENGTH_MAX = 255;

/** Endings that routers and systems append; they say nothing of the machine. */
const COMMON_SUFFIX = /\.(local|lan|localdomain|localhost|home|internal|home\.arpa)\.?$/i;

/** What a machine without any usable name is called. */
const FALLBACK = 'node';

function trimHyphens(label: string): string {
  return label.replace(/^[^a-z0-9]+/, '').replace(/[^a-z0-9]+$/, '');
}

/** The label of a raw host name; never empty. */
export function dnsLabel(hostName: string): string {
  const label = hostName
    .replace(COMMON_SUFFIX, '')
    .toLowerCase()
    .replace(/[ ._@]/g, '-')
    .replace(/[^a-z0-9-]/g, '');
  const trimmed = trimHyphens(trimHyphens(label).slice(0, LABEL_LENGTH_MAX));
  return trimmed === '' ? FALLBACK : trimmed;
}

/**
 * `label`, or `label-1`, `label-2` ... when it is taken. Cut so that the whole name under `baseDomain` stays
 * within DNS limits.
 */
export function uniqueLabel(
  label: string,
  baseDomain: string,
  isTaken: (label: string) => boolean,
): string {
  const room = Math.min(LABEL_LENGTH_MAX, FQDN_LENGTH_MAX - baseDomain.length - 2);
  for (let number = 0; ; number++) {
    const suffix = number === 0 ? '' : `-${number}`;
    const candidate = trimHyphens(label.slice(0, Math.max(1, room - suffix.length))) + suffix;
    if (!isTaken(candidate)) return candidate;
  }
}

/** True for what an operator may call a node: strict, nothing is mended. */
export function isLabel(label: string, baseDomain: string): boolean {
  return (
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label) &&
    fullName(label, baseDomain).length <= FQDN_LENGTH_MAX
  );
}

/** `label.base.`, with the trailing dot that the wire wants. */
export function fullName(label: string, baseDomain: string): string {
  return `${label}.${baseDomain}.`;
}
