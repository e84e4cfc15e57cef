/** Lines of `warren ping`, spelled as Tailscale's so that scripts and eyes find what they know. */
import type { PingLine } from '@warren/node/local-api/protocol';
import { formatRoundTrip } from './duration.js';
import { printable } from './printable.js';

/** `pong from desk (100.64.0.2) via DERP(hbt) in 34ms`, or why none came. */
export function renderPingLine(line: PingLine): string {
  const who = `${printable(line.peer)} (${printable(line.address)})`;
  if (line.path === 'none') return `no reply from ${who}: ${printable(line.reason)}`;
  const via =
    line.path === 'direct'
      ? printable(line.endpoint ?? 'a direct path')
      : `DERP(${printable(line.region ?? '?')})`;
  return `pong from ${who} via ${via} in ${formatRoundTrip(line.latencyMs)}`;
}
