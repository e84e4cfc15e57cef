/** The address of a control server, as people give it. */
import { NodeError } from '../errors.js';

/**
 * Parses `https://host[:port]`; the protocol knows no path and no password. Throws LOGIN_SERVER_URL. The same server
 * has one `origin`, however it was spelt.
 */
export function parseLoginServer(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' && url.href === `${url.origin}/`) return url;
  throw new NodeError(
    'LOGIN_SERVER_URL',
    `${text} is not the address of a control server`,
    'give it as https://HOST or https://HOST:PORT, without a path, as the hub printed it',
  );
}
