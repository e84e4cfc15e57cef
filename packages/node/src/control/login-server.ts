/** The address of a control server, as people give it. */
import { type HubPins, parsePins } from '@warren/core/control/auth-key';
import { NodeError } from '../errors.js';

/**
 * Parses `https://host[:port]`, with or without a hub's pins behind a `#`; the protocol knows no path and no
 * password. Throws LOGIN_SERVER_URL. The same server has one `origin`, however it was spelt; the URL has no pins.
 */
export function parseLoginServer(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' && (url.hash === '' || pinsIn(url) !== undefined)) {
    url.hash = '';
    if (url.href === `${url.origin}/`) return url;
  }
  throw new NodeError(
    'LOGIN_SERVER_URL',
    `${text} is not the address of a control server`,
    'give it as https://HOST or https://HOST:PORT, without a path, as the hub printed it',
  );
}

/** The pins behind an address that {@link parseLoginServer} took. */
export function pinsOfServer(text: string): HubPins | undefined {
  return pinsIn(new URL(text));
}

function pinsIn(url: URL): HubPins | undefined {
  return parsePins(url.hash.slice(1));
}
