/** What `warren up` prints when it matters: the address to log in at, and that the node runs. */
import type { UpEvent } from '@warren/node/local-api/protocol';
import { printable } from './printable.js';

/** The URL alone on an indented line, as Tailscale prints it: terminals make it a link. */
export function renderVisit(visit: { readonly url: string; readonly fingerprint: string }): string {
  const address = `\nTo authenticate, visit:\n\n\t${printable(visit.url)}\n`;
  return `${address}\nThis machine's key begins with ${printable(visit.fingerprint)}; the page of a Warren hub shows the same.\n`;
}

/** `Success. desk is up: 100.64.0.2, fd7a:115c:a1e0::2` */
export function renderRunning(event: Extract<UpEvent, { event: 'running' }>): string {
  const name = printable(event.name.replace(/\.$/, ''));
  return `Success. ${name} is up: ${printable(event.addresses.join(', '))}`;
}
