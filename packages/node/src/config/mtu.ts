/** How large packets inside the tunnel may be. WireGuard adds 60 bytes on the way over IPv4, 80 over IPv6. */

/**
 * Unless told otherwise: IPv6's minimum, which with those bytes fits through every path that carries 1,360.
 */
export const DEFAULT_MTU_BYTES = 1_280;

/** With less the kernel has no IPv6 on a device. */
export const MIN_MTU_BYTES = 1_280;

/** What jumbo frames of 9,000 bytes carry. */
export const MAX_MTU_BYTES = 8_920;

/** The MTU that a text says; undefined: none, or out of bounds. */
export function parseMtu(text: string): number | undefined {
  const bytes = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return bytes >= MIN_MTU_BYTES && bytes <= MAX_MTU_BYTES ? bytes : undefined;
}
