/**
 * Two stock clients and a Warren node in one network: who sees whom, by which path, and what stock clients do with
 * each other that the hub has to let them: files from machine to machine (Taildrop), logins by SSH, at once and after
 * an operator's yes. `left` and `open` are stock, `right` is Warren's.
 */
import type { PeerStatus } from '@warren/node/local-api/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { until } from '../mesh/places.js';
import { approveInBrowser } from './approval-browser.js';
import { skipsGoPeers } from './go-peers.js';
import { StockClient } from './stock-client.js';
import { hubCertificate, joinStock } from './stock-hub.js';

const skips = await skipsGoPeers('tailscaled', 'tailscale');

const POLICY = '/run/policy.hujson';
const EVERYBODY = [{ action: 'accept', src: ['*'], dst: ['*:*'] }];
const [SENT, INBOX, PLACE] = ['/run/numbers.txt', '/run/inbox', '/run/place'];
const WHERE = ['cat', PLACE];

/** Users of one machine of theirs log in on another as root. */
function policy(action: 'accept' | 'check'): string {
  const rule = { src: ['autogroup:member'], dst: ['autogroup:self'], users: ['root'] };
  const period = action === 'check' ? { checkPeriod: '1h' } : {};
  return JSON.stringify({ acls: EVERYBODY, ssh: [{ action, ...rule, ...period }] });
}

