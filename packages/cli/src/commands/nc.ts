/** `warren nc PEER PORT`: standard input and output on a TCP connection to a peer; needs no DNS. */
import { connect, type Socket } from 'node:net';
import { type Command, InvalidArgumentError } from 'commander';
import type { CliContext } from '../context.js';
import { CliError } from '../errors.js';
import { describe } from '../help-text.js';
import { LocalClient } from '../local-client.js';
import { parsePort, socketPathOf } from '../options.js';

/** A hole takes a second to punch, a lost SYN one or two. */
const CONNECT_MS = 30_000;

function parseTcpPort(text: string): number {
  const port = parsePort(text);
  if (port === 0) throw new InvalidArgumentError('give a port from 1 to 65535.');
  return port;
}

function opened(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // Either end may stop sending first: `echo x | warren nc ...` still reads the answer.
    const socket = connect({ host, port, allowHalfOpen: true, signal });
    socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error('no answer')));
    socket.once('connect', () => {
      socket.setTimeout(0);
      resolve(socket);
    });
    socket.once('error', (cause) => {
      reject(
        new CliError(
          'SYSTEM',
          `no connection to ${host} port ${port}: ${cause.message}`,
          '`warren ping` tells whether the peer is reached; the filter of the network may refuse the port',
          { cause },
        ),
      );
    });
  });
}

/** Until both ends have said all they have to say. */
function pump(socket: Socket): Promise<void> {
  process.stdin.pipe(socket);
  socket.pipe(process.stdout, { end: false });
  return new Promise((resolve, reject) => {
    // Whoever answers no more needs no more input.
    socket.on('end', () => {
      process.stdin.unpipe(socket);
      process.stdin.destroy();
      socket.end();
    });
    socket.on('error', (cause) => {
      reject(
        new CliError('SYSTEM', `the connection broke: ${cause.message}`, 'try again', { cause }),
      );
    });
    socket.on('close', () => resolve());
  });
}

export function defineNc(command: Command, context: CliContext): void {
  command
    .argument('<peer>', 'name, first label of a name, or overlay address')
    .argument('<port>', 'TCP port', parseTcpPort)
    .action(async (peer: string, port: number) => {
      const client = new LocalClient(socketPathOf(command), context.signal);
      const { machine } = await client.whois(peer);
      const address = machine.addresses[0]?.split('/')[0] ?? '';
      await pump(await opened(address, port, context.signal));
    });
  describe(
    command,
    [
      ['warren nc printer 631', 'speaks to that port'],
      ["ssh -o ProxyCommand='warren nc %h %p' alpha", 'as the connection of another program'],
    ],
    [
      [0, 'the connection came to its end'],
      [1, 'no connection, or it broke'],
      [3, 'no such peer, or this node is not running'],
    ],
  );
}
