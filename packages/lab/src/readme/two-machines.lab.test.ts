/**
 * README's quick start, as it is written there: two machines of the lab follow it command by command, one
 * behind a home router.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../mesh/places.js';
import { skipsLab } from '../testing/lab-ring.js';
import { oneHub } from '../topology/one-hub.js';
import { startWorld } from '../world/start-world.js';
import type { RunResult, World } from '../world/world.js';
import { commandsOf, shellBlocks } from './shell-blocks.js';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const blocks = shellBlocks(readFileSync(`${root}/README.md`, 'utf8'));
const skips = await skipsLab();

/**
 * Gives a machine of the lab a /usr/local/bin of its own, where the README puts a link, with what the
 * computer's has, and a sudo where the computer has none: everybody is root here.
 */
const OWN_PROGRAMS = `
mkdir /run/programs && cp -as /usr/local/bin/. /run/programs/
command -v sudo || { printf '#!/bin/sh\\nexec "$@"\\n' > /run/programs/sudo; chmod +x /run/programs/sudo; }
mount --bind /run/programs /usr/local/bin
`;
const HUB_OUTPUT = '/run/hub-output';

describe.skipIf(skips)('two machines of your own', () => {
  let world: World;
  /** What README's placeholders stand for. */
  const meant = new Map<string, string>();

  /** Runs one command of the README on a machine, in the directory of the clone. */
  async function type(machine: string, command: string): Promise<RunResult> {
    const line = [...meant].reduce((text, [word, value]) => text.replace(word, value), command);
    const result = await world.run(machine, ['bash', '-c', `cd '${root}' && ${line}`]);
    expect(result, `${machine}: ${line}`).toMatchObject({ code: 0 });
    return result;
  }

  async function typeBlock(machine: string, name: string): Promise<string> {
    let said = '';
    for (const command of commandsOf(blocks, name)) said += (await type(machine, command)).stdout;
    return said;
  }

  beforeAll(async () => {
    world = await startWorld(oneHub);
    for (const machine of ['open', 'left']) {
      const { code, stderr } = await world.run(machine, ['bash', '-c', OWN_PROGRAMS]);
      expect(code, stderr).toBe(0);
    }
  });
  afterAll(() => world.close());

  test('the command is found on both', async () => {
    for (const machine of ['open', 'left']) {
      await typeBlock(machine, 'command');
      await type(machine, 'warren version');
    }
  });

  test('the hub says what to paste', async () => {
    const [command = ''] = commandsOf(blocks, 'hub');
    world.exec('open', ['bash', '-c', command], {
      stdout: { file: HUB_OUTPUT },
      stderr: { file: HUB_OUTPUT },
    });
    const [, address = '', key = ''] = await until(world, 'open', 'the hub', () => {
      const said = readFileSync(world.path('open', HUB_OUTPUT), 'utf8');
      const line = /^ {2}warren up --login-server https:\/\/(\S+) --auth-key (\S+)$/m.exec(said);
      if (line === null) throw new Error(said);
      return line;
    });
    meant.set('ADDRESS', address).set('wkey-auth-...', key);
    expect(address).toBe(world.addressOf('open'));
  });

  test('both join, see each other and have a direct path', async () => {
    expect(commandsOf(blocks, 'join').join()).toContain('https://ADDRESS');
    for (const machine of ['open', 'left']) await typeBlock(machine, 'join');
    meant.set('OTHER', 'left');
    const said = await typeBlock('open', 'look');
    expect(said).toMatch(/^100\.64\.\d+\.\d+ +left /m);
    expect(said).toMatch(/pong from left \(100\.64\.\d+\.\d+\) via [\d.]+:\d+ in/);
  });

  test('more keys, and a machine is put out', async () => {
    expect(await typeBlock('open', 'more-keys')).toMatch(/^wkey-auth-\S+$/m);
    await typeBlock('open', 'remove');
    const { stdout } = await type('open', 'warren control nodes list');
    expect(stdout).not.toMatch(/\bleft\b/);
  });
});
