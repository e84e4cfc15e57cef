/**
 * What daemons say of the NAT they are behind, against real ones: the class as people know it, and never `none`
 * for anything but a machine that strangers reach.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { NetcheckReport } from '@warren/node/local-api/netcheck-report';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { skipsLab } from '../testing/lab-ring.js';
import { natZoo } from '../topology/nat-zoo.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';
import { CommandLine } from './command-line.js';
import { joinMachine, startDaemon, statusOf } from './machines.js';
import { ADMIN_SOCKET, HUB_STATE, LOG_FILE, RELAY_STATE, until } from './places.js';
import { createKey } from './servers.js';

const skips = await skipsLab();

const MAIN_SCRIPT = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));
const HUB = '3.210.5.10';
const RELAY = '3.210.5.11';
/** A check takes 5 s; a busy computer may add some. */
const CHECK_MS = 30_000;

/** Behind each kind of NAT: the class, and what is proven of the public endpoint. */
const EXPECTED = [
  ['in-the-open', 'none', 'yes'],
  ['behind-one-to-one', 'none', 'yes'],
  ['behind-firewall', 'easy', 'no'],
  ['behind-one-to-one-firewalled', 'easy', 'no'],
  ['behind-easy', 'easy', 'no'],
  ['behind-restricted-cone', 'easy', 'port-only'],
  ['behind-full-cone', 'easy', 'port-only'],
  ['behind-hard', 'hard', null],
] as const;
const BLOCKED = 'behind-udp-blocked';

