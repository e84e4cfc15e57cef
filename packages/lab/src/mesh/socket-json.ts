/** One GET over a unix socket, for the JSON of daemons and servers: far cheaper than a command. */
import { request } from 'node:http';

/** A living server answers from memory. */
const ANSWER_MS = 5_000;

/** Rejects when nobody answers, or with something else than a document. */
export function getJson<T>(socketPath: string, host: string, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, headers: { host }, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => {
        if (response.statusCode === 200) {
          try {
            resolve(JSON.parse(text) as T);
            return;
          } catch {
            // Told below.
          }
        }
        reject(new Error(`${path} answered ${response.statusCode ?? 0}: ${text.slice(0, 200)}`));
      });
      response.on('error', reject);
    });
    asked.setTimeout(ANSWER_MS, () => asked.destroy(new Error(`${path} was not answered`)));
    asked.on('error', reject);
    asked.end();
  });
}
