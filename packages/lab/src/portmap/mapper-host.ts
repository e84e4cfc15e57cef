/**
 * The node's port mapping shell in a world, for lab tests: its real sockets, HTTP and routes without a daemon around.
 * Orders are lines of JSON on stdin, what it has is a line on stdout whenever it changes:
 *
 *     node mapper-host.js STATE-DIR PROTOCOL,...     < {"want": 41641} | {"verified": EXTERNAL, "works": false} | {"stop": true}
 *                                                    > {"mappings": [...], "services": {...}} | {"released": MS}
 */
import { createInterface } from 'node:readline';
import type { Endpoint } from '@warren/core/ip/address';
import type { PortMapProtocol } from '@warren/core/portmap/io';
import { MappingFile } from '@warren/node/portmap/mapping-file';
import { PortMapHost } from '@warren/node/portmap/port-map-host';
import { systemClock } from '@warren/shell/clock';
import { createLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';

const [stateDir = '', protocols = ''] = process.argv.slice(2);
const log = createLogger({ level: 'debug' });
const print = (line: unknown): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};
const host = new PortMapHost({
  random: createNodeRandom(),
  clock: systemClock,
  log,
  tunName: 'warren0',
  file: new MappingFile(stateDir, log),
  protocols: protocols.split(',') as PortMapProtocol[],
  onChange: (mappings, services) => print({ mappings, services }),
});
host.linkChanged();

interface Order {
  readonly want?: number;
  readonly verified?: Endpoint;
  readonly works?: boolean;
  readonly stop?: boolean;
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { want, verified, works = false, stop } = JSON.parse(line) as Order;
  if (want !== undefined) host.want(want, undefined);
  if (verified !== undefined) host.verified(verified, works);
  if (stop !== true) return;
  const startedAt = performance.now();
  void host.stop().then(() => {
    print({ released: performance.now() - startedAt, counters: host.counters });
    process.exit(0);
  });
});
