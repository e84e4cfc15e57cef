/** coturn's STUN server in a world, for interop tests. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../world/world.js';

/** coturn's port; its alternative, for RFC 5780, is the next one. */
export const coturnPort = 3478;

/** It starts in a tenth of a second. */
const startMs = 10_000;
const pollMs = 50;

/** Starts coturn on two addresses of a host, on `port` and the next one; resolves when it answers. */
export async function startCoturn(
  world: World,
  host: string,
  addresses: readonly string[],
  port: number = coturnPort,
): Promise<void> {
  const flags = '-n --log-file stdout --no-cli --no-tls --no-dtls --stun-only'.split(' ');
  const ports = ['-p', String(port), '--alt-listening-port', String(port + 1)];
  const listen = addresses.flatMap((address) => ['-L', address]);
  const argv = ['turnserver', ...flags, ...ports, ...listen, '--pidfile', '/run/turnserver.pid'];
  const log = { file: '/run/turnserver.log' };
  const server = world.exec(host, argv, { stdout: log, stderr: log });
  const givenUpAt = Date.now() + startMs;
  const ended = server.exited.then(
    () => true,
    () => true,
  );
  // It opens its sockets one after the other, each address with both ports: ask until the last answers.
  const last = addresses.at(-1) ?? '';
  while (Date.now() < givenUpAt) {
    const client = await world.run(host, ['turnutils_stunclient', '-p', String(port), last], {
      timeoutMs: 1000,
    });
    if (client.stdout.includes('UDP reflexive addr')) return;
    if (await Promise.race([ended, sleep(pollMs, false)])) break;
  }
  const { stdout } = await world.run(host, ['cat', log.file]);
  throw new Error(`coturn did not come up: ${stdout.slice(-2000)}`);
}
