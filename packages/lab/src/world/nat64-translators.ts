/** Starts tayga in the router of every network that has NAT64; it lives as long as the world. */
import { LabError } from '../errors.js';
import { NAT64_DEVICE, nat64Config } from '../topology/nat64.js';
import { routerSpace } from '../topology/plan.js';
import { lanGateway } from '../topology/router.js';
import type { World } from './world.js';

/** It opens its device after some milliseconds; this is for a machine in trouble. */
const startMs = 20_000;

/** A TUN device has a carrier as long as somebody serves it. */
const awaitDevice = `until ip link show ${NAT64_DEVICE} | grep -q LOWER_UP; do sleep 0.02; done`;

/** Resolves when all of them translate. Throws LAB_WORLD_BUILD. */
export async function startNat64Translators(world: World): Promise<void> {
  const networks = world.topology.networks.filter(({ nat64 }) => nat64 === true);
  await Promise.all(
    networks.map(async (network) => {
      const router = routerSpace(network.name);
      const config = `/run/tayga-${network.name}.conf`;
      const log = { file: `/run/log/tayga-${network.name}.log` };
      await world.run('world', ['sh', '-c', `cat > ${config}`], {
        input: nat64Config(world.topology, network, lanGateway(network)),
      });
      const argv = ['tayga', '--config', config, '--nodetach'];
      const tayga = world.exec(router, argv, { stdout: log, stderr: log });
      const ended = tayga.exited.then(
        () => false,
        () => false,
      );
      const serves = world
        .run(router, ['sh', '-c', awaitDevice], { timeoutMs: startMs })
        .then(({ code }) => code === 0);
      if (await Promise.race([ended, serves])) return;
      const { stdout } = await world.run('world', ['cat', log.file]);
      throw new LabError(
        'LAB_WORLD_BUILD',
        `the NAT64 of ${network.name} did not come up: ${stdout.trim()}`,
        'start it again; if it fails again, run `warren demo --install-deps`',
      );
    }),
  );
}
