/**
 * A socket behind a NAT whose outer endpoint is known. Runs inside machines:
 *
 *     node talker.js LOCAL-ADDRESS LOCAL-PORT ECHO-ADDRESS
 *
 * Prints `seen ENDPOINT`, how the echo server sees it. Then a line `ENDPOINT` on stdin sends a datagram there,
 * and each datagram that arrives prints `from ENDPOINT`.
 */
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';
import { type ProbeAnswer, type ProbeRequest, probePort } from './wire.js';

const HELLO = 'hello';
const RESEND_MS = 300;

const [localAddress, localPort, echo] = process.argv.slice(2);
if (localAddress === undefined || localPort === undefined || echo === undefined) {
  throw new Error('usage: talker LOCAL-ADDRESS LOCAL-PORT ECHO-ADDRESS');
}

const socket = createSocket('udp4');
let isSeen = false;
const ask = (): void => {
  const request: ProbeRequest = { id: 1, answerFrom: 'same' };
  if (!isSeen) socket.send(JSON.stringify(request), probePort, echo);
};
setInterval(ask, RESEND_MS);
socket.on('message', (bytes, { address, port }) => {
  const text = bytes.toString('utf8');
  if (text === HELLO) {
    process.stdout.write(`from ${address}:${port}\n`);
  } else if (!isSeen) {
    isSeen = true;
    process.stdout.write(`seen ${(JSON.parse(text) as ProbeAnswer).seen}\n`);
  }
});
socket.bind(Number(localPort), localAddress, ask);
createInterface({ input: process.stdin }).on('line', (endpoint) => {
  const [address, port] = endpoint.split(':');
  socket.send(HELLO, Number(port), address);
});
process.stdin.on('end', () => process.exit());
