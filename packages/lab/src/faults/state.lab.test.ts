/**
 * What is on disk: private, never guessed at when it is damaged, never half written when there is no room.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMIN_SOCKET, HUB_STATE, NODE_STATE, RELAY_STATE, until } from '../mesh/places.js';
import { startRelay } from '../mesh/servers.js';
import { skipsLab } from '../testing/lab-ring.js';
import { type ExpectedFailure, expectFailure, expectFailureAsText } from './documented-errors.js';
import { OneHubNetwork } from './one-hub-network.js';

const skips = await skipsLab();

/** Made to be handed out: other machines' hubs read it. */
const PUBLIC_FILES = ['derp-region.json'];
/** What stands in the small file system of the tests without room. */
const SMALL_KILOBYTES = 64;
/** A hub's database and its log, which is emptied every megabyte. */
const HUB_KILOBYTES = 2048;

describe.skipIf(skips)('state', () => {
  let network: OneHubNetwork;

  beforeAll(async () => {
    network = await OneHubNetwork.start(['open']);
    const region = { id: 902, code: 'other', name: 'Other' };
    await startRelay(network.world, network.cli, 'stranger', region);
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

  /** A command that would start a server or daemon on a copy of a real state directory. */
  const starts = {
    node: ['daemon', '--socket', '/run/copy.sock', '--port', '0', '--tun', 'copy0'],
    hub: ['hub', '--admin-socket', '/run/copy.sock', '--listen', ':444', '--no-stun'],
    relay: ['relay', '--listen', ':444', '--no-stun'],
  } as const;
  const places = { node: 'open', hub: 'hub', relay: 'stranger' } as const;
  const directories = { node: NODE_STATE, hub: HUB_STATE, relay: RELAY_STATE } as const;
  type Kind = keyof typeof starts;

  test.each(['node', 'hub', 'relay'] as const)('of a %s is for its owner alone', async (kind) => {
    const list = await network.sh(places[kind], `find ${directories[kind]} -printf '%m %y %f\\n'`);
    const entries = list.split('\n').map((line) => line.split(' '));
    expect(entries.length).toBeGreaterThan(2);
    for (const [mode, type, name] of entries) {
      if (PUBLIC_FILES.includes(name ?? '')) continue;
      expect([name, mode]).toEqual([name, type === 'd' ? '700' : '600']);
    }
  });

  test('sockets that rule a daemon or a hub are for their owner alone', async () => {
    const list = await network.sh('hub', "find /run -type s -printf '%m %p\\n'");
    expect(list.split('\n').sort()).toEqual([`600 /run/stats.sock`, `600 ${ADMIN_SOCKET}`]);
    expect(await network.sh('open', 'stat -c %a /run/warren/warren.sock')).toBe('600');
  });

  /** The running hub's database without the log beside it, which would hide the damage. */
  async function copyDatabase(directory: string): Promise<void> {
    await network.sh('hub', `rm ${directory}/control.db*`);
    const line = ['control', '--admin-socket', ADMIN_SOCKET, 'backup', `${directory}/control.db`];
    await network.cli.run('hub', line);
  }

  describe.each([
    ['node', 'node.json'],
    ['hub', 'control.db'],
    ['hub', 'control.key'],
    ['hub', 'relay.key'],
    ['hub', 'tls.pem'],
    ['relay', 'relay.key'],
    ['relay', 'tls.pem'],
  ] as const)('a damaged %s file: %s', (kind: Kind, file) => {
    const damages = {
      'cut off': (path: string) => `truncate -s -40 ${path}`,
      empty: (path: string) => `truncate -s 0 ${path}`,
      'of zeros': (path: string) =>
        `size=$(stat -c %s ${path}) && head -c $size /dev/zero > ${path}`,
    };

    test.each(Object.entries(damages))('that is %s is refused and kept', async (what, damage) => {
      const place = places[kind];
      const copy = '/run/copy';
      const path = `${copy}/${file}`;
      await network.sh(place, `rm -rf ${copy} && cp -a ${directories[kind]} ${copy}`);
      if (file === 'control.db') await copyDatabase(copy);
      await network.sh(place, damage(path));
      const before = await network.sh(place, `ls -A ${copy}; cksum ${copy}/*.*`);
      const says = new RegExp(`damaged: ${path}`);
      const expected = { code: 'FILE_CORRUPT', says };
      const run = network.warren(place, ...starts[kind], '--state-dir', copy);
      // Starting costs half a second: one of the damages in both voices is enough.
      if (what === 'empty') await expectFailure(run, expected);
      else await expectFailureAsText(() => run([]), expected);
      expect(await network.sh(place, `ls -A ${copy}; cksum ${copy}/*.*`)).toBe(before);
    });
  });

  test('of a newer hub is refused and kept', async () => {
    await network.sh(
      'hub',
      `rm -rf /run/copy && cp -a ${HUB_STATE} /run/copy && rm /run/copy/control.db* &&
       echo '{"version": 2}' > /run/copy/control.json`,
    );
    const args = [...starts.hub, '--state-dir', '/run/copy'];
    await fails({ code: 'CONTROL_STATE_VERSION', says: /newer/ }, 'hub', ...args);
    expect(await network.sh('hub', 'ls /run/copy/control.*')).not.toContain('control.db');
    expect(await network.sh('hub', 'cat /run/copy/control.json')).toBe('{"version": 2}');
  });

  test('without the rights to read it is refused: 77', async () => {
    await network.sh(
      'hub',
      `rm -rf /run/copy && cp -a ${HUB_STATE} /run/copy && chown -R nobody /run/copy &&
       chmod 755 /run/copy && chown root /run/copy/control.db`,
    );
    const own = ['--listen', ':8444', '--admin-socket', '/run/copy/own.sock'];
    const line = network.cli.argv([...starts.hub, ...own, '--state-dir', '/run/copy', '--json']);
    const asNobody = ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups'];
    const { code, stdout } = await network.world.run('hub', [...asNobody, ...line]);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'FILE_UNREADABLE' } });
    expect(stdout).toContain('/run/copy/control.db');
    expect(code).toBe(77);
  });

  test('on a read-only disk is refused, with the way out', async () => {
    await network.sh('open', 'mkdir /run/fixed && mount -t tmpfs -o ro none /run/fixed');
    const args = [...starts.node, '--state-dir', '/run/fixed'];
    await fails({ code: 'FILE_UNWRITABLE', says: /EROFS/ }, 'open', ...args);
  });

  describe('on a full disk', () => {
    /** A small file system at a path of a place. */
    const small = (path: string, kilobytes: number = SMALL_KILOBYTES): string =>
      `mkdir -p ${path} && mount -t tmpfs -o mode=700,size=${kilobytes}k tmpfs ${path}`;
    const fill = (path: string): string => `! dd if=/dev/zero of=${path}/filler bs=1k 2>/dev/null`;
    const free = (path: string): string => `rm ${path}/filler`;

    test.each(['node', 'hub', 'relay'] as const)('a first start of a %s', async (kind) => {
      const place = places[kind];
      const path = `/run/full-${kind}`;
      await network.sh(place, `${small(path)} && ${fill(path)}`);
      const says = /ENOSPC/;
      await fails(
        { code: 'FILE_UNWRITABLE', says },
        place,
        ...starts[kind],
        ...['--state-dir', path],
      );
      expect(await network.sh(place, `ls -A ${path} | grep -v '^lock$'`)).toBe('filler');
    });

    test('a hub that needs a new certificate keeps the old one', async () => {
      const path = '/run/full-certificate';
      await network.sh(
        'hub',
        `${small(path, HUB_KILOBYTES)} && cp -a ${HUB_STATE}/. ${path}/ && ${fill(path)}`,
      );
      const before = await network.sh('hub', `ls -A ${path}; cksum ${path}/tls.pem`);
      const args = [...starts.hub, '--state-dir', path, '--host', 'hub.example.net'];
      await fails({ code: 'FILE_UNWRITABLE', says: /tls\.pem: ENOSPC/ }, 'hub', ...args);
      expect(await network.sh('hub', `ls -A ${path}; cksum ${path}/tls.pem`)).toBe(before);
    });

    test('a daemon keeps its login and its state', async () => {
      const path = '/run/full-daemon';
      await network.sh('right', small(path));
      await network.startDaemon('right', ['--state-dir', path]);
      const { key } = await network.createKey();
      const join = ['--login-server', network.url, '--auth-key', key];
      await network.cli.run('right', ['up', ...join]);
      const before = await network.sh('right', `cat ${path}/node.json`);
      await network.sh('right', fill(path));
      const full = { code: 'FILE_UNWRITABLE', says: /ENOSPC/ };
      await fails(full, 'right', 'up', '--hostname', 'other');
      expect(await network.sh('right', `cat ${path}/node.json`)).toBe(before);
      // Nothing half written; two files come and go with what the daemon learns.
      const files = `ls -A ${path} | grep -vE '^(handshake-time|udp-ports.json)$'`;
      expect(await network.sh('right', files)).toBe('filler\nlock\nnode.json');
      expect((await network.status('right')).state).toBe('Running');
      await network.cli.run('right', ['up']); // nothing to store: no matter
      await fails(full, 'right', 'down');
      expect((await network.status('right')).state).toBe('Stopped');
      await network.sh('right', free(path));
      await network.cli.run('right', ['up', '--hostname', 'other']);
      await network.statusUntil('right', 'renamed', ({ self }) => self?.hostName === 'other', 5000);
    });

    test('a first join fails with nothing spent', async () => {
      const path = '/run/full-join';
      await network.sh('left', small(path));
      await network.startDaemon('left', ['--state-dir', path]);
      await network.sh('left', fill(path));
      const { key } = await network.createKey();
      const join = ['--login-server', network.url, '--auth-key', key];
      await fails({ code: 'FILE_UNWRITABLE' }, 'left', 'up', ...join);
      await network.sh('left', free(path));
      await network.cli.run('left', ['up', ...join]);
      expect((await network.status('left')).state).toBe('Running');
    });

    test('a hub changes nothing that it can’t store, and goes on when there is room', async () => {
      const path = '/run/full-hub';
      await network.killHub();
      await network.sh('hub', `${small(path, HUB_KILOBYTES)} && cp -a ${HUB_STATE}/. ${path}/`);
      await network.startHub(['--state-dir', path]);
      const admin = ['control', '--admin-socket', ADMIN_SOCKET];
      const { key } = await network.createKey();
      await network.sh('hub', fill(path));
      const before = await network.cli.json('hub', [...admin, 'keys', 'list']);
      const full = { code: 'FILE_UNWRITABLE', says: /control\.db: ENOSPC/ };
      // The log has room left over from earlier writes, for a while.
      await until(network.world, 'hub', 'the disk is full', async () => {
        const { code } = await network.cli.attempt('hub', [...admin, 'keys', 'expire', 'none']);
        expect(code).toBe(3);
        const line = [...admin, 'users', 'create', `user-${process.hrtime.bigint()}`];
        expect((await network.cli.attempt('hub', line)).code).toBe(1);
      });
      await fails(full, 'hub', ...admin, 'keys', 'create');
      await fails(full, 'hub', ...admin, 'users', 'create', 'ann');
      expect(await network.cli.json('hub', [...admin, 'keys', 'list'])).toEqual(before);
      await network.startDaemon('hard');
      const join = ['--login-server', network.url, '--auth-key', key];
      const joining = network.cli.attempt('hard', ['up', ...join]);
      await network.statusUntil('hard', 'asking', ({ state }) => state === 'Starting');
      expect((await network.nodes()).map(({ hostName }) => hostName)).not.toContain('hard');
      await network.sh('hub', free(path));
      expect((await joining).code).toBe(0);
      expect((await network.nodes()).map(({ hostName }) => hostName)).toContain('hard');
      // On disk, too: another start finds it.
      await network.killHub();
      await network.startHub(['--state-dir', path]);
      expect((await network.nodes()).map(({ hostName }) => hostName)).toContain('hard');
    });
  });
});
