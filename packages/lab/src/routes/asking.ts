/** Who answers at an address, and as whom we are seen there: the judges of routes. */
import type { OneHubNetwork } from '../faults/one-hub-network.js';
import { until } from '../mesh/places.js';

const PORT = 7000;
/** Longer than any answer takes that comes at all; shorter than a person's patience. */
const ANSWER_MS = 4_000;

/** Answers each connection, of both families, with its own name and the address that it came from. */
export async function serveNames(network: OneHubNetwork, place: string): Promise<void> {
  const script = `require('net').createServer((s) => { s.on('error', () => {}); s.end('${place} ' + s.remoteAddress.replace('::ffff:', '')); }).listen(${PORT}, '::')`;
  await network.sh(place, `nohup '${process.execPath}' -e "${script}" > /dev/null 2>&1 &`);
  await until(network.world, place, 'the server of names', () =>
    network.sh(place, 'cat /proc/net/tcp /proc/net/tcp6 | grep -q :1B58'),
  );
}

/** `NAME ADDRESS`: who answers, and as whom we came; `nobody`: nobody does. */
export function whoAnswers(
  network: OneHubNetwork,
  place: string,
  address: string,
): Promise<string> {
  const script = `const s = require('net').connect(${PORT}, '${address}'); let t = ''; s.on('data', (d) => { t += d; }); s.on('end', () => { console.log(t); process.exit(); }); s.on('error', () => { console.log('nobody'); process.exit(); }); setTimeout(() => { console.log('nobody'); process.exit(); }, ${ANSWER_MS});`;
  return network.sh(place, `'${process.execPath}' -e "${script}"`);
}

/** Waits until {@link whoAnswers} says so. */
export async function untilAnswers(
  network: OneHubNetwork,
  place: string,
  address: string,
  wanted: string,
): Promise<void> {
  await until(network.world, place, `${wanted} at ${address}`, async () => {
    const found = await whoAnswers(network, place, address);
    if (found !== wanted) throw new Error(`it is ${found}`);
  });
}