describe.skipIf(skips)('the network check', () => {
  let world: World;
  let cli: CommandLine;
  const daemons = new Map<string, WorldProcess>();

  /** Hub and relay on one machine, each on an address of its own: two STUN servers. */
  async function startServers(): Promise<void> {
    const common = (address: string, id: number, code: string): string[] => [
      ...['--listen', `${address}:443`, '--host', address, '--http-listen', `${address}:80`],
      ...['--region-id', String(id), '--region-code', code, '--region-name', code],
    ];
    const relayFlags = [...common(RELAY, 902, 'other'), '--state-dir', RELAY_STATE];
    cli.start('server', '/run/relay.log', ['relay', ...relayFlags]);
    const file = `${RELAY_STATE}/derp-region.json`;
    await until(world, 'server', 'the relay', () => readFileSync(world.path('server', file)));
    cli.start('server', LOG_FILE, [
      'hub',
      ...common(HUB, 901, 'home'),
      ...['--state-dir', HUB_STATE, '--admin-socket', ADMIN_SOCKET, '--derp-region-file', file],
    ]);
  }

  async function join(machine: string, key: string): Promise<void> {
    daemons.set(machine, await startDaemon(world, cli, machine));
    await joinMachine(world, cli, machine, [
      ...['--login-server', `https://${HUB}`, '--auth-key', key],
    ]);
  }

  const netcheck = (machine: string): Promise<NetcheckReport> =>
    cli.json(machine, ['netcheck'], { accept: [1, 2], timeoutMs: CHECK_MS });

  /** What is known of the endpoint that STUN servers see. */
  const proof = ({ globalV4, endpoints }: NetcheckReport) =>
    endpoints.find(({ addr }) => addr === globalV4)?.verified;

  beforeAll(async () => {
    world = await startWorld(natZoo);
    cli = new CommandLine(world, [process.execPath, MAIN_SCRIPT]);
    await startServers();
    const { key } = await createKey(world, cli, 'server', ['--reusable']);
    // A few at a time: each start is a process or two.
    const machines = [...EXPECTED.map(([machine]) => machine), BLOCKED];
    for (let at = 0; at < machines.length; at += 3) {
      await Promise.all(machines.slice(at, at + 3).map((machine) => join(machine, key)));
    }
  }, 300_000);
  afterAll(async () => {
    await world.close();
  });

  test.each(EXPECTED)('%s is %s', async (machine, kind, verified) => {
    const report = await netcheck(machine);
    const { udp, nat, mappingVariesByDestIP } = report;
    expect({ machine, udp, class: nat.class, varies: mappingVariesByDestIP }).toEqual({
      machine,
      udp: true,
      class: kind,
      varies: kind === 'hard',
    });
    // The start's dial-back comes from a stranger; later ones, from a relay's other port, get through a cone.
    expect(verified === 'port-only' ? ['no', verified] : [verified]).toContain(proof(report));
    expect(report.relays.map(({ method }) => method)).toEqual(['stun', 'stun']);
    expect(report.captivePortal).toBe(false);
    expect((await statusOf(world, machine)).self?.nat?.class).toBe(kind);
  });

  test('advice names what would help, and nothing where nothing is to be helped', async () => {
    expect((await netcheck('in-the-open')).advice).toEqual([]);
    expect((await netcheck('behind-firewall')).advice.join()).toContain('open inbound UDP 41641');
    expect((await netcheck('behind-hard')).advice.join()).toContain('--static-endpoint 52.41.2.');
  });

  test('without UDP: nothing is claimed, relays are measured over HTTPS, data is relayed', async () => {
    const startedAt = performance.now();
    const report = await netcheck(BLOCKED);
    expect(performance.now() - startedAt).toBeLessThan(CHECK_MS);
    expect(report).toMatchObject({
      udp: false,
      ipv4: true,
      globalV4: null,
      mappingVariesByDestIP: null,
      nat: { class: 'unknown', mapping: null },
    });
    expect(report.relays.map(({ method }) => method)).toEqual(['https', 'https']);
    const ping = await cli.attempt(BLOCKED, ['ping', '-c', '3', 'in-the-open'], CHECK_MS);
    expect(ping.code).toBe(1);
    expect(ping.stdout).toMatch(/ via DERP\((home|other)\) in /);
    const check = await cli.attempt(BLOCKED, ['netcheck'], CHECK_MS);
    expect(check.code).toBe(1);
    expect(check.stdout).toContain('nat               unknown (no UDP)');
  });

  test('a captive portal is told, with what to do', async () => {
    // Whatever the machine asks over plain HTTP, its own little portal answers.
    const portal =
      "require('http').createServer((_, r) => { r.writeHead(302, { location: 'http://login.example/' }); r.end(); }).listen(8080)";
    world.exec(BLOCKED, [process.execPath, '-e', portal], { stdout: 'ignore', stderr: 'ignore' });
    const rules = [
      'add table ip portal',
      'add chain ip portal out { type nat hook output priority -100 ; }',
      'add rule ip portal out tcp dport 80 redirect to :8080',
    ].map((rule) => `nft '${rule}'`);
    const { code, stderr } = await world.run(BLOCKED, ['sh', '-c', rules.join(' && ')]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await until(world, BLOCKED, 'the portal', async () => {
      const report = await netcheck(BLOCKED);
      expect(report.captivePortal).toBe(true);
      expect(report.advice[0]).toContain('captive portal');
    });
  });

  test('a full cone that still remembers the port is not taken for no NAT after a restart', async () => {
    const machine = 'behind-full-cone';
    const pid = daemons.get(machine)?.pid;
    await world.run('world', ['kill', '-9', String(pid)]);
    await daemons.get(machine)?.exited;
    daemons.set(machine, await startDaemon(world, cli, machine));
    await until(world, machine, 'the daemon, again', async () => {
      expect((await statusOf(world, machine)).self?.nat?.class).toBe('easy');
    });
    const report = await netcheck(machine);
    expect(report.nat.class).toBe('easy');
    // An arrival proves nothing there; on a busy computer none may come in time.
    expect([null, 'no']).toContain(proof(report));
  });

  test('a machine in the open keeps what was proven over a restart', async () => {
    const machine = 'in-the-open';
    await world.run('world', ['kill', '-9', String(daemons.get(machine)?.pid)]);
    await daemons.get(machine)?.exited;
    daemons.set(machine, await startDaemon(world, cli, machine));
    await until(world, machine, 'the daemon, again', async () => {
      expect((await statusOf(world, machine)).self?.nat?.class).toBe('none');
    });
  });

  test('without a daemon: on sockets of its own, with the relays of the last login', async () => {
    const machine = 'behind-hard';
    await world.run('world', ['kill', '-9', String(daemons.get(machine)?.pid)]);
    await daemons.get(machine)?.exited;
    const absent = await cli.attempt(machine, ['netcheck'], CHECK_MS);
    expect(absent.code).toBe(69);
    const report = await cli.json<NetcheckReport>(machine, ['netcheck', '--standalone'], {
      timeoutMs: CHECK_MS,
    });
    expect(report).toMatchObject({ udp: true, nat: { class: 'hard' } });
    expect(report.relays).toHaveLength(2);
  });
});
