/** Prints every datagram that arrives at `node hop-receiver.js ADDRESS PORT`, a line each, after `ready`. */
import { createSocket } from 'node:dgram';

const [address, port] = process.argv.slice(2);
if (address === undefined) throw new Error('usage: hop-receiver ADDRESS PORT');
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
socket.on('message', (bytes) => process.stdout.write(`${bytes.toString('utf8')}\n`));
socket.bind(Number(port), address, () => process.stdout.write('ready\n'));
