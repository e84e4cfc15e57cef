/** up, down, status, ping and ip as processes, against the daemon's own API server. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CIPHER_NAMES } from '@warren/node/crypto/choose-cipher';
import type { CipherReport } from '@warren/node/crypto/cipher-report';
import { NodeError } from '@warren/node/errors';
import type {
  PingLine,
  PingRequest,
  StatusReport,
  UpEvent,
  UpRequest,
} from '@warren/node/local-api/protocol';
import type { LocalApiBackend } from '@warren/node/local-api/server';
import type { WhyReport } from '@warren/node/local-api/why-report';
import { afterEach, describe, expect, test } from 'vitest';
import { type ServedDaemon, serveDaemon } from '../testing/daemon-api.js';
import { mappedPort } from '../testing/portmap.js';
import { directPeer, easyNetcheck, quietPeer, runningReport } from '../testing/reports.js';
import { type CliOptions, type CliOutcome, runCli } from '../testing/run-cli.js';
import { relayedWhy } from '../testing/why.js';

const daemons: ServedDaemon[] = [];
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.close();
});

/** Runs a command against a daemon with `backend`. */
async function warren(
  backend: Partial<LocalApiBackend>,
  line: readonly string[],
  options: CliOptions = {},
): Promise<CliOutcome> {
  const daemon = await serveDaemon(backend);
  daemons.push(daemon);
  return runCli(['--socket', daemon.socketPath, ...line], options);
}

const report = (change: Partial<StatusReport> = {}): Partial<LocalApiBackend> => ({
  status: () => Promise.resolve({ ...runningReport, ...change }),
});

