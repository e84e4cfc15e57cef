/** Ends a connection that is no use to us, and really ends it. */
import type { Duplex } from 'node:stream';

/** The last words need a round trip or two to arrive; who reads slower does without them. */
const LINGER_MS = 1_000;

/**
 * Says `lastWords` and closes. After an HTTP upgrade nobody reads the socket any more, and unread bytes would
 * hide that the client has left: such sockets stay open for ever. So what still comes is thrown away, and
 * after a moment the socket is destroyed whatever the client does.
 */
export function hangUp(socket: Duplex, lastWords: string | Uint8Array): void {
  const destroy = (): void => void socket.destroy();
  socket.on('error', destroy);
  socket.on('end', destroy);
  socket.resume();
  socket.end(lastWords);
  const cut = setTimeout(destroy, LINGER_MS);
  socket.once('close', () => clearTimeout(cut));
}
