/** The receiving side of transfer-wire.ts. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { dataByte, headerBytes, pingByte, silenceMs } from './transfer-wire.js';

/** Nobody sends more than this in a lab; a longer header is a stranger's connection. */
const maxTransferBytes = 2 ** 40;

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  socket.setTimeout(silenceMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  let header = Buffer.alloc(0);
  let left = -1;
  const hash = createHash('sha256');
  socket.on('data', (input: Buffer) => {
    let chunk = input;
    while (left < 0 && header.length === 0 && chunk[0] === pingByte) {
      socket.write(chunk.subarray(0, 1));
      chunk = chunk.subarray(1);
    }
    if (left < 0) {
      const needed = headerBytes - header.length;
      header = Buffer.concat([header, chunk.subarray(0, needed)]);
      chunk = chunk.subarray(needed);
      if (header.length > 0 && header[0] !== dataByte) socket.destroy();
      if (header.length < headerBytes || socket.destroyed) return;
      left = Number(header.readBigUInt64BE(1));
      if (left > maxTransferBytes) socket.destroy();
    }
    hash.update(chunk);
    left -= chunk.length;
    if (left === 0) socket.end(hash.digest());
    else if (left < 0) socket.destroy();
  });
}

/** Serves whoever connects; resolves when it listens. */
export async function receive(host: string, port: number): Promise<void> {
  const server = createServer(serve);
  server.listen({ host, port });
  await once(server, 'listening');
}
