/**
 * Warren's UPnP machine in a world, for lab tests: its inputs are lines of JSON on stdin, its outputs lines of JSON on
 * stdout (a lifetime without end is null). Runs inside a machine:
 *
 *     node upnp-host.js GATEWAY SELF INTERNAL-PORT
 */
import { randomFillSync } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { createInterface } from 'node:readline';
import { assert } from '@warren/core/base/assert';
import { Counters } from '@warren/core/base/counters';
import { instant } from '@warren/core/base/instant';
import { endpoint, endpointAddress, endpointPort, parseAddress } from '@warren/core/ip/address';
import { type HttpRequest, httpBodyMaxBytes } from '@warren/core/portmap/io';
import type { MethodInput } from '@warren/core/portmap/method';
import { UpnpClient } from '@warren/core/portmap/upnp-client';

const [gatewayText = '', selfText = '', portText = ''] = process.argv.slice(2);
const gateway = parseAddress(gatewayText);
const self = parseAddress(selfText);
assert(gateway !== undefined && self !== undefined, 'usage: GATEWAY SELF INTERNAL-PORT');

const socket = createSocket('udp4');
socket.bind(0, self);
await once(socket, 'listening');
socket.setMulticastInterface(self);

let lastId = 0;
const counters = new Counters();
const client = new UpnpClient({
  random: { fill: (target) => randomFillSync(target) },
  counters,
  newRequestId: () => ++lastId,
});
let timer: NodeJS.Timeout | undefined;

function tell(input: MethodInput): void {
  client.handle(input, instant(performance.now()));
  for (let output = client.poll(); output !== undefined; output = client.poll()) {
    if (output.type === 'send') {
      socket.send(output.bytes, endpointPort(output.target), endpointAddress(output.target));
    } else if (output.type === 'http') ask(output.request);
    else process.stdout.write(`${JSON.stringify(output)}\n`);
    if (output.type === 'released') process.exit(0);
  }
  clearTimeout(timer);
  const at = client.nextTimeout();
  if (at === undefined) return;
  timer = setTimeout(() => tell({ type: 'timeout' }), Math.max(0, at - performance.now()));
}

function ask({ id, method, host, path, headers, body, timeoutMs }: HttpRequest): void {
  let isTold = false;
  const done = (input: MethodInput): void => {
    if (!isTold) tell(input);
    isTold = true;
  };
  const asked = httpRequest(
    {
      host: endpointAddress(host),
      port: endpointPort(host),
      method,
      path,
      headers: { ...headers, 'Content-Length': Buffer.byteLength(body) },
      signal: AbortSignal.timeout(timeoutMs),
    },
    (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > httpBodyMaxBytes) asked.destroy(new Error('too-long'));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        done({ type: 'http-answer', id, status: response.statusCode ?? 0, body: text });
      });
      response.on('error', ({ message }) => done({ type: 'http-failed', id, reason: message }));
    },
  );
  asked.on('error', ({ message }) => done({ type: 'http-failed', id, reason: message }));
  asked.end(body);
}

socket.on('message', (bytes, { address, port }) => {
  const from = parseAddress(address);
  if (from !== undefined) tell({ type: 'datagram', source: endpoint(from, port), bytes });
});
createInterface({ input: process.stdin }).on('line', (line) => {
  tell(JSON.parse(line) as MethodInput);
});
tell({ type: 'begin', gateway, self, internalPort: Number(portText) });