describe('status', () => {
  test('a row per machine, direct ones with their address', async () => {
    const { code, out, err } = await warren(report(), ['status']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.split('\n')).toEqual([
      expect.stringMatching(/^100\.64\.0\.2 {2}laptop {3}ann@ {2}\S+ +-$/) as string,
      '100.64.0.3  desk     ann@  linux  -',
      '100.64.0.7  printer  ann@  linux  active; direct 192.0.2.7:41641, tx 9120 rx 10404',
      '',
    ]);
  });

  test('--active and --peers=false choose rows, in JSON too', async () => {
    expect((await warren(report(), ['status', '--active'])).out.trim().split('\n')).toHaveLength(2);
    expect(
      (await warren(report(), ['status', '--peers=false'])).out.trim().split('\n'),
    ).toHaveLength(1);
    const active = JSON.parse((await warren(report(), ['status', '--active', '--json'])).out);
    expect(active.peers).toEqual([directPeer]);
    const alone = JSON.parse((await warren(report(), ['status', '--no-peers', '--json'])).out);
    expect(alone).toEqual({ ...runningReport, peers: [] });
  });

  test('--json is the daemon’s report', async () => {
    const { code, out } = await warren(report(), ['status', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual(runningReport);
  });

  test.each([
    [{ state: 'Stopped' }, 'Warren is stopped.'],
    [{ state: 'NeedsLogin', self: null, peers: [] }, 'Logged out.'],
    [
      { state: 'NeedsLogin', self: null, authUrl: 'https://h/r/1' },
      'Logged out.\nLog in at: https://h/r/1',
    ],
  ] as const)('%j is a sentence and 1', async (change, sentence) => {
    const { code, out } = await warren(report(change), ['status']);
    expect({ code, out }).toEqual({ code: 1, out: `${sentence}\n` });
    expect((await warren(report(change), ['status', '--json'])).code).toBe(1);
  });

  test('what is wrong is shown, also while stopped', async () => {
    const health = ['no relay is reachable'];
    for (const state of ['Running', 'Stopped'] as const) {
      const { out } = await warren(report({ state, health }), ['status']);
      expect(out).toMatch(/\n\n# Health check:\n# {5}- no relay is reachable\n$/);
    }
  });
});

describe('netcheck', () => {
  const finding = (change: Partial<typeof easyNetcheck>): Partial<LocalApiBackend> => ({
    netcheck: (onProgress) => {
      onProgress('asking the STUN servers of 3 regions');
      return Promise.resolve({ ...easyNetcheck, ...change });
    },
  });

  test('UDP that works is 0, as text and as JSON', async () => {
    const text = await warren(finding({}), ['netcheck']);
    expect({ code: text.code, err: text.err }).toEqual({ code: 0, err: '' });
    expect(text.out).toContain('  nat               easy (one mapping for all destinations)\n');
    const json = await warren(finding({}), ['netcheck', '--json']);
    expect(json.code).toBe(0);
    expect(JSON.parse(json.out)).toEqual(easyNetcheck);
  });

  test('relays alone are 1, nothing at all is 2', async () => {
    const [first] = easyNetcheck.relays;
    if (first === undefined) throw new Error('the report has relays');
    const overHttps = [{ ...first, method: 'https' as const }];
    expect((await warren(finding({ udp: false, relays: overHttps }), ['netcheck'])).code).toBe(1);
    const silent = [{ ...first, latencyMs: null, method: null }];
    expect((await warren(finding({ udp: false, relays: silent }), ['netcheck'])).code).toBe(2);
  });

  test('--verbose says what is done, and lists endpoints', async () => {
    const { err, out } = await warren(finding({}), ['netcheck', '--verbose']);
    expect(err).toContain('asking the STUN servers of 3 regions');
    expect(out).toContain('203.0.113.9:54321  stun, strangers do not reach it');
  });

  test('a node that is stopped has nothing to check with', async () => {
    const stopped = () => Promise.reject(new NodeError('NOT_RUNNING', 'stopped', 'up'));
    expect((await warren({ netcheck: stopped }, ['netcheck'])).code).toBe(3);
  });

  test('--standalone without any relay to ask says where to get some', async () => {
    const line = ['netcheck', '--standalone', '--state-dir', join(tmpdir(), 'warren-no-state')];
    const { code, err } = await warren({}, line);
    expect(code).toBe(3);
    expect(err).toContain('RELAY_MAP_UNKNOWN');
    expect(err).toContain('--login-server');
  });
});

describe('debug portmap', () => {
  test('a mapping is 0, as text and as JSON; none is 1', async () => {
    const { code, out, err } = await warren({}, ['debug', 'portmap']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('PCP      mapped  203.0.113.9:41641, granted for 2h');
    const json = await warren({}, ['debug', 'portmap', '--json']);
    expect(JSON.parse(json.out)).toEqual(mappedPort);
    const off = { ...mappedPort, enabled: false, routers: [] };
    const none = await warren({ portMap: () => Promise.resolve(off) }, ['debug', 'portmap']);
    expect(none).toMatchObject({ code: 1, out: expect.stringContaining('switched off') as string });
  });
});

test('debug crypto measures without a daemon, and says what is taken', async () => {
  const { code, out } = await warren({}, ['debug', 'crypto', '--json']);
  expect(code).toBe(0);
  const report = JSON.parse(out) as CipherReport;
  expect(report.ciphers.map(({ name }) => name)).toEqual(CIPHER_NAMES);
  expect(report.ciphers.find(({ name }) => name === report.chosen)).toHaveProperty('sealNs');
});

describe('why', () => {
  const verdict = (change: Partial<WhyReport>): Partial<LocalApiBackend> => ({
    why: () => Promise.resolve({ ...relayedWhy, ...change }),
  });

  test('the verdict is the exit code', async () => {
    const codes = { direct: 0, relayed: 1, unreachable: 2 } as const;
    for (const [word, code] of Object.entries(codes)) {
      const outcome = await warren(verdict({ verdict: word as keyof typeof codes }), ['why', 'x']);
      expect({ code: outcome.code, err: outcome.err }).toEqual({ code, err: '' });
    }
  });

  test('text for people, the report for machines', async () => {
    const { out } = await warren({}, ['why', 'printer']);
    expect(out).toMatch(/^printer is reached through a relay \(hbt\): both-hard\n/);
    const json = await warren({}, ['why', '--json', 'printer']);
    expect(JSON.parse(json.out)).toEqual(relayedWhy);
  });

  test('any name reaches the daemon as it is typed', async () => {
    const asked: string[] = [];
    const backend: Partial<LocalApiBackend> = {
      why: (peer) => {
        asked.push(peer);
        return Promise.resolve(relayedWhy);
      },
    };
    for (const name of ['fd7a:115c:a1e0::7', 'a b&peer=c', 'printer.warren.internal.']) {
      await warren(backend, ['why', name]);
    }
    expect(asked).toEqual(['fd7a:115c:a1e0::7', 'a b&peer=c', 'printer.warren.internal.']);
  });

  test('no such peer is 3', async () => {
    const unknown = new NodeError('PEER_UNKNOWN', 'x is not in this network', 'look at status');
    const { code, err } = await warren({ why: () => Promise.reject(unknown) }, ['why', 'x']);
    expect(code).toBe(3);
    expect(err).toContain('PEER_UNKNOWN');
  });
});

describe('ping', () => {
  const base = { peer: 'printer', address: '100.64.0.7' };
  const relayed: PingLine = {
    seq: 1,
    ...base,
    path: 'relay',
    region: 'hbt',
    latencyMs: 33.6,
    elapsedMs: 34,
  };
  const direct: PingLine = {
    seq: 2,
    ...base,
    path: 'direct',
    endpoint: '192.0.2.7:41641',
    latencyMs: 3.1,
    elapsedMs: 1004,
  };
  const none: PingLine = { seq: 1, ...base, path: 'none', reason: 'timeout', elapsedMs: 5000 };

  const answering = (...lines: PingLine[]): Partial<LocalApiBackend> => ({
    ping: async (_request, emit) => {
      for (const line of lines) emit(line);
    },
  });

  test('direct in the end is 0', async () => {
    const { code, out, err } = await warren(answering(relayed, direct), ['ping', 'printer']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(
      'pong from printer (100.64.0.7) via DERP(hbt) in 34ms\n' +
        'pong from printer (100.64.0.7) via 192.0.2.7:41641 in 3ms\n',
    );
  });

  test('only relayed is 1, no answer is 2, and both say so on stderr', async () => {
    expect(await warren(answering(none, relayed), ['ping', 'x'])).toMatchObject({
      code: 1,
      err: 'direct connection not established\n',
    });
    expect(await warren(answering(none), ['ping', 'x'])).toEqual({
      code: 2,
      out: 'no reply from printer (100.64.0.7): timeout\n',
      err: 'no reply\n',
    });
  });

  test('--json is a line per ping, and nothing else', async () => {
    const { code, out, err } = await warren(answering(none, relayed), ['ping', '--json', 'x']);
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as PingLine),
    ).toEqual([none, relayed]);
  });

  test('an unknown peer is 3, apart from a silent one', async () => {
    const ping = () => Promise.reject(new NodeError('PEER_UNKNOWN', 'no x here', 'see status'));
    expect(await warren({ ping }, ['ping', 'x'])).toEqual({
      code: 3,
      out: '',
      err: 'error: no x here (PEER_UNKNOWN)\n  hint: see status\n',
    });
  });

  test.each<[string[], Partial<PingRequest>]>([
    [[], {}],
    [['-c', '3'], { count: 3 }],
    [['--no-until-direct'], { untilDirect: false }],
    [['--until-direct=false'], { untilDirect: false }],
    [['--until-direct=true'], {}],
    [['--timeout', '1.5s', '--interval', '200ms'], { timeoutMs: 1_500, intervalMs: 200 }],
  ])('%j reaches the daemon', async (flags, change) => {
    let asked: PingRequest | undefined;
    const ping: LocalApiBackend['ping'] = async (request) => {
      asked = request;
    };
    await warren({ ping }, ['ping', ...flags, '100.64.0.7']);
    const usual = { count: 10, untilDirect: true, timeoutMs: 5_000, intervalMs: 1_000 };
    expect(asked).toEqual({ peer: '100.64.0.7', ...usual, ...change });
  });
});

describe('ip', () => {
  test('own addresses, by family', async () => {
    expect((await warren(report(), ['ip'])).out).toBe('100.64.0.2\nfd7a:115c:a1e0::2\n');
    expect((await warren(report(), ['ip', '-4'])).out).toBe('100.64.0.2\n');
    expect((await warren(report(), ['ip', '-6'])).out).toBe('fd7a:115c:a1e0::2\n');
  });

  test.each(['printer', 'PRINTER', 'printer.warren.internal.', '100.64.0.7', 'fd7a:115c:a1e0::7'])(
    'a peer is found as %s',
    async (name) => {
      expect((await warren(report(), ['ip', '-4', name])).out).toBe('100.64.0.7\n');
    },
  );

  test('--json names the machine', async () => {
    const { out } = await warren(report(), ['ip', '--json', 'desk']);
    expect(JSON.parse(out)).toEqual({ name: quietPeer.name, addresses: quietPeer.addresses });
  });

  test('no such machine, and no addresses yet, are 3', async () => {
    expect((await warren(report(), ['ip', 'nobody'])).code).toBe(3);
    expect((await warren(report({ state: 'NeedsLogin', self: null }), ['ip'])).code).toBe(3);
  });
});

test('down asks the daemon once and says what comes next', async () => {
  let downs = 0;
  const down = async () => {
    downs++;
  };
  expect((await warren({ down }, ['down'])).err).toMatch(/stopped; `warren up`/);
  expect(JSON.parse((await warren({ down }, ['down', '--json'])).out)).toEqual({
    state: 'Stopped',
  });
  expect(downs).toBe(2);
});

describe('up', () => {
  const running: UpEvent = {
    event: 'running',
    name: 'laptop.warren.internal',
    addresses: ['100.64.0.2', 'fd7a:115c:a1e0::2'],
  };
  const authUrl: UpEvent = {
    event: 'auth-url',
    url: 'https://hub.example.net/register/abc',
    fingerprint: '244f e3b9 63e8 99dd 295b affc',
  };
  const progress = (message: string): UpEvent => ({ event: 'progress', message });

  const emitting = (...events: (UpEvent | number)[]): Partial<LocalApiBackend> => ({
    up: async (_request, emit, signal) => {
      for (const event of events) {
        if (typeof event === 'number')
          await sleep(event, undefined, { signal }).catch(() => undefined);
        else emit(event);
      }
    },
  });

  test('a quick join prints one line', async () => {
    const events = [
      progress('connecting to the hub'),
      { event: 'state', state: 'Starting' } as const,
      running,
    ];
    expect(await warren(emitting(...events), ['up'])).toEqual({
      code: 0,
      out: 'Success. laptop.warren.internal is up: 100.64.0.2, fd7a:115c:a1e0::2\n',
      err: '',
    });
  });

  test('only a step that takes over a second is named', async () => {
    const events = [progress('quick'), 50, progress('connecting to the hub'), 1_300, running];
    const { code, err } = await warren(emitting(...events), ['up']);
    expect({ code, err }).toEqual({ code: 0, err: 'connecting to the hub ...\n' });
  });

  test('the login address comes on stderr, alone on its line', async () => {
    const { out, err } = await warren(emitting(authUrl, running), ['up']);
    expect(err).toMatch(
      /^\nTo authenticate, visit:\n\n\thttps:\/\/hub\.example\.net\/register\/abc\n\n.*244f e3b9 /,
    );
    expect(out).toMatch(/^Success\./);
  });

  test('--force-reauth is told to the daemon', async () => {
    const asked: UpRequest[] = [];
    const up: LocalApiBackend['up'] = (request, emit) => {
      asked.push(request);
      emit(running);
      return Promise.resolve();
    };
    expect((await warren({ up }, ['up', '--force-reauth'])).code).toBe(0);
    expect((await warren({ up }, ['login'])).code).toBe(0);
    expect(asked).toEqual([{ forceReauth: true }, {}]);
  });

  test('an administrator’s approval is announced at once', async () => {
    const { err } = await warren(emitting({ event: 'state', state: 'NeedsMachineAuth' }, running), [
      'up',
    ]);
    expect(err).toMatch(/^Waiting until the administrator/);
  });

  test('--json is a line per event', async () => {
    const { code, out, err } = await warren(emitting(authUrl, running), ['up', '--json']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as UpEvent),
    ).toEqual([authUrl, running]);
  });

  test('a refusal keeps the daemon’s words; with --json the last line is the error', async () => {
    const up = () =>
      Promise.reject(new NodeError('LOGIN_REFUSED', 'the key is used', 'make another'));
    expect(await warren({ up }, ['up'])).toEqual({
      code: 1,
      out: '',
      err: 'error: the key is used (LOGIN_REFUSED)\n  hint: make another\n',
    });
    const { out } = await warren({ up }, ['up', '--json']);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'LOGIN_REFUSED' } });
    const far = () => Promise.reject(new NodeError('SERVER_UNREACHABLE', 'no route', 'check'));
    expect((await warren({ up: far }, ['up'])).code).toBe(69);
  });

  test('--timeout gives up and names the last step', async () => {
    const { code, err } = await warren(emitting(progress('connecting to the hub'), 10_000), [
      'up',
      '--timeout',
      '300ms',
    ]);
    expect(code).toBe(1);
    expect(err).toMatch(
      /^error: not up within 300ms; the last it did: connecting to the hub \(UP_TIMEOUT\)/,
    );
  });

  describe('sends what was given', () => {
    async function requestOf(flags: readonly string[], environment = {}): Promise<UpRequest> {
      let asked: UpRequest | undefined;
      const up: LocalApiBackend['up'] = async (request, emit) => {
        asked = request;
        emit(running);
      };
      const { code, err } = await warren({ up }, ['up', ...flags], { environment });
      expect({ code, err }).toEqual({ code: 0, err: '' });
      return asked ?? {};
    }

    test('nothing by default', async () => expect(await requestOf([])).toEqual({}));

    test('by flags', async () => {
      const flags = [
        '--login-server',
        'hub.example.net/',
        '--auth-key',
        'wkey-auth-x',
        '--hostname',
        'desk',
      ];
      expect(await requestOf(flags)).toEqual({
        loginServer: 'https://hub.example.net',
        authKey: 'wkey-auth-x',
        hostName: 'desk',
      });
    });

    test('by variables, of which empty ones are none, and flags win', async () => {
      const environment = {
        WARREN_LOGIN_SERVER: 'https://a.example.net',
        WARREN_AUTH_KEY: 'wkey-auth-y',
        WARREN_HOSTNAME: '',
      };
      expect(await requestOf(['--login-server', 'https://b.example.net'], environment)).toEqual({
        loginServer: 'https://b.example.net',
        authKey: 'wkey-auth-y',
      });
    });

    test('a key out of a file', async () => {
      const dir = mkdtempSync(join(tmpdir(), 'warren-key-'));
      writeFileSync(join(dir, 'key'), 'wkey-auth-z\n');
      expect(await requestOf(['--auth-key', `file:${join(dir, 'key')}`])).toEqual({
        authKey: 'wkey-auth-z',
      });
      rmSync(dir, { recursive: true });
    });
  });

  test('a key file that is missing or empty is said before the daemon is asked', async () => {
    const missing = await warren({}, ['up', '--auth-key', 'file:/no/such/key']);
    expect(missing.code).toBe(1);
    expect(missing.err).toMatch(/auth key.*\/no\/such\/key \(FILE_MISSING\)/);
    expect((await warren({}, ['up', '--auth-key', 'file:/dev/null'])).code).toBe(1);
  });
});
