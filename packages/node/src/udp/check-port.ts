/** Says at start, not minutes later, that the UDP port is taken. */
import { createSocket } from 'node:dgram';
import { NodeError } from '../errors.js';

/** Resolves when `port` is free on this machine (IPv4); rejects with UDP_PORT_TAKEN otherwise. */
export function checkUdpPort(port: number): Promise<void> {
  if (port === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      socket.close();
      reject(
        new NodeError(
          'UDP_PORT_TAKEN',
          `UDP port ${port} can't be opened (${cause.code ?? cause.message})`,
          cause.code === 'EACCES'
            ? 'ports below 1024 are for root: choose another one with --port (0: any free one)'
            : 'another WireGuard or mesh daemon uses it: stop that one, or choose a port with --port (0: any free one)',
          { cause },
        ),
      );
    });
    socket.bind({ port, exclusive: true }, () => socket.close(() => resolve()));
  });
}
