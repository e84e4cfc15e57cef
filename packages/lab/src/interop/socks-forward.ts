/**
 * A port of 127.0.0.1 that leads through a SOCKS5 server, so that programs without SOCKS can use the network
 * of a userspace daemon. Runs inside machines:
 *
 *     node socks-forward.js LISTEN-PORT SOCKS-PORT HOST PORT        prints `listening`
 *
 * SOCKS5 without a password (RFC 1928):
 *
 *     > 05 01 00                              < 05 00
 *     > 05 01 00 03 LEN HOST PORT(u16)        < 05 00 00 01 ADDRESS(4) PORT(2)     LEN bytes of name or address
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

const GREETING = Uint8Array.of(5, 1, 0);
const CONNECT_BY_NAME = Uint8Array.of(5, 1, 0, 3);
const GREETING_ANSWER_BYTES = 2;
const REPLY_HEAD_BYTES = 4;
const PORT_BYTES = 2;
/** Lengths of the address in a reply, by its type. */
const ADDRESS_BYTES: Readonly<Record<number, number>> = { 1: 4, 4: 16 };

const [listenPort, socksPort, host, port] = process.argv.slice(2);
if (port === undefined || host === undefined) {
  throw new Error('usage: socks-forward LISTEN-PORT SOCKS-PORT HOST PORT');
}

/** Reads exactly so many bytes; what came besides stays with the socket. */
async function read(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(length) as Buffer | null;
    if (bytes !== null) return bytes;
    await once(socket, 'readable');
  }
}

async function open(name: string, toPort: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: Number(socksPort), noDelay: true });
  await once(socket, 'connect');
  socket.write(GREETING);
  const [version, method] = await read(socket, GREETING_ANSWER_BYTES);
  if (version !== 5 || method !== 0) throw new Error(`the SOCKS server wants method ${method}`);
  const portBytes = Uint8Array.of(toPort >> 8, toPort & 0xff);
  socket.write(
    Buffer.concat([CONNECT_BY_NAME, Uint8Array.of(name.length), Buffer.from(name), portBytes]),
  );
  const [, reply, , kind = 0] = await read(socket, REPLY_HEAD_BYTES);
  if (reply !== 0) throw new Error(`the SOCKS server answers ${reply}`);
  await read(socket, (ADDRESS_BYTES[kind] ?? 0) + PORT_BYTES);
  return socket;
}

async function forward(local: Socket, name: string, toPort: number): Promise<void> {
  local.on('error', () => local.destroy());
  try {
    const remote = await open(name, toPort);
    remote.on('error', () => remote.destroy());
    remote.on('close', () => local.destroy());
    local.on('close', () => remote.destroy());
    local.pipe(remote).pipe(local);
  } catch (error) {
    process.stderr.write(`${String(error)}\n`);
    local.destroy();
  }
}

const server = createServer((local) => void forward(local, host, Number(port)));
server.listen({ host: '127.0.0.1', port: Number(listenPort) });
await once(server, 'listening');
process.stdout.write('listening\n');