describe.skipIf(skips)('two stock clients and a Warren node in one network', () => {
  let network: OneHubNetwork;
  let clients: ReadonlyMap<string, StockClient>;

  function stock(machine: string): StockClient {
    const client = clients.get(machine);
    if (client === undefined) throw new Error(`${machine} is not stock`);
    return client;
  }

  const hub = (...args: readonly string[]): Promise<string> =>
    network.cli.run('hub', ['control', ...args]);

  async function setPolicy(text: string): Promise<void> {
    const replace = ['sh', '-c', `cat > ${POLICY}.new && mv ${POLICY}.new ${POLICY}`];
    await network.world.run('hub', replace, { input: text });
  }

  beforeAll(async () => {
    network = await OneHubNetwork.start(['right'], {
      hubFlags: ['--policy-file', POLICY],
      beforeServers: async (world) => {
        await world.run('hub', ['sh', '-c', `cat > ${POLICY}`], { input: policy('accept') });
      },
    });
    clients = await joinStock(network, ['left', 'open'], {
      tun: 'tailscale0',
      upFlags: ['--ssh'],
    });
    for (const machine of ['left', 'open']) {
      await network.sh(machine, `echo ${machine} > ${PLACE}`);
    }
  });

  afterAll(async () => {
    await network?.close();
  });

  test('each sees the other two, online, by name and address', async () => {
    for (const machine of ['left', 'open']) {
      const others = ['left', 'open', 'right'].filter((other) => other !== machine);
      const seen = await until(network.world, machine, 'two peers', async () => {
        const peers = await stock(machine).peers();
        if ([...peers.values()].filter(({ Online }) => Online).length < 2) throw new Error('no');
        return peers;
      });
      expect([...seen.keys()].sort()).toEqual(others);
      for (const other of others) {
        expect(seen.get(other)).toMatchObject({
          DNSName: `${other}.warren.internal.`,
          OS: 'linux',
        });
        expect(seen.get(other)?.TailscaleIPs[0]).toBe(network.addressOf(other));
      }
      expect((await stock(machine).status()).BackendState).toBe('Running');
    }
    const isReady = ({ online, relay }: PeerStatus): boolean => online === true && relay === 'town';
    const { state, peers } = await network.statusUntil(
      'right',
      'two peers',
      (status) => status.peers.filter(isReady).length === 2,
    );
    expect(state).toBe('Running');
    expect(new Map(peers.map(({ name, addresses }) => [name, addresses[0]]))).toEqual(
      new Map(['left', 'open'].map((name) => [`${name}.warren.internal`, network.addressOf(name)])),
    );
  });

  test('each pings the others directly, and all three say so', async () => {
    for (const [from, to] of [
      ['left', 'open'],
      ['left', 'right'],
      ['open', 'left'],
      ['open', 'right'],
    ] as const) {
      const endpoint = `${network.world.publicAddressOf(to)}:`;
      await until(network.world, from, `a direct pong of ${to}`, async () => {
        const pong = (await stock(from).ping(network.addressOf(to))).at(-1);
        const seen = (await stock(from).peers()).get(to);
        expect(pong).toMatchObject({ isDirect: true });
        expect([pong?.via, seen?.CurAddr]).toEqual(
          Array(2).fill(expect.stringContaining(endpoint)) as string[],
        );
      });
    }
    for (const to of ['left', 'open']) {
      const ping = await network.cli.attempt('right', ['ping', '-c', '30', to]);
      expect(ping.code, ping.stdout).toBe(0);
    }
    const { peers } = await network.status('right');
    expect(peers.map(({ path }) => path)).toEqual(['direct', 'direct']);
  });

  test('an ephemeral one with a tagged key comes, is nobody’s, and is forgotten when it logs out', async () => {
    const { key } = await network.createKey('--ephemeral', '--tag', 'tag:ci');
    const guest = await StockClient.start(network.world, 'hard', hubCertificate(network));
    await guest.up(network.url, key);
    expect((await guest.status()).Self).toMatchObject({ Tags: ['tag:ci'], Online: true });
    const listed = async () => (await network.nodes()).find(({ hostName }) => hostName === 'hard');
    expect(await listed()).toMatchObject({ user: 'tagged-devices', online: true });
    const seen = async (wanted: boolean): Promise<void> => {
      await network.statusUntil(
        'right',
        `the guest: ${wanted}`,
        ({ peers }) => peers.some(({ hostName }) => hostName === 'hard') === wanted,
      );
      await until(network.world, 'left', `the guest: ${wanted}`, async () => {
        expect((await stock('left').peers()).has('hard')).toBe(wanted);
      });
    };
    await seen(true);
    await guest.run('logout');
    await seen(false);
    expect(await listed()).toBeUndefined();
  });

  test('a file goes from one stock client to the other', async () => {
    await network.sh('left', `seq 1 100000 > ${SENT}`);
    const targets = await until(network.world, 'left', 'somebody who takes files', async () => {
      const listed = await stock('left').run('file', 'cp', '--targets');
      if (!listed.includes('open')) throw new Error(listed);
      return listed;
    });
    // A Warren node has no place for files, and says so by not offering one.
    expect(targets).not.toContain('right');
    await stock('left').run('file', 'cp', SENT, 'open:');
    await network.sh('open', `mkdir -p ${INBOX}`);
    await stock('open').run('file', 'get', '--wait', INBOX);
    const sum = async (machine: string, file: string): Promise<string> =>
      (await network.sh(machine, `sha256sum < ${file}`)).trim();
    expect(await sum('open', `${INBOX}/numbers.txt`)).toBe(await sum('left', SENT));
  });

  test('`warren ssh` logs in on a stock client, whose host keys the network knows', async () => {
    const result = await until(network.world, 'right', 'a login', async () => {
      const said = await network.cli.attempt('right', ['ssh', 'root@left', ...WHERE]);
      if (said.code !== 0) throw new Error(`${said.stderr}${await stock('left').log(20)}`);
      return said;
    });
    expect(result.stdout).toBe('left\n');
    expect(result.stderr).not.toContain('knows no SSH host keys');
  });

  test('one stock client logs in on the other; nobody does under a name that no rule has', async () => {
    expect(await stock('open').run('ssh', 'root@left', ...WHERE)).toBe('left');
    const other = await stock('open').attempt('ssh', 'games@left', ...WHERE);
    expect(other.code).not.toBe(0);
    expect(other.stdout).not.toContain('left');
  });

  test('after a check: an operator says no, then whoever began the session yes on its page, which lasts', async () => {
    await setPolicy(policy('check'));
    const login = () => network.cli.attempt('right', ['ssh', 'root@open', ...WHERE], 90_000);
    const waiting = (): Promise<string> =>
      until(network.world, 'hub', 'a session that waits', async () => {
        const checks = JSON.parse(await hub('ssh-checks', 'list', '--json')) as readonly {
          readonly id: string;
        }[];
        const [check] = checks;
        if (check === undefined) throw new Error('nobody waits');
        return check.id;
      });
    // Until the new rule has come the old one lets everybody in.
    const refused = await until(network.world, 'right', 'a session that was held', async () => {
      const session = login();
      const first = await Promise.race([waiting(), session]);
      if (typeof first !== 'string') throw new Error('let in by the old rule');
      await hub('ssh-checks', 'reject', first);
      return session;
    });
    expect(refused.code).not.toBe(0);
    expect(refused.stdout).toBe('');
    const session = login();
    const page = `${network.url}/ssh-check/${await waiting()}`;
    const code = (await hub('logins', 'code', '--user', 'owner')).trim();
    const visited = await approveInBrowser(network.world, 'right', page, code);
    expect(visited).toMatchObject({ status: 200 });
    expect(visited.form).toContain('<dd>open.warren.internal</dd>');
    expect(await session).toMatchObject({ code: 0, stdout: 'open\n' });
    expect(await login()).toMatchObject({ code: 0, stdout: 'open\n' });
  });
});
