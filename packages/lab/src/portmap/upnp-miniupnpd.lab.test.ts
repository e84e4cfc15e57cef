/**
 * Warren's UPnP machine against the real miniupnpd, with Debian's own client (miniupnpc) as the judge: both find the
 * same device, and what one makes the other lists. Needs Debian's packages miniupnpd and miniupnpc.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { MethodInput, MethodOutput } from '@warren/core/portmap/method';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import { fourMachines } from '../topology/four-machines.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';

const behind = 'easynat-east';
const network = 'home-east';
const gateway = '192.168.11.1';
const stranger = 'nonat-east';
const internalPort = 41_641;
const wishedPort = 50_123;
/** A router answers in milliseconds; this is for a machine in trouble. */
const answerMs = 20_000;

type Granted = Extract<MethodOutput, { readonly type: 'granted' }>;

/** The machine inside {@link behind}, with all that it said. */
class Host {
  readonly said: MethodOutput[] = [];
  readonly #process: WorldProcess;
  #onLine: () => void = () => undefined;

  constructor(world: World) {
    const self = world.addressOf(behind);
    const argv = scriptArgv('portmap/upnp-host', gateway, self, String(internalPort));
    this.#process = world.exec(behind, argv, { stdin: 'pipe', stderr: { file: '/run/upnp.log' } });
    const { stdout } = this.#process;
    if (stdout === null) throw new Error('stdout is a pipe');
    createInterface({ input: stdout }).on('line', (line) => {
      this.said.push(JSON.parse(line) as MethodOutput);
      this.#onLine();
    });
  }

  tell(input: MethodInput): void {
    this.#process.stdin?.write(`${JSON.stringify(input)}\n`);
  }

  /** Tells it `input` and waits for its next output of that kind. */
  async answer(type: MethodOutput['type'], input?: MethodInput): Promise<MethodOutput> {
    const from = this.said.length;
    if (input !== undefined) this.tell(input);
    const find = () =>
      this.said.slice(input === undefined ? 0 : from).find((one) => one.type === type);
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no ${type}, only ${JSON.stringify(this.said)}`)),
        answerMs,
      );
      this.#onLine = () => {
        const found = find();
        if (found === undefined) return;
        clearTimeout(timer);
        resolve(found);
      };
      this.#onLine();
    });
  }

  /** As when the machine loses its power. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process.exited;
  }
}

describe.skipIf(await skipsLab())('miniupnpd', () => {
  let world: World;
  let host: Host;
  let granted: Granted;

  beforeAll(async () => {
    world = await startWorld(fourMachines);
    const argv = scriptArgv(
      'interop/stun-host',
      'serve',
      world.addressOf(behind),
      String(internalPort),
    );
    const server = world.exec(behind, argv, { stdin: 'pipe', stderr: { file: '/run/stun.log' } });
    await once(server.stdout as NodeJS.EventEmitter, 'data');
    host = new Host(world);
  });

  afterAll(async () => {
    await world.close();
  });

  const upnpc = async (...args: string[]): Promise<string> => {
    const { stdout } = await world.run(behind, ['upnpc', '-m', 'eth0', ...args]);
    return stdout;
  };

  /** UDP entries of the router's list, as Debian's client reads them: `50123->192.168.11.10:41641 'warren'`. */
  const listed = async (): Promise<string[]> =>
    [...(await upnpc('-l')).matchAll(/^ *\d+ UDP +(\d+->\S+ '[^']*')/gm)].map(
      ([, entry = '']) => entry,
    );

  /** What the stranger hears of us at a port of our router. */
  const asked = async (port: number, from: number): Promise<string | undefined> => {
    const target = `${world.publicAddressOf(behind)}:${port}`;
    const { stdout } = await world.run(
      stranger,
      scriptArgv('interop/stun-host', 'ask', String(from), target),
    );
    return (JSON.parse(stdout) as string[])[0];
  };

  const ours = (): string => `${wishedPort}->${world.addressOf(behind)}:${internalPort} 'warren'`;

  test('is found, and nothing is mapped before it is asked for', async () => {
    await host.answer('found');
    expect(await listed()).toEqual([]);
    expect(await asked(wishedPort, 9100)).toBe('silence');
  });

  test('maps; Debian’s client lists it, and strangers come in', async () => {
    granted = (await host.answer('granted', {
      type: 'map',
      externalPort: wishedPort,
      remembered: undefined,
    })) as Granted;
    expect(granted.external).toBe(`${world.publicAddressOf(behind)}:${wishedPort}`);
    expect(granted.lifetimeMs).toBeGreaterThan(7_100_000);
    expect(granted.lifetimeMs).toBeLessThanOrEqual(7_200_000);
    expect(await listed()).toEqual([ours()]);
    expect(await asked(wishedPort, 9101)).toBe(`${world.addressOf(stranger)}:9101`);
  });

  test('is the same device with the same address for Debian’s client', async () => {
    const status = await upnpc('-s');
    expect(status).toContain(`ExternalIPAddress = ${world.publicAddressOf(behind)}`);
    expect(status).toContain(granted.remember.device?.controlUrl);
  });

  test('renews by the same ports', async () => {
    const again = (await host.answer('granted', { type: 'router-restarted' })) as Granted;
    expect(again.external).toBe(granted.external);
    expect(await listed()).toEqual([ours()]);
  });

  test('that restarted and forgot gets it back at the same port', async () => {
    await world.portMappingServer(network).restart();
    expect(await listed()).toEqual([]);
    const again = (await host.answer('granted', { type: 'router-restarted' })) as Granted;
    expect(again.external).toBe(granted.external);
    expect(await listed()).toEqual([ours()]);
    expect(await asked(wishedPort, 9102)).toBe(`${world.addressOf(stranger)}:9102`);
  });

  test('has one mapping, not two, after a crash: the next run takes it up', async () => {
    await host.kill();
    expect(await listed()).toEqual([ours()]);
    host = new Host(world);
    await host.answer('found');
    const map = { type: 'map', externalPort: 0, remembered: granted.remember } as const;
    expect(((await host.answer('granted', map)) as Granted).external).toBe(granted.external);
    expect(await listed()).toEqual([ours()]);
  });

  test('lets a mapping move', async () => {
    const { external } = (await host.answer('granted', { type: 'move' })) as Granted;
    expect(external).not.toBe(granted.external);
    const port = Number(external.slice(external.lastIndexOf(':') + 1));
    expect(await listed()).toEqual([ours().replace(String(wishedPort), String(port))]);
    expect(await asked(wishedPort, 9103)).toBe('silence');
    expect(await asked(port, 9104)).toBe(`${world.addressOf(stranger)}:9104`);
  });

  test('has nothing of ours after a release', async () => {
    await host.answer('released', { type: 'release' });
    expect(await listed()).toEqual([]);
    expect(world.portMappingServer(network).mappings()).toEqual([]);
    expect(world.portMappingServer(network).log()).not.toMatch(/unauthori[sz]ed/i);
  });
});
