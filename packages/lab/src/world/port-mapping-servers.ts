/**
 * Starts a real miniupnpd on every router whose network has port mapping; it lives as long as the world.
 * Routers have no view of their own, so its files stand in the world's /run, named after the router.
 */
import { portMappingOf } from '@warren/sim/topology/types';
import { LabError } from '../errors.js';
import { routerSpace } from '../topology/plan.js';
import { portMappingConfig } from '../topology/port-mapping.js';
import type { World } from './world.js';

/** It answers after some milliseconds; this is for a machine in trouble. */
const startMs = 20_000;

/** Of its log, in an error. */
const lastWordsChars = 1000;

/** NAT-PMP's and PCP's port 5351, as /proc/net/udp writes it: it is opened last. */
const awaitPort = 'until grep -q ":14E7 " /proc/net/udp; do sleep 0.02; done';

/** Resolves when all of them answer. Throws LAB_WORLD_BUILD. */
export async function startPortMappingServers(world: World): Promise<void> {
  const networks = world.topology.networks.filter(
    (network) => portMappingOf(network) !== undefined,
  );
  await Promise.all(
    networks.map(async (network, index) => {
      const router = routerSpace(network.name);
      const config = `/run/miniupnpd-${network.name}.conf`;
      const log = { file: `/run/log/miniupnpd-${network.name}.log` };
      const pidFile = `/run/miniupnpd-${network.name}.pid`;
      await world.run('world', ['sh', '-c', `cat > ${config}`], {
        input: portMappingConfig(network, index),
      });
      const argv = ['miniupnpd', '-d', '-f', config, '-P', pidFile];
      const server = world.exec(router, argv, { stdout: log, stderr: log });
      const ended = server.exited.then(
        () => false,
        () => false,
      );
      const listens = world
        .run(router, ['sh', '-c', awaitPort], { timeoutMs: startMs })
        .then(({ code }) => code === 0);
      if (await Promise.race([ended, listens])) return;
      const { stdout } = await world.run('world', ['tail', '-c', String(lastWordsChars), log.file]);
      throw new LabError(
        'LAB_WORLD_BUILD',
        `the port mapping server of ${network.name} did not come up: ${stdout.trim()}`,
        'start it again; if it fails again, run `warren demo --install-deps`',
      );
    }),
  );
}
