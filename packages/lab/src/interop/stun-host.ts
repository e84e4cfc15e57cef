/**
 * Warren's STUN in a world, either side, for interop tests. Runs inside machines:
 *
 *     node stun-host.js serve ADDRESS PORT               prints `listening`; a line on stdin: its counters
 *     node stun-host.js ask LOCAL-PORT ADDRESS:PORT...    prints a JSON array: the mapped endpoint that each
 *                                                         server told, or why its answer was refused
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { equalBytes } from '@warren/core/base/bytes';
import { DecodeFailure } from '@warren/core/base/failure';
import { endpointAddress, endpointPort, parseEndpoint } from '@warren/core/ip/address';
import { decodeBindingResponse, encodeBindingRequest } from '@warren/core/stun/binding';
import { TRANSACTION_ID_BYTES } from '@warren/core/stun/message';
import { startStunServer } from '@warren/servers/relay/stun-server';
import { systemClock } from '@warren/shell/clock';
import { silentLogger } from '@warren/shell/log';

/** A world's path answers in milliseconds. */
const answerMs = 2000;

async function serve(host: string, port: number): Promise<void> {
  const server = await startStunServer({ host, port, clock: systemClock, log: silentLogger });
  process.stdout.write('listening\n');
  process.stdin.on('data', () => {
    process.stdout.write(`${JSON.stringify(server.counters.snapshot())}\n`);
  });
}

async function ask(localPort: number, servers: readonly string[]): Promise<void> {
  const socket = createSocket('udp4');
  socket.bind(localPort);
  await once(socket, 'listening');
  const heard: string[] = [];
  for (const server of servers) {
    const target = parseEndpoint(server);
    if (target === undefined) throw new Error(`${server} is no endpoint`);
    const transaction = randomBytes(TRANSACTION_ID_BYTES);
    const answered = once(socket, 'message') as Promise<[Buffer]>;
    socket.send(encodeBindingRequest(transaction), endpointPort(target), endpointAddress(target));
    const answer = await Promise.race([answered, sleep(answerMs, undefined, { ref: false })]);
    if (answer === undefined) {
      heard.push('silence');
      continue;
    }
    const response = decodeBindingResponse(answer[0]);
    if (response instanceof DecodeFailure) heard.push(response.reason);
    else if (!equalBytes(response.transactionId, transaction)) heard.push('strange-transaction');
    else heard.push(response.mapped);
  }
  socket.close();
  process.stdout.write(`${JSON.stringify(heard)}\n`);
}

const [verb, first, ...rest] = process.argv.slice(2);
if (verb === 'serve' && first !== undefined) await serve(first, Number(rest[0]));
else if (verb === 'ask' && first !== undefined) await ask(Number(first), rest);
else throw new Error('usage: stun-host serve ADDRESS PORT | ask LOCAL-PORT ADDRESS:PORT...');
