/**
 * A person with a browser on a machine of a world, who opens the address of a login, reads the page and sends its
 * form with an approval code. The browser is a few lines of Node.js without JavaScript's help: what the page needs.
 */
import type { World } from '../world/world.js';

/** Prints {"form": the page, "status": of the answer, "answer": the page after the form}. */
const BROWSER = `
import { request } from 'node:https';
const [url, code] = process.argv.slice(1);
function ask(method, headers, body) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, rejectUnauthorized: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => { text += part; });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
const form = await ask('GET', {});
const cookie = (form.headers['set-cookie'] ?? [''])[0].split(';')[0];
const token = /name="token" value="([^"]+)"/.exec(form.text)?.[1] ?? '';
const headers = { cookie, origin: new URL(url).origin, 'content-type': 'application/x-www-form-urlencoded' };
const done = await ask('POST', headers, new URLSearchParams({ token, mine: 'yes', code }).toString());
console.log(JSON.stringify({ form: form.text, status: done.status, answer: done.text }));
`;

export interface Visited {
  readonly form: string;
  readonly status: number;
  readonly answer: string;
}

/** Opens `url` on `machine` and sends the form with `code`. */
export async function approveInBrowser(
  world: World,
  machine: string,
  url: string,
  code: string,
): Promise<Visited> {
  const argv = [process.execPath, '--input-type=module', '-e', BROWSER, url, code];
  const { code: exit, stdout, stderr } = await world.run(machine, argv, { timeoutMs: 30_000 });
  if (exit !== 0) throw new Error(`the browser on ${machine}: ${stderr}`);
  return JSON.parse(stdout) as Visited;
}
