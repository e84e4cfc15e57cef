/**
 * Whatever a person types wrong or a machine lacks: one error, with a code that stays, a hint that helps and
 * the exit code that docs/errors.md promises; and nothing that worked before is worse off.
 */
import { formatAuthKey, parseAuthKey } from '@warren/core/control/auth-key';
import { type MachineKey, parsePublicKey } from '@warren/core/keys/keys';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMIN_SOCKET } from '../mesh/places.js';
import { scriptArgv } from '../scripts.js';
import { skipsLab } from '../testing/lab-ring.js';
import type { RunResult } from '../world/world.js';
import type { WorldProcess } from '../world/world-process.js';
import { type ExpectedFailure, expectFailure, expectFailureAsText } from './documented-errors.js';
import { IMPOSTOR_PORTS } from './impostor-ports.js';
import { OneHubNetwork } from './one-hub-network.js';

const skips = await skipsLab();

/** A failure that needs no waiting, on a busy machine. */
const QUICK_MS = 5_000;
/** A dial that nobody answers is given up after 10 s, the whole of a join after 30 s. */
const DIAL_MS = 13_000;
const JOIN_MS = 35_000;
/** Somebody without rights; the same everywhere. */
const NOBODY = 65_534;
/** A port whose packets the stranger's firewall drops. */
const DROPPED_PORT = 9;

/** The first thing that a process says. */
async function firstOutput(child: WorldProcess): Promise<string> {
  for await (const chunk of child.stdout ?? []) return String(chunk);
  throw new Error(`${child.argv.join(' ')} said nothing`);
}

