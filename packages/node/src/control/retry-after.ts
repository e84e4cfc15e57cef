/** The header Retry-After (RFC 9110 section 10.2.3): seconds, or a date. */

/** How long to wait, in milliseconds; undefined: the header is missing, makes no sense or names the past. */
export function readRetryAfter(header: string | undefined, wallMs: number): number | undefined {
  if (header === undefined) return undefined;
  const waitMs = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - wallMs;
  return waitMs > 0 ? waitMs : undefined;
}
