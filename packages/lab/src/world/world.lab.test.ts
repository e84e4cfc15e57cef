/** A real world of the demo's topology, used the way the demo uses it. */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LabError } from '../errors.js';
import { skipsLab } from '../testing/lab-ring.js';
import { fourMachines } from '../topology/four-machines.js';
import { natZoo } from '../topology/nat-zoo.js';
import { pidNamespaceOf, processesIn } from './host-processes.js';
import { startWorld } from './start-world.js';
import type { World } from './world.js';

const skips = await skipsLab();

describe.skipIf(skips)('a world', () => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld(fourMachines);
  });

  afterAll(async () => {
    await world.close();
  });

  async function said(place: string, script: string): Promise<string> {
    const { stdout, stderr, code } = await world.run(place, ['sh', '-c', script]);
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    return stdout.trim();
  }

  test('machines reach public addresses and are seen under their NAT’s', async () => {
    for (const machine of ['easynat-east', 'easynat-west', 'hardnat-west', 'relay-west']) {
      const server = world.exec('nonat-east', [
        'node',
        '-e',
        `require('net').createServer((s) => { console.log(s.remoteAddress); process.exit(); })
          .listen(7001, '0.0.0.0', () => console.log('up'))`,
      ]);
      const lines = server.stdout?.setEncoding('utf8') as AsyncIterable<string>;
      let heard = '';
      for await (const text of lines) {
        if (heard === '') {
          world.exec(machine, ['node', '-e', `require('net').connect(7001, '52.20.10.11')`]);
        }
        heard += text;
      }
      expect(heard.trim().split('\n')).toEqual(['up', world.publicAddressOf(machine)]);
    }
  });

  test('nobody reaches a LAN from outside, and nothing leads to the computer’s own network', async () => {
    const ping = (address: string): string[] => [
      'ping',
      '-n',
      '-c',
      '2',
      '-i',
      '0.2',
      '-W',
      '1',
      address,
    ];
    const inward = await world.run('nonat-east', ping(world.addressOf('easynat-east')));
    expect(inward.code).not.toBe(0);
    const outward = await world.run('nonat-east', ping('1.1.1.1'));
    expect(outward.code).not.toBe(0);
    expect(await said('world', 'ip -o link | wc -l')).toBe('1');
  });

  test('each machine has its own host name, /run, /etc, /var/lib and interfaces', async () => {
    const hostResolver = readFileSync('/etc/resolv.conf', 'utf8');
    await said(
      'easynat-east',
      'echo nameserver 100.100.100.100 > /etc/resolv.conf; touch /var/lib/mine /run/mine',
    );
    expect(await said('easynat-east', 'cat /etc/resolv.conf')).toBe('nameserver 100.100.100.100');
    expect(await said('easynat-west', 'cat /etc/resolv.conf')).toBe('');
    expect(await said('easynat-west', 'ls /run /var/lib')).not.toContain('mine');
    expect(readFileSync('/etc/resolv.conf', 'utf8')).toBe(hostResolver);
    expect(await said('hardnat-west', 'hostname; ls /sys/class/net')).toBe(
      'hardnat-west\neth0\nlo',
    );
    expect(await said('hub', 'grep relay-west /etc/hosts')).toBe('44.230.7.10 relay-west');
  });

  test('commands run with a clean environment, in /, as root', async () => {
    process.env['http_proxy'] = 'http://proxy.example';
    try {
      expect(await said('hub', 'echo "$PWD $http_proxy $WARREN_LAB_PLACE"; id -u')).toBe(
        '/  hub\n0',
      );
    } finally {
      delete process.env['http_proxy'];
    }
  });

  test('exit codes, signals, input and both outputs come through', async () => {
    expect(
      await world.run('hub', ['sh', '-c', 'cat; echo oops >&2; exit 7'], { input: 'in' }),
    ).toEqual({
      code: 7,
      signal: null,
      stdout: 'in',
      stderr: 'oops\n',
      timedOut: false,
    });
    expect(await world.run('hub', ['sh', '-c', 'kill -SEGV $$'])).toMatchObject({
      code: null,
      signal: 'SIGSEGV',
    });
    const missing = await world.run('hub', ['no-such-program']);
    expect(missing.code).toBe(127);
    expect(missing.stderr).toContain('no-such-program');
  });

  test('much output in both directions arrives whole', async () => {
    const input = 'x'.repeat(5_000_000);
    const { stdout } = await world.run('hub', ['cat'], { input });
    expect(stdout === input).toBe(true);
  });

  test('a process whose output nobody reads blocks instead of filling our memory', async () => {
    const child = world.exec('hub', ['sh', '-c', 'yes & echo $! >&2; wait']);
    const [pid] = (await once(child.stderr as NodeJS.EventEmitter, 'data')) as [Buffer];
    const written = (): Promise<string> =>
      said('hub', `sed -n 's/^wchar: //p' /proc/${pid.toString().trim()}/io`);
    await new Promise((resolve) => setTimeout(resolve, 700));
    const before = Number(await written());
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(Number(await written())).toBe(before);
    expect(before).toBeLessThan(10_000_000);
    child.kill('SIGKILL');
    await child.exited;
  });

  test('a timeout kills the command and what it started', async () => {
    const startedAt = Date.now();
    const result = await world.run('hub', ['sh', '-c', 'sleep 1234 & sleep 1235'], {
      timeoutMs: 300,
    });
    expect(result).toMatchObject({ code: null, signal: 'SIGKILL', timedOut: true });
    expect(Date.now() - startedAt).toBeLessThan(5000);
    await expect.poll(() => said('world', 'pgrep -fx "sleep 123[45]" | wc -l')).toBe('0');
  });

  test('a timeout also ends the wait for a daemon that holds the output open', async () => {
    const result = await world.run('hub', ['sh', '-c', 'setsid sleep 1236 & echo done'], {
      timeoutMs: 400,
    });
    expect(result).toMatchObject({ code: 0, stdout: 'done\n', timedOut: true });
    await said('world', 'pkill -fx "sleep 1236"');
  });

  test('a daemon that died leaves no zombie', async () => {
    await world.run('hub', ['sh', '-c', 'setsid sh -c "sleep 0.1" >/dev/null 2>&1 &']);
    await expect.poll(() => said('world', 'ps -eo stat | grep -c Z || :')).toBe('0');
  });

  test('files and unix sockets of a machine are reached from outside', async () => {
    writeFileSync(world.path('easynat-east', '/run/hello'), 'from outside');
    expect(await said('easynat-east', 'cat /run/hello')).toBe('from outside');
    const script = `require('net').createServer((s) => s.pipe(s)).listen('/run/echo.sock', () => console.log('up'))`;
    const server = world.exec('easynat-east', ['node', '-e', script]);
    await once(server.stdout as NodeJS.EventEmitter, 'data');
    const socket = connect(world.path('easynat-east', '/run/echo.sock'));
    socket.write('ping');
    expect(String((await once(socket, 'data'))[0])).toBe('ping');
    socket.destroy();
    server.kill();
    expect(await server.exited).toMatchObject({ signal: 'SIGTERM' });
  });

  test('output can go to a file of the machine', async () => {
    const child = world.exec('hub', ['echo', 'logged'], { stdout: { file: '/run/log.txt' } });
    await child.exited;
    expect(readFileSync(world.path('hub', '/run/log.txt'), 'utf8')).toBe('logged\n');
  });

  test('an unknown place is refused with the names of those that exist', () => {
    expect(() => world.exec('nowhere', ['true'])).toThrow(LabError);
    expect(() => world.path('nowhere', '/run')).toThrow(/there is no "nowhere"/);
  });

  test('a TUN device can be made in a machine', async () => {
    expect(
      await said('easynat-west', 'ip tuntap add dev w0 mode tun && ip -o link show w0 | wc -l'),
    ).toBe('1');
    expect((await world.run('easynat-east', ['ip', 'link', 'show', 'w0'])).code).toBe(1);
  });

  test('the tables of a NAT can be seen and flushed', async () => {
    await said('easynat-west', 'ping -n -q -c 1 52.20.10.11');
    expect(await said('router-home-west', 'conntrack -L 2>/dev/null')).toContain(
      'src=192.168.12.10',
    );
    expect((await world.run('router-home-west', ['conntrack', '-F'])).code).toBe(0);
    expect(await said('router-home-west', 'conntrack -L 2>/dev/null')).toBe('');
  });

  test('two worlds live side by side with the same names', async () => {
    const other = await startWorld(fourMachines);
    await other.run('hub', ['touch', '/run/only-here']);
    expect(await said('hub', 'ls /run')).not.toContain('only-here');
    await other.close();
    expect(await said('hub', 'echo alive')).toBe('alive');
  });

  test('closing ends every process of the world', async () => {
    const other = await startWorld(natZoo);
    const namespace = pidNamespaceOf(other.pid) ?? '';
    const daemon = other.exec('server', ['sh', '-c', 'setsid sleep 1237 & sleep 1238']);
    expect(processesIn(namespace).length).toBeGreaterThan(5);
    await other.close();
    expect(processesIn(namespace)).toEqual([]);
    await expect(daemon.exited).rejects.toThrow(/the world has ended/);
    expect(() => other.exec('server', ['true'])).toThrow(/the world has ended/);
    await other.close();
  });

  test('a signal closes a world, also one that is starting', async () => {
    const running = new AbortController();
    const other = await startWorld(natZoo, { signal: running.signal });
    running.abort();
    await other.ended;
    const starting = new AbortController();
    const promise = startWorld(natZoo, { signal: starting.signal });
    setTimeout(() => starting.abort(new Error('changed my mind')), 60);
    await expect(promise).rejects.toThrow('changed my mind');
  });

  test('what the tools refuse is an error with their words, and nothing stays behind', async () => {
    if (world.delayer === 'netem') return;
    const refused = startWorld(fourMachines, { delayer: 'netem' });
    await expect(refused).rejects.toMatchObject({
      code: 'LAB_WORLD_BUILD',
      message: expect.stringMatching(/qdisc/),
    });
  });
});