describe.skipIf(skips)('bad input', () => {
  let network: OneHubNetwork;
  /** Lets any number of machines in. */
  let key: string;
  let impostor: { readonly pin: string; readonly controlKey: string };
  let slow: Readonly<Record<'dropped' | 'silent' | 'dripping', SlowJoin>>;

  beforeAll(async () => {
    // `open` has joined, `left` has a daemon that has not, `right` and `hard` have nothing.
    network = await OneHubNetwork.start(['open']);
    const { world } = network;
    await network.startDaemon('left');
    key = (await network.createKey('--reusable')).key;
    const impostors = world.exec(
      'stranger',
      scriptArgv('faults/impostors', world.addressOf('stranger')),
    );
    impostor = JSON.parse(await firstOutput(impostors)) as typeof impostor;
    await network.sh(
      'stranger',
      `nft add table ip f && nft add chain ip f i '{ type filter hook input priority 0; }' &&
       nft add rule ip f i tcp dport ${DROPPED_PORT} drop`,
    );
    const unreachable = { code: 'SERVER_UNREACHABLE', says: /10 s/ };
    slow = {
      dropped: new SlowJoin(DROPPED_PORT, (run) =>
        expectFailure(within(DIAL_MS, run), unreachable),
      ),
      silent: new SlowJoin(IMPOSTOR_PORTS.silent, (run) =>
        expectFailure(within(DIAL_MS, run), unreachable),
      ),
      dripping: new SlowJoin(IMPOSTOR_PORTS.dripping, (run) =>
        expectFailureAsText(within(JOIN_MS, run), { code: 'CONTROL_REFUSED', says: /30 s/ }),
      ),
    };
  });

  afterAll(async () => {
    await network.close();
  });

  function fails(
    expected: ExpectedFailure,
    place: string,
    ...args: readonly string[]
  ): Promise<void> {
    return expectFailure(network.warren(place, ...args), expected);
  }

  /** As a plain user who may use no more than `capabilities`. */
  function asNobody(place: string, args: readonly string[], before: readonly string[] = []) {
    const become = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
    return (flags: readonly string[]): Promise<RunResult> =>
      network.world.run(place, [
        ...(before.length === 0 ? become : before),
        '--',
        ...network.cli.argv([...args, ...flags]),
      ]);
  }

  const stranger = (port: number): string =>
    `https://${network.world.addressOf('stranger')}:${port}`;

  /** The hub's key with other pins. */
  function repinned(pins: { certificate?: string; controlKey?: string } | undefined): string {
    const parsed = parseAuthKey(key);
    if (parsed?.pins === undefined) throw new Error('a hub pins itself in its keys');
    const { id, secret } = parsed;
    if (pins === undefined) return formatAuthKey({ id, secret });
    return formatAuthKey({
      id,
      secret,
      pins: {
        certificateSha256:
          pins.certificate?.replace('sha256-raw:', '') ?? parsed.pins.certificateSha256,
        controlKey:
          parsePublicKey('machine', pins.controlKey ?? '') ??
          (parsed.pins.controlKey as MachineKey),
      },
    });
  }

  const pinned = (): string => repinned({ certificate: impostor.pin });

  /** `run`, which must end in time. */
  function within(limitMs: number, run: (flags: readonly string[]) => Promise<RunResult>) {
    return async (flags: readonly string[] = []): Promise<RunResult> => {
      const startedAt = performance.now();
      const result = await run(flags);
      expect(performance.now() - startedAt).toBeLessThan(limitMs);
      return result;
    };
  }

  /**
   * Joins that wait for somebody who never answers, each of a daemon of its own: they take half a minute, in
   * which the other tests run.
   */
  class SlowJoin {
    readonly outcome: Promise<void>;

    constructor(
      port: number,
      check: (run: (flags?: readonly string[]) => Promise<RunResult>) => Promise<void>,
    ) {
      this.outcome = this.#join(port).then(check);
      this.outcome.catch(() => undefined); // looked at by its test
    }

    async #join(port: number): Promise<(flags?: readonly string[]) => Promise<RunResult>> {
      const [socket, stateDir] = [`/run/slow-${port}.sock`, `/run/slow-${port}`];
      const own = ['--socket', socket, '--state-dir', stateDir, '--tun', `slow${port}`];
      const { world, cli } = network;
      const daemon = world.exec('stranger', cli.argv(['daemon', ...own, '--port', '0', '--json']), {
        stderr: 'ignore',
      });
      expect(JSON.parse(await firstOutput(daemon))).toEqual({ ready: { socket, stateDir } });
      const args = ['up', '--login-server', stranger(port), '--auth-key', pinned()];
      return (flags = []) => cli.attempt('stranger', ['--socket', socket, ...args, ...flags]);
    }
  }

  describe('without a daemon', () => {
    test.each([['status'], ['ping', 'open'], ['down'], ['ip']])('%s %s', async (...args) => {
      await fails({ code: 'DAEMON_ABSENT' }, 'right', ...args);
    });

    test('`up` of somebody who may not start one', async () => {
      await expectFailure(asNobody('right', ['up']), { code: 'RIGHTS' });
    });
  });

  describe('a wrong command line', () => {
    test.each([
      [['status', '--no-such-flag'], /no-such-flag/],
      [['sttus'], /sttus/],
      [['ping'], /peer/],
      [['up', '--timeout', 'soon'], /soon/],
      [['up', '--login-server', 'ftp://hub'], /ftp/],
      [['daemon', '--port', '70000'], /70000/],
      [['daemon', '--tun', 'a-name-that-is-too-long'], /15 letters/],
      [['hub', '--listen', 'everywhere'], /everywhere/],
      [['relay', '--region-id', '1'], /900/],
    ] as const)('%j', async (args, says) => {
      await fails({ code: 'USAGE', says }, 'right', ...args);
    });
  });

  describe('a join with a key that is', () => {
    const join = (given: string) => ['up', '--login-server', network.url, '--auth-key', given];

    test('not whole', async () => {
      await fails({ code: 'AUTH_KEY_FORMAT' }, 'left', ...join(key.slice(0, 50)));
    });

    test('of characters that no key has', async () => {
      await fails({ code: 'USAGE', says: /auth key/ }, 'left', ...join('two words'));
    });

    test('in a file that is not there', async () => {
      await fails({ code: 'FILE_MISSING' }, 'left', ...join('file:/run/no-such-key'));
    });

    test('wrong', async () => {
      const wrong = key.replace(/^(wkey-auth-.{12}-)..../, '$1AAAA');
      await fails({ code: 'LOGIN_REFUSED', says: /invalid auth key/ }, 'left', ...join(wrong));
    });

    test('expired', async () => {
      const short = await network.createKey('--expiry', '1ms');
      await fails({ code: 'LOGIN_REFUSED', says: /expired/ }, 'left', ...join(short.key));
    });

    test('ended by the operator', async () => {
      const ended = await network.createKey('--reusable');
      await network.cli.run('hub', [
        'control',
        '--admin-socket',
        ADMIN_SOCKET,
        ...['keys', 'expire', ended.id],
      ]);
      await fails({ code: 'LOGIN_REFUSED', says: /expired/ }, 'left', ...join(ended.key));
    });

    test('used up by another machine', async () => {
      const once = await network.createKey();
      await network.startDaemon('hard');
      await network.cli.run('hard', join(once.key));
      await fails({ code: 'LOGIN_REFUSED', says: /already used/ }, 'left', ...join(once.key));
    });

    test('missing', async () => {
      await fails({ code: 'LOGIN_SERVER_MISSING' }, 'left', 'up');
      const first = ['up', '--login-server', network.url];
      await fails({ code: 'TLS_UNTRUSTED', says: /not trust/ }, 'left', ...first);
    });

    test('of none of these failures anything stays', async () => {
      expect(await network.status('left')).toMatchObject({
        state: 'NeedsLogin',
        loginServer: null,
        health: [],
      });
    });
  });

  describe('a join at', () => {
    /** With a key that trusts the stranger unless `given` is another. */
    function failsAt(expected: ExpectedFailure, port: number, given = pinned()): Promise<void> {
      const args = ['up', '--login-server', stranger(port), '--auth-key', given];
      return expectFailure(within(QUICK_MS, network.warren('left', ...args)), expected);
    }
    const { web, plain, garbage, closing, halfControl } = IMPOSTOR_PORTS;

    test('a port where nobody listens', async () => {
      await failsAt({ code: 'SERVER_UNREACHABLE', says: /ECONNREFUSED/ }, 10);
    });

    test('a server that hangs up', async () => {
      await failsAt({ code: 'SERVER_UNREACHABLE' }, closing);
    });

    test('a port that speaks http', async () => {
      await failsAt({ code: 'TLS_FAILED' }, plain);
    });

    test('a server that talks garbage', async () => {
      await failsAt({ code: 'TLS_FAILED' }, garbage);
    });

    test('a web server, with the key of a hub', async () => {
      await failsAt({ code: 'TLS_PIN_MISMATCH', says: /pinned/ }, web, key);
    });

    test('a web server, with a key that pins nothing', async () => {
      await failsAt({ code: 'TLS_UNTRUSTED' }, web, repinned(undefined));
    });

    test('a web server whose certificate is trusted', async () => {
      await failsAt({ code: 'NOT_A_CONTROL_SERVER', says: /200/ }, web);
    });

    test('a hub with another control key than the pinned one', async () => {
      const given = repinned({ controlKey: impostor.controlKey });
      const run = network.warren('left', 'up', '--login-server', network.url, '--auth-key', given);
      await expectFailure(run, { code: 'CONTROL_KEY_MISMATCH', says: /pinned/ });
    });

    test('a server that talks noise once it has our handshake', async () => {
      const given = repinned({ certificate: impostor.pin, controlKey: impostor.controlKey });
      await failsAt({ code: 'CONTROL_REFUSED', says: /Noise/ }, halfControl, given);
    });
  });

  describe('what this machine lacks', () => {
    test('rights to make a network interface', async () => {
      await expectFailure(asNobody('right', ['daemon']), { code: 'RIGHTS' });
    });

    test('access to /dev/net/tun, with the capability', async () => {
      const before = hideTun('/run/tun-without-rights', '+net_admin');
      await network.sh('right', 'touch /run/tun-without-rights; chmod 0 /run/tun-without-rights');
      const state = ['--state-dir', '/tmp/warren-nobody', '--socket', '/tmp/warren-nobody.sock'];
      try {
        await expectFailure(asNobody('right', ['daemon', ...state], before), {
          code: 'TUN_RIGHTS',
        });
      } finally {
        await network.sh('right', 'rm -rf /tmp/warren-nobody /tmp/warren-nobody.sock');
      }
    });

    test('a /dev/net/tun that is one', async () => {
      const run = (flags: readonly string[]): Promise<RunResult> =>
        network.world.run('right', [
          ...[
            'unshare',
            '-m',
            'sh',
            '-c',
            'mount --bind /dev/null /dev/net/tun && exec "$@"',
            'sh',
          ],
          ...network.cli.argv(['daemon', ...flags]),
        ]);
      await expectFailure(run, { code: 'TUN_MISSING', says: /\/dev\/net\/tun/ });
    });

    /** Puts another file in the place of the device, for one command, as nobody with one capability. */
    function hideTun(file: string, capability: string): string[] {
      const become = `setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups --inh-caps=${capability} --ambient-caps=${capability}`;
      const script = `mount --bind ${file} /dev/net/tun && exec ${become} "$@"`;
      return ['unshare', '-m', 'sh', '-c', script, 'sh'];
    }

    test('a free UDP port', async () => {
      const holder = holdPort('right', "dgram').createSocket('udp4').bind(41641");
      await holder.ready;
      await fails({ code: 'UDP_PORT_TAKEN', says: /41641/ }, 'right', 'daemon');
      holder.end();
    });

    test.each(['hub', 'relay'])('a free TCP port for a %s', async (kind) => {
      const holder = holdPort('right', "net').createServer().listen(443");
      await holder.ready;
      const flags = ['--host', '192.0.2.1', '--state-dir', `/run/${kind}`];
      await fails({ code: 'PORT_TAKEN', says: /TCP port 443/ }, 'right', kind, ...flags);
      holder.end();
    });

    test.each(['hub', 'relay'])('a free STUN port for a %s', async (kind) => {
      const holder = holdPort('right', "dgram').createSocket('udp6').bind(3478");
      await holder.ready;
      const flags = ['--host', '192.0.2.1', '--state-dir', `/run/${kind}`];
      await fails({ code: 'PORT_TAKEN', says: /UDP port 3478/ }, 'right', kind, ...flags);
      holder.end();
    });

    /** Another program on a port. */
    function holdPort(place: string, call: string) {
      const script = `require('${call}, () => console.log('held'))`;
      const child = network.world.exec(place, [process.execPath, '-e', script]);
      return { ready: firstOutput(child), end: () => child.kill('SIGKILL') };
    }
  });

  describe('a second', () => {
    test('daemon on the same socket', async () => {
      await fails({ code: 'SOCKET_TAKEN' }, 'open', 'daemon');
    });

    test('daemon on the same state', async () => {
      const flags = ['--socket', '/run/second.sock', '--port', '0', '--tun', 'warren1'];
      await fails({ code: 'STATE_LOCKED', says: /process \(\d+\)/ }, 'open', 'daemon', ...flags);
    });

    test('daemon on the same interface', async () => {
      const flags = ['--socket', '/run/second.sock', '--port', '0', '--state-dir', '/run/second'];
      await fails({ code: 'TUN_BUSY', says: /warren0/ }, 'open', 'daemon', ...flags);
    });

    test('hub on the same state, or the same admin socket', async () => {
      await fails({ code: 'STATE_LOCKED' }, 'hub', 'hub', '--listen', ':444');
      const flags = ['--state-dir', '/run/second', '--listen', ':444', '--no-stun'];
      const socket = ['--admin-socket', ADMIN_SOCKET];
      await fails({ code: 'ADMIN_SOCKET_TAKEN' }, 'hub', 'hub', ...flags, ...socket);
    });

    test('and the first ones go on', async () => {
      expect(await network.status('open')).toMatchObject({ state: 'Running', health: [] });
      expect(await network.nodes()).toContainEqual(
        expect.objectContaining({ hostName: 'open', online: true }),
      );
    });
  });

  describe('a machine that has joined', () => {
    test('pings nobody it does not know, nor itself', async () => {
      await fails({ code: 'PEER_UNKNOWN', says: /nobody/ }, 'open', 'ping', 'nobody');
      await fails({ code: 'PEER_UNKNOWN', says: /100\.64\.9\.9/ }, 'open', 'ping', '100.64.9.9');
      await fails({ code: 'PEER_UNKNOWN', says: /itself/ }, 'open', 'ping', 'open');
      await fails({ code: 'PEER_UNKNOWN', says: /nobody/ }, 'open', 'ip', 'nobody');
    });

    test('keeps its login when it is sent to a server that is none', async () => {
      const before = await network.status('open');
      const { web } = IMPOSTOR_PORTS;
      await fails({ code: 'SERVER_UNREACHABLE' }, 'open', 'up', '--login-server', stranger(10));
      await fails({ code: 'TLS_UNTRUSTED' }, 'open', 'up', '--login-server', stranger(web));
      const given = repinned({ controlKey: impostor.controlKey });
      await fails({ code: 'CONTROL_KEY_MISMATCH' }, 'open', 'up', '--auth-key', given);
      const after = await network.statusUntil('open', 'up again', ({ state }) => {
        return state === 'Running';
      });
      expect(after.loginServer).toBe(before.loginServer);
      expect(after.self).toMatchObject({
        nodeKey: before.self?.nodeKey,
        addresses: before.self?.addresses,
      });
    });

    test('has its login also after a daemon that died in the middle of such a change', async () => {
      const before = await network.status('open');
      const hanging = network.cli.attempt('open', [
        ...['up', '--login-server', stranger(DROPPED_PORT)],
      ]);
      await network.statusUntil('open', 'changing', ({ loginServer }) => {
        return loginServer === stranger(DROPPED_PORT);
      });
      await network.killDaemon('open');
      expect((await hanging).code).toBe(69);
      await network.startDaemon('open');
      const after = await network.statusUntil('open', 'up again', ({ state }) => {
        return state === 'Running';
      });
      expect(after.self?.nodeKey).toBe(before.self?.nodeKey);
    });

    test('and was deleted on the hub is told so, and joins again with a key', async () => {
      await network.cli.run('hub', [
        'control',
        '--admin-socket',
        ADMIN_SOCKET,
        ...['nodes', 'delete', 'open'],
      ]);
      await network.statusUntil('open', 'out', ({ state }) => state === 'NeedsLogin');
      const patience = ['--timeout', '10s'];
      await fails({ code: 'UP_TIMEOUT', says: /in the browser/ }, 'open', 'up', ...patience);
      await network.cli.run('open', ['up', '--auth-key', key]);
      expect((await network.status('open')).state).toBe('Running');
    });
  });

  // Last, because they began with the first.
  describe('a join that waits for', () => {
    test('a host that drops our packets is given up in time', () => slow.dropped.outcome);
    test('a server that accepts and says nothing is given up in time', () => slow.silent.outcome);
    test('a server that never ends its answer is given up in time', () => slow.dripping.outcome);
  });
});
