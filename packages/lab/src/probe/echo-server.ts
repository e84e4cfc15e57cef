/**
 * Tells who asks under which endpoint it sees them; the counterpart of `nat-probe.ts`. Runs on a host with
 * two public addresses:
 *
 *     node echo-server.js ADDRESS1 ADDRESS2      serves until it is killed; prints `listening`
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AnswerFrom, type ProbeAnswer, type ProbeRequest, probePort } from './wire.js';

const addresses = process.argv.slice(2, 4);
if (addresses.length !== 2) throw new Error('usage: echo-server ADDRESS1 ADDRESS2');

/** [address][port] */
const sockets: Socket[][] = [];

function answering(address: number, port: number, from: AnswerFrom): Socket | undefined {
  if (from === 'other-address') return sockets[1 - address]?.[1 - port];
  return sockets[address]?.[from === 'other-port' ? 1 - port : port];
}

for (const [index, host] of addresses.entries()) {
  sockets.push([]);
  for (const offset of [0, 1]) {
    const socket = createSocket('udp4');
    sockets[index]?.push(socket);
    socket.on('message', (bytes, { address, port }) => {
      const request = JSON.parse(bytes.toString('utf8')) as ProbeRequest;
      const answer: ProbeAnswer = { id: request.id, seen: `${address}:${port}` };
      answering(index, offset, request.answerFrom)?.send(JSON.stringify(answer), port, address);
    });
    socket.bind(probePort + offset, host);
    await once(socket, 'listening');
  }
}
process.stdout.write('listening\n');
