/**
 * A process that owns a world and does nothing else, for tests that end it in unkind ways.
 *
 *     node world-owner.js TOPOLOGY [KEEP-NAME]      prints {"pid": PID of the world's first process}
 *
 * With KEEP-NAME it leaves the world running and ends. Otherwise it waits; a line `throw` on stdin makes it
 * die of an uncaught exception.
 */
import { fourMachines } from '../topology/four-machines.js';
import { natZoo } from '../topology/nat-zoo.js';
import { startWorld } from '../world/start-world.js';

const [name, keep] = process.argv.slice(2);
const topology = [fourMachines, natZoo].find((candidate) => candidate.name === name);
if (topology === undefined) throw new Error('usage: world-owner TOPOLOGY [KEEP-NAME]');

const world = await startWorld(topology, keep === undefined ? {} : { keep });
process.stdout.write(`${JSON.stringify({ pid: world.pid, delayer: world.delayer })}\n`);
if (keep !== undefined) {
  await world.detach();
} else {
  process.stdin.setEncoding('utf8').on('data', (text: string) => {
    if (text.trim() === 'throw') throw new Error('as asked');
  });
}
