/**
 * `GET /key?v=N` over TLS: the control server's Noise key. The answer is what ties the Noise connection to
 * the TLS identity (or to the pin), so it is never fetched in clear text.
 */
import { request } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { CAP_VERSION } from '@warren/core/control/cap-version';
import { isZeroKey, type MachineKey, parsePublicKey } from '@warren/core/keys/keys';
import { NodeError } from '../errors.js';

/** The answer is 200 bytes; 64 KiB is what official clients accept. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Asks over a fresh connection and closes it. Rejects with a {@link NodeError}; the caller bounds the time. */
export async function fetchServerKey(socket: TLSSocket, where: string): Promise<MachineKey> {
  const { status, text } = await get(socket, where);
  const key = status === 200 ? parseAnswer(text) : undefined;
  if (key !== undefined) return key;
  throw new NodeError(
    'NOT_A_CONTROL_SERVER',
    `${where} is not a control server: GET /key answered with status ${status} and no key`,
    'check the address given by --login-server; the hub prints the right one at its start',
  );
}

function parseAnswer(text: string): MachineKey | undefined {
  try {
    const { publicKey } = JSON.parse(text) as { readonly publicKey?: unknown };
    const key = typeof publicKey === 'string' ? parsePublicKey('machine', publicKey) : undefined;
    return key === undefined || isZeroKey(key) ? undefined : key;
  } catch {
    return undefined;
  }
}

function get(
  socket: TLSSocket,
  where: string,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: unknown): void => {
      socket.destroy();
      reject(
        new NodeError(
          'SERVER_UNREACHABLE',
          `${where} ${reason}`,
          'check that the control server runs and is not overloaded',
          { cause },
        ),
      );
    };
    const asked = request(
      {
        createConnection: () => socket,
        path: `/key?v=${CAP_VERSION}`,
        headers: { host: where, connection: 'close' },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
          if (text.length > MAX_ANSWER_BYTES) fail('answers GET /key without end');
        });
        response.on('end', () => {
          socket.destroy(); // whether or not the server closes it
          resolve({ status: response.statusCode ?? 0, text });
        });
        // An answer that breaks off has no `end`, and the request no error any more.
        response.on('close', () => fail('broke off its answer to GET /key'));
      },
    );
    asked.once('error', (error) => fail('broke the connection off', error));
    asked.end();
  });
}
