/** Requests over a unix socket, for the JSON of daemons and servers: far cheaper than a command. */
import { request } from 'node:http';

/** A living server answers from memory. */
const ANSWER_MS = 5_000;

/** Whom to ask, and what. */
interface Question {
  readonly socketPath: string;
  readonly host: string;
  readonly path: string;
  /** Sent as JSON by POST; absent: GET. */
  readonly body?: unknown;
  /** The connection may be silent for so long. */
  readonly silenceMs: number;
}

/** The answer's text. Rejects when nobody answers, or with a refusal. */
function ask({ socketPath, host, path, body, silenceMs }: Question): Promise<string> {
  const method = body === undefined ? 'GET' : 'POST';
  return new Promise((resolve, reject) => {
    const options = { socketPath, path, method, headers: { host }, agent: false };
    const asked = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else
          reject(new Error(`${path} answered ${response.statusCode ?? 0}: ${text.slice(0, 200)}`));
      });
      response.on('error', reject);
    });
    asked.setTimeout(silenceMs, () => asked.destroy(new Error(`${path} was not answered`)));
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Rejects when nobody answers, or with something else than a document. */
export async function getJson<T>(socketPath: string, host: string, path: string): Promise<T> {
  const text = await ask({ socketPath, host, path, silenceMs: ANSWER_MS });
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Error(`${path} answered no document: ${text.slice(0, 200)}`);
  }
}

/** The lines of JSON that a request is answered with, once the last has come. */
export async function postForLines<T>(
  socketPath: string,
  host: string,
  path: string,
  body: unknown,
  silenceMs: number,
): Promise<T[]> {
  const text = await ask({ socketPath, host, path, body, silenceMs });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
