/**
 * HTTP to a router's UPnP device: literal addresses, one connection a request, nothing followed, nothing kept, and
 * at most so many bytes and milliseconds. Which hosts are asked, core decides (portmap/lan-url.ts).
 */
import { request as httpRequest } from 'node:http';
import { endpointAddress, endpointPort } from '@warren/core/ip/address';
import { type HttpRequest, httpBodyMaxBytes, type PortMapperInput } from '@warren/core/portmap/io';

export type HttpResult = Extract<PortMapperInput, { readonly type: 'http-answer' | 'http-failed' }>;

/** Always calls back once; `signal` ends it. */
export function askDevice(
  request: HttpRequest,
  signal: AbortSignal,
  onResult: (result: HttpResult) => void,
): void {
  const { id, method, path, headers, body } = request;
  const bytes = Buffer.from(body, 'utf8');
  let isDone = false;
  const done = (result: HttpResult): void => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    outgoing.destroy();
    onResult(result);
  };
  const fail = (reason: string): void => done({ type: 'http-failed', id, reason });
  const outgoing = httpRequest({
    host: endpointAddress(request.host),
    port: endpointPort(request.host),
    method,
    path,
    headers: { ...headers, 'content-length': String(bytes.length), connection: 'close' },
    agent: false,
    signal,
  });
  const timer = setTimeout(() => fail('no answer in time'), request.timeoutMs);
  outgoing.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
  outgoing.on('response', (response) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > httpBodyMaxBytes) fail('too-long');
    });
    response.on('error', (error) => fail(error.message));
    response.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      done({ type: 'http-answer', id, status: response.statusCode ?? 0, body: text });
    });
  });
  outgoing.end(bytes);
}
