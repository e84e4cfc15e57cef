/** A word sent to a port of a machine, and whether it comes back: what a packet filter lets through. */
import { once } from 'node:events';
import type { World } from '../world/world.js';

/** Longer than any answer takes that comes at all. */
export const ANSWER_SECONDS = 3;

/** Answers whatever it gets, on TCP and UDP, in both families. */
const ANSWERER = `
  const [net, dgram] = [require('net'), require('dgram')];
  const ports = process.argv.slice(1).map(Number);
  for (const port of ports) {
    net.createServer((socket) => socket.pipe(socket)).listen(port, '::');
    const udp = dgram.createSocket('udp6').bind(port, '::', () => console.log('up'));
    udp.on('message', (bytes, from) => udp.send(bytes, from.port, from.address));
  }`;

/** Sends a word and prints what comes back, if anything does. */
const QUESTIONS = {
  tcp: `
    const socket = require('net').connect(process.argv[2], process.argv[1], () => socket.write('word'));
    socket.on('data', (data) => { console.log(String(data)); process.exit(); });`,
  udp: `
    const address = process.argv[1];
    const socket = require('dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.on('message', (data) => { console.log(String(data)); process.exit(); });
    setInterval(() => socket.send('word', Number(process.argv[2]), address), 300);`,
} as const;

export type QuestionKind = keyof typeof QUESTIONS;

/** Starts a process that answers on these ports; resolves when it does. */
export async function answerQuestions(
  world: World,
  machine: string,
  ports: readonly number[],
): Promise<void> {
  const server = world.exec(machine, [process.execPath, '-e', ANSWERER, ...ports.map(String)]);
  if (server.stdout !== null) await once(server.stdout, 'data');
}

/** Whether an address answers on a port within {@link ANSWER_SECONDS}. */
export async function isAnswered(
  world: World,
  kind: QuestionKind,
  from: string,
  address: string,
  port: number,
): Promise<boolean> {
  const ask = [process.execPath, '-e', QUESTIONS[kind], address, String(port)];
  const { stdout } = await world.run(from, ['timeout', String(ANSWER_SECONDS), ...ask]);
  return stdout.trim() === 'word';
}
