/** Starts the traffic of others in the router of every network that has some; it lives as long as the world. */
import { scriptArgv } from '../scripts.js';
import { routerSpace } from '../topology/plan.js';
import type { World } from './world.js';

export function startCrossTraffic(world: World): void {
  for (const { name, crossTrafficPerSecond = 0 } of world.topology.networks) {
    if (crossTrafficPerSecond <= 0) continue;
    const argv = scriptArgv('traffic/cross-traffic', String(crossTrafficPerSecond));
    world.exec(routerSpace(name), argv, { stdout: 'ignore', stderr: 'ignore' });
  }
}
