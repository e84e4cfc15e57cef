/**
 * What the network check says of real NATs: the truth about each of the zoo, and the same as coturn's discovery says
 * through the same router. Needs Debian's package coturn.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { NetcheckReport } from '@warren/node/local-api/netcheck-report';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCoturn } from '../interop/coturn.js';
import { CommandLine } from '../mesh/command-line.js';
import { ADMIN_SOCKET, HUB_STATE, LOG_FILE, RELAY_STATE, until } from '../mesh/places.js';
import { createKey } from '../mesh/servers.js';
import { natZoo } from '../topology/nat-zoo.js';
import { startWorld } from '../world/start-world.js';
import type { World } from '../world/world.js';

const MAIN_SCRIPT = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));
const [server] = natZoo.hosts;
const [HUB = '', RELAY = ''] = server?.addresses ?? [];
/** Beside Warren's 3478 and 3479. */
const COTURN_PORT = 3500;
const CHECK_MS = 60_000;

const EIM = 'endpoint-independent';
const ADM = 'address-dependent';
const APDM = 'address-and-port-dependent';
/** Filtering alike. */
const [EIF, ADF, APDF] = [EIM, ADM, APDM] as const;

/** Behind each: mapping, filtering, port allocation, delta. */
const TRUTHS = [
  ['in-the-open', 'none', 'none', null, null],
  ['behind-firewall', 'none', APDF, null, null],
  ['behind-easy', EIM, APDF, 'preserving', 0],
  ['behind-easy-range', EIM, APDF, 'random', 0],
  ['behind-hard', APDM, APDF, 'random', 0],
  ['behind-hard-range', APDM, APDF, 'random', 0],
  ['behind-hard-pool', APDM, APDF, 'random', 0],
  ['behind-port-block', APDM, APDF, 'random', 0],
  ['behind-port-parity', APDM, APDF, 'random', 0],
  ['behind-full-cone', EIM, EIF, 'preserving', 0],
  ['behind-restricted-cone', EIM, ADF, 'preserving', 0],
  ['behind-cone-other-ports', EIM, EIF, 'random', 0],
  ['behind-sequential', APDM, APDF, 'sequential', 1],
  ['behind-address-dependent', ADM, APDF, 'random', 0],
  ['behind-address-dependent-loose', ADM, ADF, 'random', 0],
  ['behind-one-to-one', EIM, 'none', 'preserving', 0],
  ['behind-one-to-one-firewalled', EIM, APDF, 'preserving', 0],
] as const;

/** Where ports are few: between these. */
const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  'behind-easy-range': [40_000, 40_063],
  'behind-hard-range': [40_000, 40_063],
  'behind-port-block': [40_448, 40_959],
};

/** As coturn says it; it knows no proof that nothing filters. */
const COTURN_WORDS: Readonly<Record<string, string>> = {
  [EIM]: 'Endpoint Independent',
  [ADM]: 'Address Dependent',
  [APDM]: 'Address and Port Dependent',
  none: 'Endpoint Independent',
};

describe('the description of a real NAT', () => {
  let world: World;
  let cli: CommandLine;
  let key = '';

  beforeAll(async () => {
    world = await startWorld(natZoo);
    cli = new CommandLine(world, [process.execPath, MAIN_SCRIPT]);
    const common = (address: string, id: number, code: string): string[] => [
      ...['--listen', `${address}:443`, '--host', address],
      ...['--region-id', String(id), '--region-code', code, '--region-name', code],
    ];
    cli.start('server', '/run/relay.log', [
      ...['relay', ...common(RELAY, 902, 'other'), '--state-dir', RELAY_STATE],
    ]);
    const file = `${RELAY_STATE}/derp-region.json`;
    await until(world, 'server', 'the relay', () => readFileSync(world.path('server', file)));
    cli.start('server', LOG_FILE, [
      ...['hub', ...common(HUB, 901, 'home'), '--state-dir', HUB_STATE],
      ...['--admin-socket', ADMIN_SOCKET, '--derp-region-file', file],
    ]);
    ({ key } = await createKey(world, cli, 'server', ['--reusable']));
    await startCoturn(world, 'server', [HUB, RELAY], COTURN_PORT);
  }, 120_000);
  afterAll(async () => {
    await world.close();
  });

  /** On sockets of its own: nothing that flowed earlier matters. */
  const check = (machine: string): Promise<NetcheckReport> =>
    cli.json(
      machine,
      ['netcheck', '--standalone', '--login-server', `https://${HUB}`, '--auth-key', key],
      { accept: [1, 2], timeoutMs: CHECK_MS },
    );

  /** coturn's own discovery, through the same router. */
  async function discover(machine: string): Promise<string> {
    const argv = ['turnutils_natdiscovery', '-m', '-f', '-L', world.addressOf(machine)];
    const { stdout } = await world.run(
      machine,
      [...argv, '-l', '5555', '-p', String(COTURN_PORT), HUB],
      { timeoutMs: CHECK_MS },
    );
    return stdout;
  }

  test.each(TRUTHS)(
    '%s: mapping %s, filtering %s, ports %s by %s',
    async (machine, mapping, filtering, portAllocation, portDelta) => {
      const { nat } = await check(machine);
      expect(nat).toMatchObject({ mapping, filtering, portAllocation, portDelta });
      expect(nat.hairpin).toBe(mapping === EIM ? false : null);
      expect(nat.tablePressure).toBe(false);
      const few = RANGES[machine];
      expect(nat.portRange !== null).toBe(few !== undefined);
      if (nat.portRange !== null && few !== undefined) {
        expect(nat.portRange.low).toBeGreaterThanOrEqual(few[0]);
        expect(nat.portRange.high).toBeLessThanOrEqual(few[1]);
      }
      const words = await discover(machine);
      const mappingWords = COTURN_WORDS[mapping];
      expect(words).toContain(mapping === 'none' ? 'No NAT!' : `NAT with ${mappingWords} Mapping!`);
      expect(words).toContain(`NAT with ${COTURN_WORDS[filtering]} Filtering!`);
    },
  );

  test('where no UDP passes neither says anything', async () => {
    const { nat } = await check('behind-udp-blocked');
    expect(nat).toMatchObject({
      class: 'unknown',
      mapping: null,
      filtering: null,
      portAllocation: null,
    });
    expect(await discover('behind-udp-blocked')).not.toMatch(/NAT with|No NAT/);
  });
});
