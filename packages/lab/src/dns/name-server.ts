/** dnsmasq as somebody's name server on a host of a world: fixed names, nothing behind it. */
import { until } from '../mesh/places.js';
import type { World } from '../world/world.js';

const LOG_FILE = '/run/dnsmasq.log';

/** Starts it on an address of the host; resolves when it answers. `records`: dnsmasq's own flags. */
export async function startNameServer(
  world: World,
  host: string,
  address: string,
  records: readonly string[],
): Promise<void> {
  const output = { file: LOG_FILE };
  const argv = [
    ...['dnsmasq', '--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts'],
    ...['--user=root', '--pid-file=', '--log-queries', '--auth-ttl=60', '--local-ttl=60'],
    ...['--bind-interfaces', `--listen-address=${address}`, ...records],
  ];
  world.exec(host, argv, { stdout: output, stderr: output });
  await until(world, host, 'dnsmasq', async () => {
    const probe = ['dig', '+time=1', '+tries=1', `@${address}`, 'probe.invalid'];
    const { code } = await world.run(host, probe);
    if (code !== 0) throw new Error('no answer yet');
  });
}

/** How often it was asked for a name, of whatever type. */
export async function timesAsked(world: World, host: string, name: string): Promise<number> {
  const { stdout } = await world.run(host, ['cat', LOG_FILE]);
  return stdout.split('\n').filter((line) => line.includes(`] ${name} from`)).length;
}
